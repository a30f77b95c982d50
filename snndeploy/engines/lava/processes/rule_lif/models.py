"""RuleLIF in floating point and in fixed point. Written from the equations, sharing no code with other engines."""

from __future__ import annotations

import typing as ty

import numpy as np
import numpy.typing as npt
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from snndeploy.engines.lava.processes.rule_lif.process import RuleLIF

Array = npt.NDArray[ty.Any]


class AbstractRuleLIFModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Start, and the parts that both arithmetics have in common."""

    u: Array
    v: Array
    a_in: ty.Any
    a_in_1: ty.Any
    a_in_2: ty.Any
    a_in_3: ty.Any
    s_out: ty.Any

    def __init__(self, proc_params: ty.Any) -> None:
        super().__init__(proc_params)
        self.start_step = proc_params["start"]
        self.numbers: dict[str, Array] = proc_params["numbers"]
        self.settings: dict[str, ty.Any] = proc_params["settings"]
        shape = proc_params["shape"]
        self.over: Array = np.zeros(shape, bool)  # the stored membrane is above its threshold
        self.adapted: Array = np.zeros(shape)
        self.resting: Array = np.zeros(shape, int)

    def prepare(self) -> None:
        """Called once, before the first step of the network."""
        raise NotImplementedError

    def advance(self, now: int, inputs: list[Array]) -> Array:
        """Step `now` of the network: takes what arrived per receptor, returns what is sent."""
        raise NotImplementedError

    def run_spk(self) -> None:
        inputs = [port.recv() for port in (self.a_in, self.a_in_1, self.a_in_2, self.a_in_3)]
        now = self.time_step - 1 - self.start_step
        if now < 0:
            self.s_out.send(np.zeros_like(self.v))
            return
        if now == 0:
            self.prepare()
        self.s_out.send(self.advance(now, inputs))


@implements(proc=RuleLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyRuleLIFModelFloat(AbstractRuleLIFModel):
    """The rule in float64, operation by operation in the order of its equation."""

    a_in = LavaPyType(PyInPort.VEC_DENSE, float)
    a_in_1 = LavaPyType(PyInPort.VEC_DENSE, float)
    a_in_2 = LavaPyType(PyInPort.VEC_DENSE, float)
    a_in_3 = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out = LavaPyType(PyOutPort.VEC_DENSE, float)
    u = LavaPyType(np.ndarray, float)
    v = LavaPyType(np.ndarray, float)

    def prepare(self) -> None:
        if self.settings["spiking"]:
            self.over = self.v > self.numbers["vth"]

    def advance(self, now: int, inputs: list[Array]) -> Array:
        numbers, settings = self.numbers, self.settings
        when, to, amount = settings["reset_when"], settings["reset_to"], numbers["reset_value"]
        receptors = len(self.u)

        current = np.empty_like(self.u)
        for k in range(receptors):
            current[k] = numbers["alpha"][k] * self.u[k] + inputs[k]
            if now >= settings["onsets"][k]:
                current[k] += numbers["constant"][k]
        acting = self.u if settings["synchronous"] else current
        drive = numbers["gain"][0] * acting[0]
        for k in range(1, receptors):
            drive = drive + numbers["gain"][k] * acting[k]
        candidate = numbers["beta"] * self.v + drive
        if now >= settings["onset"]:
            candidate = candidate + numbers["bias"]
        if "floor" in numbers:
            candidate = np.maximum(candidate, numbers["floor"])
        if not settings["spiking"]:
            self.v[:] = np.maximum(candidate, numbers["state_floor"]) if "state_floor" in numbers else candidate
            self.u[:] = current
            return np.asarray(self.v)

        pending = self.over
        if when in ("next", "residual"):
            candidate[pending] = amount[pending] if to else candidate[pending] - amount[pending]
        theta = numbers["vth"]
        if "adapt_decay" in numbers:
            faded = numbers["adapt_decay"] * self.adapted
            theta = theta + (faded if settings["adapt_first"] else self.adapted)
        rests = self.resting > 0
        fired = (candidate > theta) & ~rests

        stored = candidate.copy()
        taken = candidate - amount if to else amount
        if when == "now":
            stored[fired] = amount[fired] if to else candidate[fired] - amount[fired]
        elif when == "residual":
            stored[fired & ~pending] -= taken[fired & ~pending]
            stored[pending & ~fired] += taken[pending & ~fired]
        if "state_floor" in numbers:
            stored = np.maximum(stored, numbers["state_floor"])
        cleared = fired if when == "now" else pending if when in ("next", "residual") else np.zeros_like(fired)
        for k in range(receptors):
            if settings["u_resets"][k]:
                current[k][cleared] = 0
        if settings["refractory"]:
            stored[rests] = self.v[rests]
            if settings["freezes_u"]:
                current[:, rests] = self.u[:, rests]
            self.resting = np.where(fired, settings["refractory"], np.maximum(self.resting - 1, 0))
        if "adapt_decay" in numbers:
            self.adapted = faded + numbers["adapt_jump"] * fired
        self.u[:], self.v[:] = current, stored
        self.over = stored > theta
        return np.asarray(numbers["value"] * fired)


@implements(proc=RuleLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyRuleLIFModelFixed(AbstractRuleLIFModel):
    """The rule on Loihi's registers: 24-bit u and v, 12-bit decays, threshold and input shifted by 6."""

    a_in = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    a_in_1 = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    a_in_2 = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    a_in_3 = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    u = LavaPyType(np.ndarray, np.int64, precision=24)
    v = LavaPyType(np.ndarray, np.int64, precision=24)

    def prepare(self) -> None:
        if self.settings["spiking"]:
            self.theta = self.numbers["vth"] * 64
            self.adapted = np.zeros(self.theta.shape, np.int64)
            self.over = self.v > self.theta
        self.bias = self.numbers["bias_mant"] * 2 ** self.numbers["bias_exp"]

    @staticmethod
    def in_32_bits(y: Array) -> Array:
        return (y + 2**31) % 2**32 - 2**31

    @staticmethod
    def saturated(y: Array) -> Array:
        return np.minimum(np.maximum(y, 1 - 2**23), 2**23 - 1)

    @staticmethod
    def decayed(y: Array, kept: Array) -> Array:
        """y·kept / 4096 toward zero: floor division after adding 4095 to negative products."""
        product = y * kept
        return np.asarray((product + 4095 * (product < 0)) // 4096)

    def advance(self, now: int, inputs: list[Array]) -> Array:
        settings, amount = self.settings, self.numbers["reset_value"]
        when, to = settings["reset_when"], settings["reset_to"]
        arrived = self.in_32_bits(inputs[0].astype(np.int64) * 64)
        u = self.in_32_bits(self.decayed(self.u, 4095 - self.numbers["du"]) + arrived)
        u = u - 2**24 * (u > 2**23) + 2**24 * (u <= -(2**23))
        bias = self.bias if now >= settings["onset"] else 0
        v = self.saturated(self.in_32_bits(self.decayed(self.v, 4096 - self.numbers["dv"]) + u + bias))
        if not settings["spiking"]:
            self.u[:], self.v[:] = u, v
            return v

        pending = self.over
        if when in ("next", "residual"):
            v = np.where(pending, self.saturated(amount if to else v - amount), v)
        theta, rests = self.theta, self.resting > 0
        if "adapt_da" in self.numbers:
            faded = self.decayed(self.adapted, 4096 - self.numbers["adapt_da"])
            theta = theta + (faded if settings["adapt_first"] else self.adapted)
        fired = (v > theta) & ~rests
        if when == "now":
            v = np.where(fired, self.saturated(amount if to else v - amount), v)
        elif when == "residual":
            due = fired.astype(np.int64) - pending.astype(np.int64)
            v = self.saturated(v - due * (v - amount if to else amount))
        if "adapt_da" in self.numbers:
            self.adapted = self.saturated(faded + self.numbers["adapt_jump"] * fired)
        if settings["refractory"]:
            v[rests] = self.v[rests]
            if settings["freezes_u"]:
                u[rests] = self.u[rests]
            self.resting = np.where(fired, settings["refractory"], np.maximum(self.resting - 1, 0))
        self.u[:], self.v[:] = u, v
        self.over = v > theta
        return fired.astype(np.int32)
