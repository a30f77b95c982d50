"""The suite's files are what the script writes, whole, small, and legal NIR."""

from __future__ import annotations

import filecmp
import json
from pathlib import Path

import nir
import numpy as np
import pytest

from snndeploy.conform.suite import generate
from snndeploy.conform.suite.case import every, manifest
from snndeploy.conform.suite.families import drafts
from snndeploy.conform.suite.files import FOLDER, NIR, sha256
from snndeploy.conform.suite.plain import plain
from snndeploy.conform.suite.readings import CHOICES

LIMIT = 3_000_000
# right, and refused by the checks of nir 1.0.8: channels of a group, kernels that are not square
REFUSED = {
    "conv1d/standard/groups",
    "conv1d/standard/all",
    "conv2d/standard/groups",
    "conv2d/standard/depthwise",
    "conv2d/standard/rectangular",
}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite") / "vectors"
    folder.mkdir()
    return folder, generate.vectors(folder)


def test_the_script_writes_the_same_bytes(fresh):
    folder, entries = fresh
    ours = sorted(p.relative_to(FOLDER) for p in FOLDER.rglob("*") if p.is_file() and p.name != "manifest.json")
    assert ours == sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    assert [str(p) for p in ours if not filecmp.cmp(FOLDER / p, folder / p, shallow=False)] == []
    # what is written of a vector beside who agrees
    held = manifest()["vectors"]
    assert list(held) == list(entries)
    for name, entry in entries.items():
        said = {key: value for key, value in held[name].items() if key not in ("status", "agreed", "tells")}
        assert said == json.loads(json.dumps(entry)), name


def test_what_a_vector_tells_is_measured():
    held = manifest()["vectors"]
    for draft in list(drafts())[::9]:
        assert generate.tells(draft) == held[draft.name]["tells"], draft.name


def test_every_choice_is_told_by_some_vector():
    told = {word for case in every() for word in case.tells}
    for name, values in CHOICES.items():
        for value in values[1:]:
            assert f"{name} {value}" in told, f"no vector tells {name} {value}"


def test_outputs_are_neither_empty_nor_full():
    """But for the vectors that are about silence and about firing always."""
    for case in every():
        values = np.concatenate([array.ravel() for array in case.expected.outputs.values()])
        if case.name.split("/")[-1] in ("empty", "silent", "longer-than-the-run"):
            assert not values.any()
        elif case.name.split("/")[-1] not in ("firing", "one-step"):
            assert 0.004 < (values != 0).mean() <= 1
            assert len(set(values)) > 1, case.name


def test_every_file_has_its_hash():
    for name, entry in manifest()["vectors"].items():
        for kind, value in entry["sha256"].items():
            assert sha256(FOLDER / f"{name}.{kind}") == value


def test_it_is_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < LIMIT


@pytest.mark.parametrize("family", sorted({case.name.split("/")[0] for case in every()}))
def test_files_are_nir(family, tmp_path):
    """nir reads them, with its checks, and what it writes of them holds the same."""
    for case in every():
        if case.name.split("/")[0] != family:
            continue
        if case.name in REFUSED:
            with pytest.raises(ValueError, match="type mismatch"):
                nir.read(case.path)
        checks = case.name not in REFUSED
        graph = nir.read(case.path, type_check=checks)
        nir.write(tmp_path / "again.nir", graph)
        a, b = plain(graph), plain(nir.read(tmp_path / "again.nir", type_check=checks))
        assert set(a.edges) == set(b.edges)
        assert a.nodes.keys() == b.nodes.keys()
        assert nir.serialization.read_version(case.path) == NIR


def test_every_primitive_is_there():
    types = {word.split(".")[0] for case in every() for word in case.relies}
    kinds = {name for name in nir.ir.__all__ if name[0].isupper()} - {"NIRNode", "NIRGraph", "Input", "Output"}
    kinds = {kind for kind in kinds if isinstance(getattr(nir.ir, kind), type)}
    assert kinds <= types


def test_arrays_are_small_types_and_fit_together():
    for case in every():
        assert {x.shape[:2] for x in case.inputs.values()} == {x.shape[:2] for x in case.expected.outputs.values()}
        for array in (*case.expected.outputs.values(), *case.expected.v.values(), *case.expected.i.values()):
            assert array.dtype in (np.int8, np.float32, np.float64)
            assert not case.exact or array.dtype != np.float64
            assert np.isfinite(array).all()


def test_nearly_all_are_accepted_by_others():
    accepted = [case for case in every() if case.status == "accepted"]
    assert len(accepted) > 0.95 * len(every())
    for case in accepted:
        assert len(case.agreed) >= 2
        assert set(case.agreed) - {"torch", "onnx"}, case.name


def test_spikes_are_far_from_what_rounding_moves():
    """In float32 a membrane of a few units is off by less than 1e-5."""
    assert all(case.margin is None or case.margin > 1.4e-5 for case in every())
    assert all(case.margin is None or case.margin > 1e-4 for case in every() if not case.exact)


def test_a_manifest_that_is_gone_is_named(tmp_path):
    from snndeploy.errors import SnnDeployError

    with pytest.raises(SnnDeployError, match="SD740"):
        manifest(Path(tmp_path))
