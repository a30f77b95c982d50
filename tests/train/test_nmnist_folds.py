"""benchmarks/nmnist_folds.py: folds as one accuracy, and what cannot be put together."""

from __future__ import annotations

import pytest
from benchmark_scripts import load_script
from scipy.stats import binomtest


@pytest.fixture(scope="module")
def script():
    return load_script("nmnist_folds")


def folds(**changed):
    typed = "snndeploy train models/nmnist_norse.py --set fold=2 --out runs/a_fold_2"
    about = {"weights": None, "settings": {"lr": 1e-3}, "sessions": [{"command": typed}]}
    right = [190, 188, 180, 191, 195]
    made = [
        {**about, "arguments": {"fold": k}, "samples": {"test": 200}, "accuracy": each / 200}
        for k, each in enumerate(right)
    ]
    made[2].update(changed)
    return made


def test_folds_are_added_up(script):
    row = script.row("nmnist_norse", folds()[::-1])
    low, high = binomtest(944, 1000).proportion_ci(method="wilson")
    assert f"| 944 of 1,000 | 92.0% | 94.40% ({low:.1%} to {high:.1%}) | 90.0% to 97.5%" in row


@pytest.mark.parametrize("changed", [{"arguments": {"fold": 3}}, {"settings": {"lr": 1e-4}}, {"weights": "a/best.pt"}])
def test_folds_that_are_no_partition_or_not_trained_alike_are_refused(script, changed):
    with pytest.raises(ValueError, match=r"nmnist_norse: .*(not each part once|not trained alike)"):
        script.row("nmnist_norse", folds(**changed))


def test_the_command_is_that_of_any_fold(script):
    assert script.commands(folds()[2]) == [
        "snndeploy train models/nmnist_norse.py --set fold=FOLD --out runs/a_fold_FOLD"
    ]
