"""The check of random instances notices what is wrong, and says which seed."""

from dataclasses import replace
from functools import partial

import checking
import pytest
import snntorch as snn
from checking import Case, check_case
from drawing import Draw
from snntorch_neurons import first_order

CASE = Case("Leaky", "snntorch", partial(first_order, snn.Leaky, ("zero", False), True), instances=3)


def fails(tmp_path, case, words):
    counts = []
    with pytest.raises(AssertionError, match=words):
        check_case(case, tmp_path, lambda _, count: counts.append(count))
    assert counts[0].mismatches > 0


def changed(network, **changes):
    populations = [replace(p, rule=replace(p.rule, **changes)) for p in network.populations]
    return network.with_(populations=tuple(populations), source=None)


def test_it_passes_without_a_fault(tmp_path):
    counts = []
    check_case(CASE, tmp_path, lambda _, count: counts.append(count))
    assert counts[0].instances == 3
    assert counts[0].mismatches == 0
    assert counts[0].there == counts[0].bins > 0


@pytest.mark.parametrize("change", [{"threshold": 0.61}, {"bias": 0.05}, {"initial": 0.5}], ids=str)
def test_a_capture_that_is_off(tmp_path, monkeypatch, change):
    capture = checking.capture
    monkeypatch.setattr(checking, "capture", lambda *args: changed(capture(*args), **change))
    fails(tmp_path, CASE, r"Leaky: [1-3] of 3 fail, seeds \[\d.*snntorch: different")


def test_a_file_that_changes_a_bit(tmp_path, monkeypatch):
    read = checking.through_a_file
    monkeypatch.setattr(checking, "through_a_file", lambda *args: changed(read(*args), bias=1e-16))
    fails(tmp_path, CASE, "the file gives back another network")


def test_another_framework_that_is_off(tmp_path, monkeypatch):
    build = checking.rebuild.build
    monkeypatch.setattr(checking.rebuild, "build", lambda f, network: build(f, changed(network, bias=0.05)))
    fails(tmp_path, CASE, "norse: different")


def test_refusals_that_are_not_meant(tmp_path):
    def expecting(other, seed):
        return replace(CASE.make(seed), other=other)

    fails(tmp_path, replace(CASE, make=partial(expecting, "a floor")), "norse holds it, and it should not")
    residual = Case("Leaky", "snntorch", partial(first_order, snn.Leaky, ("subtract", False), True), instances=1)
    made = residual.make
    fails(tmp_path, replace(residual, make=lambda seed: replace(made(seed), other="")), "norse refuses it: SD330")
    fails(tmp_path, replace(CASE, refused="SD308 inhibition"), "it is captured, and should be refused")


def test_coarse_numbers_are_dyadic():
    kinds = set()
    for seed in range(8):
        d = Draw(seed)
        kinds.add(d.coarse)
        assert ((d.array(0.3, 0.9, (50,)) * 16 % 1 == 0).all()) == d.coarse
    assert kinds == {True, False}
