"""Devices and processes: Lightning Fabric, for one process or for several that share each batch."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from snndeploy.errors import Finding, error, raise_errors
from snndeploy.train.batches import Part
from snndeploy.train.settings import Settings


def device_of(how: Settings) -> str:
    """The device that is meant.

    Raises:
        SnnDeployError SD807: it is not there.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if how.device == "auto":
        return "cuda" if cuda else "mps" if mps else "cpu"
    found = []
    fix = "device='cpu' (--device cpu)"
    if how.device == "cuda" and not cuda:
        found.append(Finding("SD807", "device 'cuda'", "torch finds no CUDA device here", fix))
    elif how.device == "cuda" and how.devices > torch.cuda.device_count():
        what = f"{how.devices} are asked for, and {torch.cuda.device_count()} are here"
        found.append(Finding("SD807", "device 'cuda'", what, "ask for fewer devices"))
    if how.device == "mps" and not mps:
        found.append(Finding("SD807", "device 'mps'", "torch finds no Metal device here", fix))
    raise_errors(found)
    return how.device


def start(how: Settings, device: str) -> Any:
    """A Fabric whose processes run: those of torchrun, or those that it starts itself, each with the same command.

    Raises:
        SnnDeployError SD807: torchrun and the settings ask for different numbers of processes.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.strategies import DDPStrategy

    local, nodes = how.devices, 1
    if "TORCHELASTIC_RUN_ID" in os.environ:
        local = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // local
        if how.devices not in (1, local):
            what = f"it is {how.devices}, and torchrun started {local} processes here"
            raise error("SD807", "devices", what, "leave it out, or torchrun --nproc-per-node=N")
    several = local * nodes > 1
    # buffers of neurons are states, which belong to the samples of a process
    strategy: Any = DDPStrategy(broadcast_buffers=False) if several else "auto"
    with warnings.catch_warnings():
        # what Fabric remarks about machine and precision is no news here
        warnings.simplefilter("ignore")
        logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
        fabric = Fabric(
            accelerator=device,
            devices=local,
            num_nodes=nodes,
            strategy=strategy,
            precision=how.precision,
        )
        fabric.launch()
    return fabric


def part_of(fabric: Any) -> Part:
    return Part(int(fabric.global_rank), int(fabric.world_size))


def summed(fabric: Any, values: list[float]) -> list[float]:
    """The sums over all processes; unchanged where there is one."""
    if fabric.world_size == 1:
        return values
    found = fabric.all_reduce(torch.tensor(values, dtype=torch.float64, device=fabric.device), reduce_op="sum")
    return [float(each) for each in found.tolist()]


def gathered(fabric: Any, value: Any) -> list[Any]:
    """What each process has, in their order."""
    if fabric.world_size == 1:
        return [value]
    found: list[Any] = [None] * fabric.world_size
    torch.distributed.all_gather_object(found, value)
    return found


SHARED_NORM = "batch norm: each process normalises its own part of a batch; the statistics are those of the first one"


def statistics(module: torch.nn.Module) -> list[torch.Tensor]:
    """What batch norm keeps of the batches that it saw."""
    norms = [each for each in module.modules() if isinstance(each, _BatchNorm)]
    return [buffer for each in norms for buffer in each.buffers()]


def same_statistics(fabric: Any, module: torch.nn.Module) -> None:
    """Those of the first process, in all of them."""
    if fabric.world_size > 1:
        for each in statistics(module):
            torch.distributed.broadcast(each, 0)
