"""The table of random instances: sums of parts, and what README shows."""

from snndeploy.report import instances_table, readme


def part(title, refused=None, **numbers):
    return {"title": title, **dict.fromkeys(instances_table.NUMBERS, 1), **numbers, "refused": refused or {}}


def test_a_row_per_part_and_their_sum():
    made = instances_table.summary([part("a", {"SD330": 1200}, bins=1000), part("b", bins=2500, mismatches=0)])
    lines = made.splitlines()
    assert lines[2] == "| a | 1 | 1 | 1,000 | 1 | 1 | 1 | 1 | SD330 1,200 |"
    assert lines[3].endswith("| none |")
    assert lines[4].startswith("| all | 2 | 2 | 3,500 | 2 | 1 |")


def test_the_readme_holds_what_was_counted_last():
    """No mismatch is published without being looked at."""
    held = readme.tables()["instances"]
    row = held.splitlines()[-1].split(" | ")
    assert row[0] == "| all"
    assert row[5] == "0"
    assert int(row[2].replace(",", "")) > 10_000
