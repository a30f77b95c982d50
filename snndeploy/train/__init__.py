"""Training: one small loop, and samples as spikes."""
