"""Every file of the corpus: what it needs said, what is repaired in it, or why it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.frontends.nir import inspect, read

NIR = Path(__file__).parents[4] / "shared" / "data" / "nir"
pytestmark = pytest.mark.skipif(not NIR.exists(), reason="no folder ../shared/data")

# file -> (populations without outputs' own, a piece of a repair, or "" where nothing but the reset is repaired)
READ: dict[str, tuple[int, str]] = {
    "braille_noDelay_bias_zero.nir": (2, "feeds itself one step later"),
    "cnn_sinabs.nir": (5, ""),
    "lif_norse.nir": (1, ""),
    "two_lif_neurons.nir": (2, ""),
    "wild/111b0a44_braille.nir": (2, "feeds itself one step later"),
    "wild/19004303_braille_flattened.nir": (2, "feeds itself one step later"),
    "wild/232ebad8_scnn_mnist.nir": (5, ""),
    "wild/2b0feb3d_lif_norse.nir": (1, ""),
    "wild/50b2fc28_braille_v2.nir": (2, "feeds itself one step later"),
    "wild/77b4a802_braille_subgraph.nir": (2, "feeds itself one step later"),
    "wild/9122dac0_scnn_mnist_batches.nir": (5, "batch or time"),
    # edges name lif1.lif, and the node is called lif1.lif1
    "wild/braille_noDelay_bias_zero_subgraph.nir": (2, "mean 'lif1.lif1', which no edge names"),
    "wild/lif_rockpool.nir": (1, ""),
    "wild/spyx__braille_noDelay_bias_zero_subgraph.nir": (2, "feeds itself one step later"),
}
# time constants that count steps: as seconds they would be 2 to 10
STEPS = {"wild/19004303_braille_flattened.nir", "wild/77b4a802_braille_subgraph.nir"}
# file -> code and what is said
REFUSED: dict[str, tuple[str, str]] = {
    # a web page that was saved under the name of the file
    "wild/3049cfa1_Braille_snntorch.nir": ("SD401", "HDF5 cannot read it"),
}


def test_every_file_is_in_one_of_the_tables() -> None:
    found = {str(path.relative_to(NIR)) for path in NIR.rglob("*") if path.is_file()}
    assert found == {*READ, *REFUSED}


@pytest.mark.parametrize("name", READ)
def test_files_that_are_read(name: str) -> None:
    with pytest.raises(SnnDeployError) as raised:
        read(NIR / name)
    # written before 1.0.6: neither dt nor what a spike resets is in them
    assert {f.code for f in raised.value.findings} == {"SD408", "SD409", *(["SD419"] if name in STEPS else [])}
    count, repair = READ[name]
    unit = "steps" if name in STEPS else None
    report = inspect(NIR / name, 1e-4, "to-zero", unit=unit)
    assert report.findings == ()
    assert report.version < "1.0.6"
    network: Any = report.network
    assert sum(each.rule.spiking for each in network.populations) == count
    assert any(repair in line for line in (*report.repairs, ""))
    soft: Any = read(NIR / name, 1e-4, "by-threshold", unit=unit)
    assert all(p.rule.reset.kind == "by" for p in soft.populations if p.rule.spiking)
    x = {each.name: np.ones((2, 1, *each.shape)) for each in network.inputs}
    assert run(network, x).steps == 2


@pytest.mark.parametrize("name", sorted(STEPS))
def test_times_in_steps(name: str) -> None:
    """The decays that the other files of this network have, in the wrong order: 0.55 and 0.9."""
    network: Any = read(NIR / name, 1e-4, "to-zero", unit="steps")
    hidden = next(p.rule for p in network.populations if p.name in ("lif1", "hidden.lif"))
    assert float(hidden.beta) == np.float32(0.55)
    assert float(hidden.receptors[0].alpha) == np.float32(0.9)


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_refused(name: str) -> None:
    code, text = REFUSED[name]
    with pytest.raises(SnnDeployError, match=text) as raised:
        read(NIR / name, 1e-4, "to-zero")
    assert {f.code for f in raised.value.findings} == {code}
