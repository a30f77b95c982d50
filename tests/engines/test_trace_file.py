"""Trace files: whole or refused."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from random_networks import float_network, integer_network, spikes_for

import snndeploy as sd
from snndeploy.engines import trace_file
from snndeploy.errors import SnnDeployError
from snndeploy.network.arrays import equal


def a_trace(seed=0, make=float_network, raw=False):
    rng = np.random.default_rng(seed)
    network = make(rng)
    return sd.run(network, spikes_for(rng, network, 6, 3), record=("spikes", "u", "v"), raw=raw)


@pytest.mark.parametrize("make", [float_network, integer_network])
@pytest.mark.parametrize("seed", range(5))
def test_every_bit_comes_back(tmp_path, make, seed):
    trace = replace(a_trace(seed, make), converted=bool(seed % 2))
    trace_file.write(trace, tmp_path / "t.npz")
    back = trace_file.read(tmp_path / "t.npz")
    assert back.converted == trace.converted
    assert equal(back.network, trace.network)
    for group in trace_file.GROUPS:
        ours, theirs = getattr(trace, group), getattr(back, group)
        assert set(ours) == set(theirs)
        assert all(equal(ours[name], theirs[name]) for name in ours)
    assert sd.compare(trace, back).identical


def test_damage_is_a_finding_whatever_it_is(tmp_path):
    rng = np.random.default_rng(4)
    path = tmp_path / "t.npz"
    trace_file.write(a_trace(), path)
    whole = path.read_bytes()
    for k in range(60):
        data = bytearray(whole)
        if k % 2:
            del data[rng.integers(len(data)) :]
        else:
            for place in rng.integers(0, len(data), 6):
                data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            back = trace_file.read(path)
        except SnnDeployError as problem:
            assert {each.code for each in problem.findings} == {"SD806"}
        else:
            assert sd.compare(a_trace(), back).identical


def altered(path, **changes):
    """The members of a trace file with some replaced, dropped (None) or added."""
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files} | changes
    buffer = io.BytesIO()
    np.savez(buffer, **{name: array for name, array in members.items() if array is not None})
    path.write_bytes(buffer.getvalue())


@pytest.mark.parametrize("what", ["shape", "name", "input", "type", "format", "header", "rank"])
def test_what_does_not_belong_together_is_refused(tmp_path, what):
    trace, path = a_trace(), tmp_path / "t.npz"
    trace_file.write(trace, path)
    spikes, given = next(iter(trace.spikes)), next(iter(trace.inputs))
    header = {"format": "snndeploy trace 99"}
    altered(
        path,
        **{
            "shape": {f"spikes/{spikes}": trace.spikes[spikes][:, :1]},
            "name": {"v/nobody": np.zeros((6, 3, 2))},
            "input": {f"inputs/{given}": None},
            "type": {f"spikes/{spikes}": trace.spikes[spikes].astype(float)},
            "format": {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)},
            "header": {"header": np.frombuffer(b"{", np.uint8)},
            "rank": {f"inputs/{given}": np.zeros(3)},
        }[what],
    )
    with pytest.raises(SnnDeployError) as caught:
        trace_file.read(path)
    assert {each.code for each in caught.value.findings} == {"SD806"}
