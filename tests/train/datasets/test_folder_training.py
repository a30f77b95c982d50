"""Recordings in every format, from a folder, through `snndeploy train --data`; a damaged one is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_gestures import HEADER, drawn, ibm, packet

from snndeploy import cli

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "events"
SAMPLES = {".bin": "sample_nmnist.bin", ".dat": "sample_ncars.dat", ".aedat4": "sample.aedat4"}
MODEL = """
import snntorch as snn
from torch import nn
from snndeploy.train.datasets.event_data import recorded

TRAIN = {"epochs": 1, "batch": 4}

def build(inputs=0, classes=2):
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, classes), snn.Leaky(0.9, init_hidden=True))

def data(folder=None, width=0, height=0, damaged="refuse", cache=""):
    return recorded(folder, 4, size=(width, height), test_share=0.34, damaged=damaged, cache=cache or None)
"""
SIZES = {".bin": (34, 34), ".dat": (304, 240), ".aedat4": (346, 260)}


def write(path, seed):
    """One recording of 128×128 pixels, or another camera's in its own format."""
    t, x, y, p = drawn(seed, 60, 0, 9000)
    if path.suffix in SAMPLES:
        shutil.copyfile(SHARED / SAMPLES[path.suffix], path)
    elif path.suffix == ".npz":
        np.savez(path, t=t, x=x, y=y, p=p)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, column in zip("txyp", (t, x, y, p), strict=True):
                file[f"events/{name}"] = column
    else:
        path.write_bytes(HEADER + packet(t, x, y, p, [1] * len(t)))


@pytest.mark.parametrize("ending", [".bin", ".dat", ".aedat", ".aedat4", ".npz", ".h5"])
def test_a_folder_trains_and_a_damaged_file_is_named(tmp_path, capsys, ending):
    if ending in SAMPLES and not SHARED.is_dir():
        pytest.skip("../shared/data/events is not here")
    (tmp_path / "mine.py").write_text(MODEL)
    for label in (0, 1):
        (tmp_path / "data" / str(label)).mkdir(parents=True)
        for k in range(3):
            write(tmp_path / "data" / str(label) / f"{k}{ending}", 10 * label + k)
    width, height = SIZES.get(ending, (128, 128))
    command = ["train", str(tmp_path / "mine.py"), "--data", str(tmp_path / "data"), "--set", f"width={width}"]
    command += ["--set", f"height={height}", "--set", f"inputs={2 * width * height}", "--device", "cpu", "--json"]
    assert cli.main([*command, "--out", str(tmp_path / "whole")]) == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == 1
    damaged = tmp_path / "data" / "1" / f"2{ending}"
    damaged.write_bytes(damaged.read_bytes()[:-3] if ending in (".bin", ".aedat") else b"nothing of the kind")
    assert cli.main([*command, "--out", str(tmp_path / "refused")]) == 2
    said = capsys.readouterr().out
    assert "SD881" in said
    assert f"1/2{ending}" in said
    assert not (tmp_path / "refused").exists()
    skip = ["--set", "damaged=skip", "--set", f"cache={tmp_path / 'cache'}"]
    for out in ("left", "again"):  # the second from the cache
        assert cli.main([*command, *skip, "--out", str(tmp_path / out)]) == 0
        (note,) = json.loads(capsys.readouterr().out)["notes"]
        assert note.startswith("1 damaged recordings were left out: ")
        assert note.endswith(f"2{ending}")
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_gestures_of_a_folder_train(tmp_path, capsys):
    ibm(tmp_path / "DvsGesture")
    command = ["train", "nmnist_spiking_cnn", "--data", str(tmp_path), "--set", "kind=gestures", "--set", "classes=11"]
    command += ["--set", "steps=3", "--set", f"cache={tmp_path / 'cache'}", "--epochs", "1", "--device", "cpu"]
    assert cli.main([*command, "--out", str(tmp_path / "run"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == 1
    assert len(list((tmp_path / "cache").glob("gestures-*"))) == 1
