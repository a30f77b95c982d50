"""RuleLIF: a leaky integrator with every reset of the network form."""
