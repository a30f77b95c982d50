"""Norse, every class and setting: fifty random modules each, against Norse itself, a file, and snnTorch."""

import pytest
from checking import check_case
from norse_neurons import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_norse_neurons(case, tmp_path, counted):
    check_case(case, tmp_path, counted)
