"""Shipped cards and trained networks: whole, found by name, and their table says what was missed."""

import json

import numpy as np
import pytest

import snndeploy as sd
from snndeploy import cli, models
from snndeploy.errors import SnnDeployError
from snndeploy.report import models_table

CARDS = models.trained()


def test_the_document_is_up_to_date():
    assert models_table.DOCUMENT.read_text("utf-8") == models_table.full(), "run: make readme"


@pytest.mark.parametrize("name", CARDS)
def test_a_shipped_card_is_whole(name):
    card, text = models.card_of(CARDS[name]), CARDS[name].with_suffix(".md").read_text("utf-8")
    assert card["name"] == name
    assert card["agrees"] is True
    assert f"{card['float']['accuracy']:.2%}" in text
    assert any("snndeploy card " in each for each in card["commands"])
    words = [word for line in (*card["commands"], *card["notes"]) for word in line.split()]
    assert not [word for word in words if word.startswith("/")]
    if "integer" in card:
        assert card["lava"] is None or card["lava"]["identical"]
        assert card["integer"]["kept"] >= 0.99 or "of the float decisions" in card["limits"][0]


def test_shipped_networks_are_small():
    sizes = [path.with_suffix(".nir").stat().st_size for path in CARDS.values() if path.with_suffix(".nir").exists()]
    assert max(sizes) < 1.7e6
    assert sum(sizes) < 6.5e6


@pytest.mark.parametrize("name", ["digits_csnn", "digits_norse"])
def test_a_shipped_network_is_as_good_as_its_card_says(name):
    data = models.load(name).data()
    found = sd.evaluate(sd.read(f"trained:{name}"), data.test, data.test_labels, engine="onnx")
    assert found.right == models.card_of(CARDS[name])["float"]["right"]


def test_a_name_stands_for_a_network_in_a_command(capsys):
    assert cli.main(["inspect", "trained:digits_norse", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["network"]["parts"]) == 5
    assert cli.main(["inspect", "trained:nothing"]) == 2
    said = capsys.readouterr().err
    assert "SD897" in said
    assert "trained:digits_csnn" in said


def test_the_command_lists_every_model_and_card(capsys):
    assert cli.main(["models", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["models"]
    assert [each["name"] for each in found] == models.shipped()
    assert {own["name"] for each in found for own in each["trained"]} == set(CARDS)
    assert cli.main(["models"]) == 0
    assert "trained:digits_csnn" in capsys.readouterr().out


def test_a_damaged_card_is_named(tmp_path):
    for text in ("{", "[]", '{"name": "x"}'):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(SnnDeployError, match=r"SD898 .*x\.json"):
            models.card_of(tmp_path / "x.json")


def test_what_is_missed_stands_there_plainly(monkeypatch):
    card = models.card_of(CARDS["digits_norse"])
    data = {**card["data"], "given": "../shared/data/mnist", "embedded": False}
    ours = {**card["float"], "accuracy": 0.89}
    theirs = {**card["integer"], "kept": 0.97}
    short = {**card, "model": "models/mnist_rate_norse.py", "data": data, "float": ours, "integer": theirs}
    monkeypatch.setattr(models_table, "cards", lambda: [{**short, "arguments": {}, "limits": ["kept 97 %"]}])
    table = models_table.summary()
    assert "**≥ 97%: missed**" in table
    assert "**97.00%**" in table
    assert "the goal is 97%" in table
    assert "89.00% against 90.0%" in table
    assert "not measured: `mnist_rate_norse` on MNIST" not in table
    fashion = {**short, "arguments": {"kind": "fashion"}}
    assert models_table.figure_of(fashion).data == "FashionMNIST"
    # a folder of that name is not enough
    other = {**short, "arguments": {}, "data": {**data, "given": "../shared/data/fashion"}}
    assert models_table.figure_of(other) is None
    assert np.isclose(models_table.figure_of({**short, "arguments": {}}).published, 0.9)
