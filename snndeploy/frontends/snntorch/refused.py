"""What snnTorch has and the network form does not hold: every such class, with the reason and a way out."""

from __future__ import annotations

import snntorch

from snndeploy.frontends.neurons import NOT_NEURONS, REFUSED, Refusal

LEARNED_GATES = "its gates multiply states with each other"

REFUSED.update(
    {
        snntorch.AssociativeLeaky: Refusal(
            "its state is a matrix whose decay is computed from the input", "use Leaky, LinearLeaky or Synaptic"
        ),
        snntorch.DeltaLeaky: Refusal(
            "it spikes where its membrane changes by more than delta_threshold, up or down, and never resets",
            "use Leaky, which spikes at the membrane itself, and train again",
        ),
        snntorch.SLSTM: Refusal(LEARNED_GATES, "use RSynaptic with linear_features, and train again"),
        snntorch.SConv2dLSTM: Refusal(LEARNED_GATES, "use RSynaptic with conv2d_channels, and train again"),
        snntorch.GradedSpikes: Refusal(
            "it multiplies along the batch axis",
            "set graded_spikes_factor of the neuron before it, one number per neuron",
        ),
    }
)
# base classes, which have no forward of their own
NOT_NEURONS.update(
    dict.fromkeys((snntorch.SpikingNeuron, snntorch.LIF), "use one of snnTorch's neurons, such as Leaky")
)
