"""How many samples a shard holds: as many as the memory allows, few enough to keep all workers busy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil, prod
from typing import Any

from snndeploy.encoding.apply import raw
from snndeploy.errors import error
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers
from snndeploy.shards.source import Source

# samples beyond which a larger shard gains nothing
LARGEST = 256
# shards per worker, so that the last ones do not leave the others idle
EACH = 4
# engines with an option `memory`, and the most that they make use of
BUDGETED = ("torch",)
WORKING = 2**29
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def parse_bytes(text: str) -> int:
    """ "2GiB" -> 2147483648; kB, MB, GB, TB are powers of 1000, KiB ... of 1024. Raises SD800."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?", text.strip().lower())
    if found is None or found[2] not in UNITS or float(found[1]) <= 0:
        raise error("SD800", f"memory {text!r}", "it is no number of bytes", "write it as 2GiB or 500MB")
    return int(float(found[1]) * UNITS[found[2]])


def show_bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def default_memory() -> int:
    """Half of the memory that is free now."""
    import psutil

    return int(psutil.virtual_memory().available) // 2


def working_memory(worker: int) -> int:
    """Bytes of what a worker may take that an engine may use between its inputs and what is recorded."""
    return min(WORKING, worker // 4)


def engine_options(engine: str, options: Mapping[str, Any], working: int) -> dict[str, Any]:
    """The engine's options, with its working memory where it has such an option and the caller says nothing of it."""
    return {"memory": working, **options} if engine in BUDGETED and working else dict(options)


def sample_bytes(network: Network, source: Source, record: tuple[str, ...], engines: tuple[str, ...]) -> int:
    """Bytes that one sample takes while it is run: its inputs as stored and as int64 or float64, and what is recorded.

    Args:
        record: what each run keeps, "spikes" 1 byte per bin, "u" and "v" 8.
        engines: one, or several that are compared with the first; two traces are held at the same time.
    """
    steps = source.steps
    # checks of the stored values make two arrays of truth values
    given = 3 * source.sample_bytes + 8 * steps * sum(prod(each.shape) for each in network.inputs)
    given += 8 * steps * sum(prod(each.shape) for each in raw(network).inputs) if network.encodings else 0
    kept = 0
    for each in network.populations:
        receptors = 1 if isinstance(each.rule, Registers) else len(each.rule.receptors)
        sizes = {"spikes": 1 if each.rule.spiking else 0, "u": 8 * receptors, "v": 8}
        kept += prod(each.shape) * sum(sizes[what] for what in record)
    # most engines gather rows before they join them
    copies = 1 if set(engines) <= set(BUDGETED) else 2
    # differences, and membranes as float64
    compared = 2 * 8 * sum(prod(each.shape) for each in network.populations) if len(engines) > 1 else 0
    return given + steps * (min(2, len(engines)) * copies * kept + compared)


def shard_size(samples: int, each: int, memory: int, workers: int) -> int:
    """Samples per shard.

    Args:
        each: bytes per sample. memory: for all workers together, what engines work with included.

    Raises:
        SnnDeployError SD808: one sample per worker does not fit.
    """
    worker = memory // workers
    fit = (worker - working_memory(worker)) // each
    if fit < 1:
        own = f"each of {workers} workers" if workers > 1 else "a run"
        what = f"one sample takes {show_bytes(each)}, an engine works with {show_bytes(working_memory(worker))}"
        needed = ceil(workers * min(each / 3 * 4, each + WORKING) / 2**20)
        what += f", and {own} may take {show_bytes(worker)}"
        raise error("SD808", "shards", what, f"--memory {needed}MiB, fewer workers, or record less")
    even = ceil(samples / (EACH * workers)) if workers > 1 else samples
    return max(1, min(fit, LARGEST, even))


def shards(samples: int, size: int) -> tuple[tuple[int, int], ...]:
    """(first, end) of each shard, in order."""
    return tuple((at, min(at + size, samples)) for at in range(0, samples, size))
