"""Learning rules that are no gradients: pairs of spikes, competition, labels that are assigned afterwards."""
