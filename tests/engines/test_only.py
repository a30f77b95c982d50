"""`only`: what is recorded of some populations is what is recorded of them anyway, on every engine."""

import numpy as np
import pytest
from random_networks import PLAIN, float_network, integer_network, spikes_for

from snndeploy import run
from snndeploy.errors import SnnDeployError
from snndeploy.network import Decision

ALL = ("spikes", "u", "v")


def cases(form, count, features=PLAIN):
    make = integer_network if form == "integer" else float_network
    for seed in range(count):
        rng = np.random.default_rng([3, seed])
        network = make(rng, features)
        yield network, spikes_for(rng, network, 8, 3), frozenset(rng.permutation(list(network.population))[:1])


@pytest.mark.parametrize("form", ["float", "integer"])
@pytest.mark.parametrize(("engine", "count"), [("reference", 10), ("torch", 12), ("onnx", 4), ("lava", 4)])
def test_the_same_numbers_of_fewer_populations(engine, count, form):
    for network, spikes, only in cases(form, count):
        every, some = run(network, spikes, engine, ALL), run(network, spikes, engine, ALL, only=only)
        for what in ALL:
            wanted = {name: rows for name, rows in getattr(every, what).items() if name in only}
            got = getattr(some, what)
            assert got.keys() == wanted.keys()
            assert all(np.array_equal(got[name], wanted[name], equal_nan=True) for name in got)


def test_torch_keeps_no_more_than_that(monkeypatch):
    from snndeploy.engines.torch.record import Record

    kept = []
    before = Record._whole
    monkeypatch.setattr(
        Record, "_whole", lambda self, what, name, *rest: (kept.append(name), before(self, what, name, *rest))[1]
    )
    for form in ("float", "integer"):
        for network, spikes, only in cases(form, 6):
            kept.clear()
            run(network, spikes, "torch", ALL, only=only)
            assert set(kept) == only


def test_the_outputs_decide():
    network, spikes, _ = next(cases("integer", 1))
    network = network.with_(decision=Decision(network.outputs[0]))
    whole = run(network, spikes, "torch", ("spikes", "v")).decisions()
    assert np.array_equal(run(network, spikes, "torch", ("spikes", "v"), only=network.outputs).decisions(), whole)
    with pytest.raises(SnnDeployError, match="SD102 .*recorded"):
        run(network, spikes, "torch", only=()).decisions()


def test_a_name_that_is_not_there():
    network, spikes, _ = next(cases("integer", 1))
    with pytest.raises(SnnDeployError, match="SD102 only 'nobody': there is no such population"):
        run(network, spikes, only=("nobody",))
