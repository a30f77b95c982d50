"""snnTorch, every class and setting: fifty random modules each, against snnTorch itself, a file, and Norse."""

import pytest
from checking import check_case
from snntorch_neurons import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_snntorch_neurons(case, tmp_path, counted):
    check_case(case, tmp_path, counted)
