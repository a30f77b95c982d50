"""Every known defect of the other libraries' exporters and importers has exactly one test, found by its id."""

import re
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).parent
# snnTorch 1.0.0, Norse 1.1.0, nirtorch 2.6, nir 1.0.8
KNOWN = {f"{letter}{n}" for letter, last in (("s", 17), ("n", 10), ("t", 9), ("r", 6)) for n in range(1, last + 1)}
HOME = {"s": "snntorch_exporter", "n": "norse_exporter", "t": "nirtorch", "r": "nir"}


def test_every_defect_has_one_test():
    found = Counter()
    for letter, name in HOME.items():
        text = (FOLDER / f"test_{name}.py").read_text("utf-8")
        names = re.findall(r"^def test_([a-z]\d+)_", text, re.MULTILINE)
        assert all(each[0] == letter for each in names)
        found.update(names)
    assert set(found) == KNOWN
    assert set(found.values()) == {1}


def test_every_defect_says_when_it_is_gone():
    for name in HOME.values():
        text = (FOLDER / f"test_{name}.py").read_text("utf-8")
        for body in re.split(r"^def test_", text, flags=re.MULTILINE)[1:]:
            assert "gone(" in body or "fails(" in body or "is_wrong" in body, body.splitlines()[0]
