"""The causes that a diagnosis names, and what each one says."""

from snndeploy.conform.diagnosis.result import Kind

MEANINGS: dict[Kind, str] = {
    "tie": "|p - θ| is within the rounding bound of the arithmetic: both decisions are right.",
    "weight": "One weight, or all weights of a projection by one factor, their sign or their exponent.",
    "decay": "α or β (du or dv) of some neurons.",
    "threshold": "θ (vth) of some neurons, the nearest that allows every recorded decision.",
    "bias": "A bias or constant that is missing, begins at another step, or is another number.",
    "gain": "What one unit of the current adds to the membrane.",
    "state": "How states are rounded (decays down, to the nearest, away from zero) or bounded from below.",
    "initial state": "u or v before the first step.",
    "overflow": "What a register does at its end: wrap, saturate, or hold more bits.",
    "reset": "Its kind (to, by, none), its time (now, next, residual), its amount.",
    "refractory": "Steps of the refractory period, and what it freezes.",
    "comparator": "p >= θ in place of p > θ.",
    "order": "The membrane takes the current of the step before, not of this one.",
    "latency": "A projection takes more or fewer steps, or the layer was recorded late.",
    "input": "The neurons of an input in another order, or counts as single events.",
    "wiring": "A projection is missing, feeds another receptor, or its weights lie another way (transposed, turned).",
    "dt": "All decays (and what they scale) are those of another time step.",
    "unknown": "No change that was tried explains a single bin more.",
}
