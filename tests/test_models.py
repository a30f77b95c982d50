"""Model files: shipped and a user's own, found and loaded alike."""

import importlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from snndeploy import models
from snndeploy.errors import SnnDeployError


def test_shipped_models_are_found_by_name():
    assert {"digits_csnn", "digits_norse", "mnist_csnn", "mnist_rate_norse"} <= set(models.shipped())


@pytest.mark.parametrize("name", models.shipped())
def test_a_shipped_model_has_the_form_of_a_user_file(name):
    file = models.load(name)
    few = {"samples": 20} if "samples" in models.arguments(file.data) else {}
    data = file.data(**few)
    assert data.train.shape[0] == models.arguments(file.data).get("steps", getattr(file, "STEPS", None))
    # spikes, counts of events, or a picture that is the same in every step
    shown = data.test[:2]
    still = data.test.strides[0] == 0 and 0 <= shown.min() <= shown.max() <= 1
    assert still or set(np.unique(data.test)) == {0, 1} or data.test.dtype == np.uint8
    assert data.train.shape[1] == len(data.train_labels)
    assert data.train.shape[2:] == data.test.shape[2:]
    a, b = models.build_seeded(name), models.build_seeded(name)
    assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    assert not a.training


def test_name_path_and_import_give_one_module():
    by_name = models.load("digits_csnn")
    assert models.load(str(by_name.__file__)) is by_name
    assert importlib.import_module("snndeploy.models.digits_csnn") is by_name


def test_what_a_shipped_model_defines_can_be_unpickled_elsewhere():
    function = pickle.dumps(models.load("digits_csnn").build)
    code = f"import pickle; print(pickle.loads({function!r}).__module__)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "snndeploy.models.digits_csnn"


def test_a_user_file_of_the_same_name_is_another_module(tmp_path):
    path = tmp_path / "digits_csnn.py"
    path.write_text(
        "import torch\ndef build():\n    return torch.nn.Identity()\ndef other():\n    return torch.nn.ReLU()\n"
    )
    shipped = models.load("digits_csnn")
    assert isinstance(models.build(f"{path}:other"), torch.nn.ReLU)
    assert isinstance(models.build(str(path)), torch.nn.Identity)
    assert models.load("digits_csnn").__file__ == shipped.__file__


def test_an_error_in_a_user_file_names_its_line(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("import torch\n\ndef build():\n    return torch.nn.Linear('three', 2)\n")
    with pytest.raises(SnnDeployError, match=r"mine\.py:4: build\(\) failed: TypeError"):
        models.build(str(path))


@pytest.mark.parametrize("text", ["raise RuntimeError('no')", "import sys; sys.exit(7)"])
def test_a_build_that_ends_in_any_way_is_named_with_its_line(tmp_path, text):
    file = tmp_path / "ends.py"
    file.write_text(f"def build():\n    {text}\n")
    with pytest.raises(SnnDeployError, match=r"SD804 .*ends\.py:2: build\(\) failed"):
        models.build(str(file))
