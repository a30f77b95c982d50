"""Networks of mixed kinds, in both frameworks: random modules, all the way."""

import pytest
from checking import check_case
from mixed_networks import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_mixed(case, tmp_path, counted):
    check_case(case, tmp_path, counted)
