"""Learning on the chip as Lava has it: `LearningDense` with `STDPLoihi`, fed with given spikes on both sides.

Lava's own process model, built by its compiler, one call of `run_spk` and `run_lrn` per step. The float model computes
the rule as it is written, with constants that `float_to_literal` rounds to powers of two (2^-7 to 2^8, or it raises);
the fixed-point one is `bit_approximate_loihi`: traces of 7 bits and weights of 8, rounded at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.engines.lava.inline import models_of
from snndeploy.engines.lava.patches import missing, quiet
from snndeploy.errors import Finding, MissingEngineError
from snndeploy.network.arrays import Array


@dataclass(frozen=True)
class OnChip:
    """Arguments of `STDPLoihi` and of its connection.

    Attributes:
        a_plus, a_minus: what they are called there; a_minus is negative where it weakens.
        tau_plus, tau_minus: steps. rate: `learning_rate`.
        impulse: what a spike adds to a trace, 0..127.
        epoch: steps between two updates of the weights; of each neuron only the last spike within an epoch has a time.
        seed: of the random rounding. fixed: the fixed-point model instead of the floating one.
    """

    a_plus: float
    a_minus: float
    tau_plus: float
    tau_minus: float
    rate: float = 1.0
    impulse: float = 16.0
    epoch: int = 1
    seed: int = 1
    fixed: bool = False


def learned(how: OnChip, weight: Array, pre: Array, post: Array) -> Array:
    """The weights after each step, (time, post, pre): float64, or of the fixed-point model int64.

    Args:
        weight: (post, pre), before the first step. pre: 0 or 1 (time, pre). post: (time, post).

    Raises:
        MissingEngineError SD502: Lava is not installed.
    """
    lacking = missing()
    if lacking:
        raise MissingEngineError(Finding("SD502", "engine 'lava'", lacking))
    with quiet():
        dense, feeds = _model(how, weight, pre, post)
    out = np.empty((len(pre), *np.shape(weight)), np.int64 if how.fixed else np.float64)
    for t in range(len(pre)):
        for feed in feeds:
            feed.time_step += 1
            feed.run_spk()
        dense.time_step += 1
        dense.run_spk()
        if dense.lrn_guard():
            dense.run_lrn()
        out[t] = dense.weights
    return out


def _model(how: OnChip, weight: Array, pre: Array, post: Array) -> tuple[Any, list[Any]]:
    """The connection and both feeds, built and joined by queues."""
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.dense import models
    from lava.proc.dense.process import LearningDense
    from lava.proc.io.source import PySendModelFixed, RingBuffer
    from lava.proc.learning_rules.stdp_learning_rule import STDPLoihi

    rule = STDPLoihi(
        learning_rate=how.rate,
        A_plus=how.a_plus,
        A_minus=how.a_minus,
        tau_plus=how.tau_plus,
        tau_minus=how.tau_minus,
        x1_impulse=how.impulse,
        y1_impulse=how.impulse,
        t_epoch=how.epoch,
        rng_seed=how.seed,
    )
    kind = np.int64 if how.fixed else np.float64
    dense = LearningDense(weights=np.asarray(weight, kind), learning_rule=rule, name="plastic")
    before, behind = (RingBuffer(data=np.asarray(s, np.int64).T) for s in (pre, post))
    before.s_out.connect(dense.s_in)
    behind.s_out.connect(dense.s_in_bap)
    config = Loihi2SimCfg(select_tag="fixed_pt" if how.fixed else "floating_pt")
    config.exception_proc_model_map = {
        dense: models.PyLearningDenseModelBitApproximate if how.fixed else models.PyLearningDenseModelFloat,
        before: PySendModelFixed,
        behind: PySendModelFixed,
    }
    executable = dense.compile(config)
    built = models_of(executable.proc_builders, executable.channel_builders)
    return built[dense], [built[before], built[behind]]
