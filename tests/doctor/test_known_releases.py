"""The list of known-wrong releases: what the tests of defects know is in it, and what applies is what is installed."""

import re
from collections import Counter
from pathlib import Path

import pytest

from snndeploy.doctor import known
from snndeploy.errors import CODES

DEFECTS = Path(__file__).parent.parent / "defects"
LIBRARY = {"s": "snntorch", "n": "norse", "t": "nirtorch", "r": "nir"}
NOW = {"snntorch": "1.0.0", "norse": "1.1.0", "nirtorch": "2.6", "nir": "1.0.8", "lava-nc": "0.10.0"}


def test_every_tested_defect_is_listed_for_its_library_and_release():
    tested = {}
    for file in DEFECTS.glob("test_*.py"):
        for name in re.findall(r"^def test_([a-z]\d+)_", file.read_text("utf-8"), re.MULTILINE):
            tested[name.upper()] = LIBRARY[name[0]]
    assert len(tested) == 42
    listed = {each.id: each for each in known.load()}
    for name, library in tested.items():
        assert listed[name].package == library
        assert listed[name].applies(NOW[library]), f"{name} is seen in {library} {NOW[library]}"


def test_entries_are_whole():
    entries = known.load()
    assert max(Counter(each.id for each in entries).values()) == 1
    for each in entries:
        assert each.wrong
        assert each.source
        assert not each.wrong.endswith(".")
        assert set(each.found_by) <= set(CODES), each.id


def test_only_old_releases_of_nir_are_left_without_a_remedy():
    assert [each.id for each in known.load() if not each.here] == ["R8"]


@pytest.mark.parametrize(
    ("name", "version", "ids"),
    [
        ("nir", "1.0.5", {"R8"}),
        ("nir", "1.0.6", set()),
        ("nir", "2.0", set()),
        ("lava-nc", "0.9.0", {"L13"}),
        ("snntorch", "1.0.1", set()),
        ("norse", None, set()),
        ("norse", "as built by me", set()),
    ],
)
def test_releases_are_told_apart(name, version, ids):
    assert {each.id for each in known.applying({name: version})} == ids


def test_what_is_behind_the_plus_of_a_version_does_not_matter():
    one, other = (known.applying(NOW | {"norse": version}) for version in ("1.1.0", "1.1.0+local.3"))
    assert one == other
    assert len(one) > 50
