"""Packaged data is found in an installed package and in a checkout, and nowhere else."""

from __future__ import annotations

import pytest

from snndeploy import resources
from snndeploy.errors import SnnDeployError


def test_this_checkout_or_wheel_has_its_data():
    assert (resources.folder("targets") / "loihi2.toml").is_file()
    assert resources.folder("models").is_dir()


def laid_out(root, inside: bool, project: str | None):
    package = root / "snndeploy"
    package.mkdir()
    data = (package if inside else root) / "targets"
    data.mkdir()
    if project is not None:
        (root / "pyproject.toml").write_text(project, "utf-8")
    return package, data


def test_an_installed_package_holds_its_data(tmp_path):
    package, data = laid_out(tmp_path, inside=True, project=None)
    (tmp_path / "targets").mkdir()
    assert resources.folder("targets", package) == data


def test_a_folder_beside_counts_only_in_our_own_checkout(tmp_path):
    package, data = laid_out(tmp_path, inside=False, project='[project]\nname = "snndeploy"\n')
    assert resources.folder("targets", package) == data


@pytest.mark.parametrize("project", [None, '[project]\nname = "other"\n', "project = 1", "[project", "x = 1"])
def test_somebody_elses_folder_does_not_count(tmp_path, project):
    package, _ = laid_out(tmp_path, inside=False, project=project)
    with pytest.raises(SnnDeployError, match="SD210 folder 'targets'"):
        resources.folder("targets", package)
