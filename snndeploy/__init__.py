"""snndeploy."""
