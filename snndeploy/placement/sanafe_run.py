"""The process in which SANA-FE runs: a failure there ends it with an abort, and it writes to stdout as it likes.

`python -m snndeploy.placement.sanafe_run FOLDER` reads `job.npz` and `job.json` there and writes `found.json`. Every
neuron replays its spikes: it is an input of SANA-FE's, with the energies and times of its neuron, all read from
SANA-FE's own description of Loihi. A replay makes no update where a neuron changes without a spike, so the part of
them that does is added to what every neuron takes in every step.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

# units of a core that replay, in SANA-FE's description; the second set stands for the host and costs nothing
REPLAY, HOST = "loihi_inputs", "host_inputs"
SOMA = (
    "energy_access_neuron",
    "latency_access_neuron",
    "energy_update_neuron",
    "latency_update_neuron",
    "energy_spike_out",
    "latency_spike_out",
)


def description(text: str, still: float, units: tuple[int, int]) -> tuple[str, dict[str, float]]:
    """SANA-FE's Loihi with neurons that replay spikes at the price of its own, and that price.

    still: part of the neurons that change without a spike, 0..1.
    units: replaying neurons of a core, and inputs of one, at most.
    """
    start = text.index(f"- name: {REPLAY}")
    end = text.index("dendrite:", start)
    free = text[start:end].rstrip() + "\n"
    own = text[text.index("- name: loihi_lif") : start]
    price = {name: float(re.findall(rf"{name}: *([-+.\de]+)", own)[0]) for name in SOMA}
    for name in ("energy_message_out", "energy_east_hop", "energy_north_hop"):
        price[name] = float(re.findall(rf"{name}: *([-+.\de]+)", text)[0])
    asked = dict(price)
    for what in ("energy", "latency"):
        asked[f"{what}_access_neuron"] += still * price[f"{what}_update_neuron"]
    paid = free
    for name in SOMA:
        paid = re.sub(rf"({name}: *)\S+", rf"\g<1>{asked[name]}", paid)
    own_units, host_units = (f"{name}[0..{most - 1}]" for name, most in zip((REPLAY, HOST), units, strict=True))
    named = re.compile(rf"{REPLAY}\[[^\]]*\]")
    margin = " " * (start - text.rfind("\n", 0, start) - 1)
    rest = text[text.rfind("\n", 0, end) + 1 :]
    return text[:start] + named.sub(own_units, paid) + margin + named.sub(host_units, free) + rest, price


def main(folder: Path) -> None:
    import sanafe

    job = json.loads((folder / "job.json").read_text("utf-8"))
    arrays = np.load(folder / "job.npz")
    most = {host: [1] for host in (False, True)}
    for i, each in enumerate(job["groups"]):
        most[each["host"]].append(1 + int(arrays[f"unit{i}"].max()))
    units = max(most[False]), max(most[True])
    text, price = description((files("sanafe.examples") / "loihi.yaml").read_text("utf-8"), job["still"], units)
    path = folder / "loihi.yaml"
    path.write_text(text, "utf-8")
    arch = sanafe.load_arch(path)
    cores = arch.cores()
    net = sanafe.Network()
    groups: dict[str, Any] = {}
    for i, each in enumerate(job["groups"]):
        core, unit, spikes = arrays[f"core{i}"], arrays[f"unit{i}"], arrays[f"spikes{i}"]
        groups[each["name"]] = group = net.create_neuron_group(f"g{i}", len(core))
        kind = HOST if each["host"] else REPLAY
        for n, neuron in enumerate(group.neurons):
            neuron.set_attributes(
                soma_hw_name=f"{kind}[{unit[n]}]",
                default_synapse_hw_name=f"loihi_{each['synapses']}_synapse",
                model_attributes={"spikes": spikes[n].tolist()},
            )
            neuron.map_to_core(cores[core[n]])
    for i, each in enumerate(job["edges"]):
        pairs = arrays[f"pairs{i}"]
        weights = {"weight": [0.0] * len(pairs)}
        groups[each["source"]].connect_neurons_sparse(groups[each["target"]], weights, list(map(tuple, pairs.tolist())))
    chip = sanafe.SpikingChip(arch)
    chip.load(net)
    found = chip.sim(int(job["steps"]), timing_model=job["timing"])
    result = {"energy": dict(found["energy"]), "time": found["sim_time"], "price": price}
    result |= {name: int(found[name]) for name in ("spikes", "packets_sent", "neurons_updated", "neurons_fired")}
    (folder / "found.json").write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
