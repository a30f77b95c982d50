"""The table of classes: it names every class, a sample is measured again, its text follows from what was found."""

import random
from importlib.metadata import version

import pytest

from snndeploy.frontends.neurons import FAMILIES, REFUSED
from snndeploy.report import classes, classes_table
from snndeploy.report.classes_table import Cell, Row
from snndeploy.report.variants import variants

FOUND, ROWS = classes_table.measured()
ALL = list(variants())
AGAIN = "run: make classes"
SAMPLE = random.Random(20).sample([(i, seed) for i in range(len(ALL)) for seed in range(FOUND["seeds"])], 8)


def test_every_class_is_in_the_table():
    known = {cls.__name__ for cls in (*FAMILIES, *REFUSED)}
    assert {name for row in ROWS for name in row.names} == known, AGAIN


def test_the_settings_are_those_that_were_measured():
    told = [(row.framework, row.names[0], row.settings[0]) for row in ROWS]
    assert told == [(each.framework, each.name, each.setting) for each in ALL], AGAIN
    assert all(tuple(row.cells) == classes.columns() for row in ROWS), AGAIN


def test_the_versions_are_those_that_are_installed():
    installed = {name: version(name) for name in FOUND["versions"]}
    measured = FOUND["versions"]
    # another torch or NumPy may round otherwise, which is what ties are
    for name in ("snntorch", "norse", "nir", "nirtorch", "lava-nc"):
        assert installed[name] == measured[name], f"{name}: {AGAIN}"


def alike(now, then):
    """The same, but for ties and for a few bins that another processor rounds otherwise."""
    kinds = [classes_table._kind(word) for word in (now, then)]
    if kinds == ["differs", "differs"]:
        return abs(classes_table._part(now) - classes_table._part(then)) < 0.03
    return kinds[0] == kinds[1]


@pytest.mark.parametrize(("index", "seed"), SAMPLE, ids=lambda each: str(each))
def test_a_sample_is_as_it_was_measured(index, seed):
    now, then = classes.measure(ALL[index], seed), ROWS[index].cells
    for column, word in now.items():
        assert alike(word, then[column].words[seed]), f"{ALL[index]}, {column}: {word}, not {then[column]}; {AGAIN}"


def test_what_we_capture_is_exact_or_refused():
    """The promise, in the measured table: no bin of ours differs."""
    for row in ROWS:
        for column in ("reference", "torch", "lava", "other", "file", "loihi1", "loihi2"):
            assert set(row.cells[column].key) <= {"exact"} or all(
                kind.startswith("refused SD") for kind in row.cells[column].key
            ), (row, column)


def test_nothing_is_lost_when_rows_are_joined():
    for framework in ("snntorch", "norse"):
        own = [row for row in ROWS if row.framework == framework]
        joined = classes_table._grouped(own)
        assert len(joined) < len(own)
        for column in classes.columns():
            words = sorted(word for row in own for word in row.cells[column].words)
            assert sorted(word for row in joined for word in row.cells[column].words) == words
        assert {name for row in joined for name in row.names} == {name for row in own for name in row.names}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("exact", "exact"), "exact"),
        (("exact", "ties 1"), "exact but 1 tie"),
        (("ties 2", "ties 1"), "exact but 3 ties"),
        (("refused SD206 SD604",), "refused SD206 SD604"),
        (("differs 200/2000", "differs 100/2000"), "5-10 %"),
        (("differs 3/2000",), "0.15 %"),
        (("import AttributeError",), "`AttributeError` (import)"),
        (("exact", "differs 200/2000"), "0-10 %"),
        (("exact", "ties 1", "refused SD608"), "refused SD608; exact 2 of 3 times"),
    ],
)
def test_words_become_text(words, text):
    assert str(Cell(words)) == text


def test_settings_with_and_without_delay_are_one():
    settings = ("subtract (reset_delay=True)", "zero (reset_delay=True)", "zero (reset_delay=False)")
    assert classes_table._settings(settings) == "subtract (reset_delay=True), zero"
    assert classes_table._settings(("as it is",)) == ""
    row = Row(
        "snntorch", ("Leaky",), ("as it is",), {"theirs": Cell(("differs 1/2",)), "theirs best": Cell(("exact",))}
    )
    assert classes_table._texts(row) == ("50 %; at best exact",)


def test_the_full_table_is_up_to_date():
    assert classes_table.MEASURED.with_suffix(".md").read_text("utf-8") == classes_table.full(), "run: make readme"


def test_what_was_measured_with_other_versions_is_not_kept(tmp_path):
    assert classes.known(tmp_path / "none.json", FOUND["versions"]) == {}
    assert classes.known(classes_table.MEASURED, {**FOUND["versions"], "norse": "0"}) == {}
    kept = classes.known(classes_table.MEASURED, FOUND["versions"])
    assert set(kept) == {(row.framework, row.names[0], row.settings[0]) for row in ROWS}
