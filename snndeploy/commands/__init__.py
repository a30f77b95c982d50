"""The verbs as commands. Each file registers its commands on an app; `snndeploy.cli` puts them together."""
