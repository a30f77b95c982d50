"""Settings at the edge, in both frameworks: random modules, all the way."""

import pytest
from checking import check_case
from corner_instances import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_corners(case, tmp_path, counted):
    check_case(case, tmp_path, counted)
