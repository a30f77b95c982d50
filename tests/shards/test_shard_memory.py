"""A data set larger than the memory that is allowed: the most that a run ever takes stays near what it was given."""

import json
import subprocess
import sys

import numpy as np
import pytest

import snndeploy as sd
from snndeploy.network import Decision, Dense, Input, Network, Population, Projection, Rule

STEPS, SAMPLES, SIZE = 40, 1400, 1500
MIB = 2**20

RUN = """
import json, sys, threading, time
import psutil
import snndeploy as sd

own = psutil.Process()
net = sd.read(sys.argv[1])
sd.evaluate(net, sys.argv[2], shard_size=1)
before, most = own.memory_info().rss, []

def watch():
    while True:
        most.append(own.memory_info().rss)
        time.sleep(0.002)

threading.Thread(target=watch, daemon=True).start()
found = sd.evaluate(net, sys.argv[3], memory=sys.argv[4], output=sys.argv[5])
print(json.dumps({"grew": max(most) - before, "shards": found.shards, "spikes": found.spikes}))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A network, a small input, and one of 80 MiB that would be 640 MiB as int64; most of it is a hole in the file."""
    folder = tmp_path_factory.mktemp("large")
    weight = np.ones((3, SIZE))
    populations = (Population("out", (3,), Rule(beta=0.5, threshold=SIZE / 2)),)
    inputs = (Input("in", (SIZE,)),)
    projections = (Projection("in", "out", (Dense(weight),)),)
    net = Network(1e-3, inputs, populations, projections, ("out",), Decision("out"))
    sd.write(net, folder / "m.nir")
    np.save(folder / "one.npy", np.zeros((2, 1, SIZE), np.uint8))
    large = np.lib.format.open_memmap(folder / "x.npy", "w+", np.uint8, (STEPS, SAMPLES, SIZE))
    large[7, 1000:1010] = 1
    large.flush()
    return folder


def test_a_data_set_larger_than_its_budget_streams(files):
    budget = 16 * MIB
    size = (files / "x.npy").stat().st_size
    assert size == pytest.approx(5 * budget, rel=0.01)
    given = [files / "m.nir", files / "one.npy", files / "x.npy", f"{budget}", files / "out.npz"]
    done = subprocess.run([sys.executable, "-c", RUN, *map(str, given)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["spikes"] == {"out": 30}
    assert said["shards"] > 20
    # the allocator keeps some of what was freed
    assert said["grew"] < 2 * budget < size / 2
