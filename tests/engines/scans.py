"""Random populations and drive, one scan of them, and what the definition computes from the same drive.

`python tests/engines/scans.py` compares the Triton kernels in Triton's interpreter; it has to be started with
TRITON_INTERPRET=1 and prints how many scans agreed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from random_networks import EVERY, PLAIN, float_network, integer_network, spikes_for

from snndeploy.engines.reference import start
from snndeploy.engines.reference.integer_rule import accumulate
from snndeploy.network import Registers
from snndeploy.network.maps import chain_apply

ALL = ("spikes", "u", "v")
BATCH, STEPS = 2, (5, 1, 6)


def populations(seed, integer):
    """(network, population, projections onto itself) of a random network, with the generator that made it."""
    rng = np.random.default_rng([8, integer, seed])
    features = EVERY if seed % 3 else PLAIN
    network = integer_network(rng, features, extreme=seed % 2 == 0) if integer else float_network(rng, features)
    for population in network.populations:
        inner = [p for p in network.into(population.name) if p.source == population.name]
        if population.rule.spiking or not inner:
            yield rng, network, population, inner


def drive_for(rng, population, steps, batch):
    """Per receptor, (steps, batch, *shape); every second one but the first stays silent."""
    size = (steps, batch, *population.shape)
    if isinstance(population.rule, Registers):
        extreme = rng.random() < 0.3
        return [rng.integers(-(2**31), 2**31, size) if extreme else rng.integers(-300, 600, size)]
    silent = rng.random() < 0.5
    return [None if k and silent else rng.normal(0.2, 1, size) for k in range(len(population.rule.receptors))]


def defined(network, population, inner, drive, steps, batch):
    """Spikes, u and v of the definition."""
    state = start(population, batch)
    emitted, kept = [], {what: [] for what in ALL}
    for t in range(steps):
        now = state.silence()
        for k, rows in enumerate(drive):
            now[k] = now[k] if rows is None else now[k] + rows[t]
        for p in inner:
            if p.delay <= t:
                arrived = chain_apply(p.maps, emitted[t - p.delay])
                now[p.receptor] = now[p.receptor] + (accumulate(arrived, p.format) if p.format else arrived)
        emitted.append(state.step(t, now))
        for what in ALL:
            kept[what].append(state.recorded(what))
    return {what: np.stack(rows) for what, rows in kept.items()}


def scanned(cells, drive, steps):
    """The same of `Fused` or `Launched`, called for some steps at a time."""
    past = torch.zeros((cells.reach, cells.batch, *cells.shape), dtype=torch.bool)
    kept, at = {what: [] for what in ALL}, 0
    for now in steps:
        rows = [None if x is None else torch.tensor(x[at : at + now]).to(cells.drive_type) for x in drive]
        out, found = cells.advance(at, now, rows, past if cells.reach else None, ALL)
        if cells.reach:
            past = torch.cat([past, out != 0])[-cells.reach :]
        for what, each in found.items():
            kept[what].append(each.numpy())
        at += now
    return {what: np.concatenate(rows) for what, rows in kept.items() if rows}


def differences(cells, network, population, inner, drive, dtype=torch.float64):
    """Names of what differs."""
    want = defined(network, population, inner, drive, sum(STEPS), BATCH)
    got = scanned(cells, drive, STEPS)
    exact = cells.drive_type == torch.int32 or (dtype == torch.float64 and not inner)
    near = 1e-9 if dtype == torch.float64 else 1e-3
    for what, rows in got.items():
        same = np.array_equal(rows, want[what]) if exact or what == "spikes" else np.allclose(rows, want[what], 0, near)
        if not same:
            yield what
    if cells.drive_type == torch.int32:
        assert got["u"].dtype == got["v"].dtype == np.int64


def main() -> None:
    from snndeploy.engines.torch.launched import Launched, fits

    count = 0
    for seed in range(24):
        for rng, network, population, inner in populations(seed % 12, seed < 12):
            assert fits(population, inner)
            cells = Launched(network, population, BATCH, inner, torch.float64, "cpu")
            wrong = list(differences(cells, network, population, inner, drive_for(rng, population, sum(STEPS), BATCH)))
            assert not wrong, (seed, population.name, wrong)
            count += 1
    print(count, "scans and", networks_agree(), "networks agree")  # noqa: T201


def whole_run_agrees(run, seed):
    """Float networks in float64 for even seeds, integer ones for odd seeds; returns the trace."""
    rng = np.random.default_rng([9, seed])
    network = integer_network(rng, EVERY, extreme=seed % 4 == 1) if seed % 2 else float_network(rng, EVERY)
    x = spikes_for(rng, network, 9, 2)
    want = run(network, x, "reference", ALL)
    got = run(network, x, "torch", ALL, **({} if seed % 2 else {"dtype": "float64"}))
    for what in ALL:
        for name, rows in getattr(want, what).items():
            found = getattr(got, what)[name]
            assert rows.shape == found.shape
            exact = seed % 2 or what == "spikes"
            assert np.array_equal(rows, found) if exact else np.allclose(rows, found, 0, 1e-9), (seed, what, name)
    return got


def networks_agree():
    """Whole runs as on a GPU, on the CPU."""
    from snndeploy.engines import run
    from snndeploy.engines.torch import schedule

    schedule.scans = lambda device: "triton"
    for seed in range(12):
        whole_run_agrees(run, seed)
    return 12


if __name__ == "__main__":
    main()
