"""The table of hostile files says what a campaign counted, and failures first of all."""

from __future__ import annotations

import pytest

from snndeploy.report.hostile_table import summary

MEASURED = {
    "files": 1000,
    "groups": {"bytes": 600, "values": 399, "?": 1},
    "outcomes": {"SD401": 700, "legal": 195, "SD404": 97, "SD406": 5, "SD407": 2, "hang": 1},
    "worst": {"cpu": {"most": 2.34}, "seconds": {"most": 9.0}, "parent": {"most": 1234.5}, "child": {"most": 77.0}},
    "limit": 30.0,
}


@pytest.mark.parametrize(("failures", "said"), [(0, "No traceback, hang, crash"), (1, "1 fail.")])
def test_what_was_counted_is_said(failures: int, said: str) -> None:
    text = summary(MEASURED | {"failures": failures})
    assert text.startswith("1,000 mutated `.nir` and `.net` files (bytes 600, values 399) went through")
    assert "804 end in a coded error, 195 in a legal network" in text
    assert said in text
    assert "2.3 s" in text
    assert "1,234 MiB" in text
    assert "| 700 | SD401 a file is not HDF5, or it is damaged |" in text
    assert "| 7 | 2 other codes |" in text
