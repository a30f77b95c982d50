"""What Norse has and the network form does not hold: every such class, with the reason and a way out."""

from __future__ import annotations

from norse.torch.module import (
    coba_lif,
    conv,
    encode,
    exp_filter,
    izhikevich,
    lif_adex,
    lif_adex_refrac,
    lif_correlation,
    lif_ex,
    lif_mc,
    lif_mc_refrac,
    receptive_field,
    regularization,
    sequential,
    snn,
    spikes_to_times_decoder,
)

from snndeploy.frontends.neurons import NOT_NEURONS, REFUSED, Refusal

EXPONENTIAL = Refusal(
    "its membrane grows with exp((v - v_th) / delta_T), which is not linear in v",
    "use LIFCell, or LSNNCell where it has to adapt, and train again",
)
SQUARED = Refusal("its membrane grows with its own square", "use LSNNCell or LIFCell, and train again")
COUPLED = Refusal(
    "its membranes leak into each other (g_coupling)", "use LIFRecurrentCell, which couples by spikes, and train again"
)

REFUSED.update(
    dict.fromkeys(
        (
            lif_ex.LIFExCell,
            lif_ex.LIFExRecurrentCell,
            lif_ex.LIFEx,
            lif_ex.LIFExRecurrent,
            lif_adex.LIFAdExCell,
            lif_adex.LIFAdExRecurrentCell,
            lif_adex.LIFAdEx,
            lif_adex.LIFAdExRecurrent,
            lif_adex_refrac.LIFAdExRefracCell,
            lif_adex_refrac.LIFAdExRefracRecurrentCell,
            lif_adex_refrac.LIFAdExRefracRecurrent,
        ),
        EXPONENTIAL,
    )
)
REFUSED.update(
    dict.fromkeys(
        (
            izhikevich.IzhikevichCell,
            izhikevich.IzhikevichRecurrentCell,
            izhikevich.Izhikevich,
            izhikevich.IzhikevichRecurrent,
        ),
        SQUARED,
    )
)
REFUSED.update(dict.fromkeys((lif_mc.LIFMCRecurrentCell, lif_mc_refrac.LIFMCRefracRecurrentCell), COUPLED))
REFUSED.update(
    {
        coba_lif.CobaLIFCell: Refusal(
            "its conductances multiply its membrane", "use LIFRecurrentCell, whose synapses are currents"
        ),
        lif_correlation.LIFCorrelation: Refusal(
            "its weights change while it runs", "use LIFRecurrentCell with the weights that were learned"
        ),
        sequential.RecurrentSequential: Refusal(
            "it adds its last output to its input", "write a forward(x, state) that does, with an nn.Module of your own"
        ),
    }
)

ENCODED = "encode before capture: the sample is what the network gets"
OUTSIDE = "use it outside of the module that is captured"
NOT_NEURONS.update(
    dict.fromkeys((snn.SNN, snn.SNNCell, snn.SNNRecurrent, snn.SNNRecurrentCell), "use one of Norse's neurons")
)
NOT_NEURONS.update(
    {
        value: ENCODED
        for value in vars(encode).values()
        if isinstance(value, type) and value.__module__ == encode.__name__
    }
)
NOT_NEURONS.update(
    dict.fromkeys((regularization.RegularizationCell, spikes_to_times_decoder.SpikesToTimesDecoder), OUTSIDE)
)
NOT_NEURONS.update(
    dict.fromkeys(
        (
            receptive_field.SpatialReceptiveField2d,
            receptive_field.SampledSpatialReceptiveField2d,
            receptive_field.ParameterizedSpatialReceptiveField2d,
        ),
        "use an nn.Conv2d with its kernel as weights",
    )
)
NOT_NEURONS.update(
    dict.fromkeys(
        (receptive_field.TemporalReceptiveField, exp_filter.ExpFilter, conv.LConv2d),
        "use a neuron without threshold, such as LICell, for a filter over time, and an nn.Conv2d per step",
    )
)
