"""The unit that takes less time is taken, whatever one bad measurement said."""

import numpy as np
import pytest

from snndeploy.engines.torch import choice
from snndeploy.engines.torch.choice import EXPECTED, Choice, Units


class Fake:
    """A unit that takes as long as it is told, on a clock of its own."""

    factor, row_bytes = 1, 0

    def __init__(self, clock, label, seconds, per):
        self.clock, self.label, self.seconds, self.per, self.calls = clock, label, seconds, per, 0

    def cost(self, rows, events):
        return events if self.per == "events" else rows

    def __call__(self, x, _):
        self.calls += 1
        self.clock[0] += self.seconds * self.cost(len(x), int(np.count_nonzero(x)))


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(choice, "perf_counter", lambda: now[0])
    return now


def rows(events):
    x = np.zeros((10, 100), np.uint8)
    x.reshape(-1)[:events] = 1
    return x


def test_each_density_gets_its_unit(clock):
    """Rows take 1 s each, events 0.1 s: the two are even at 100 events in 10 rows."""
    dense, events = Fake(clock, "int8 products", 1.0, "rows"), Fake(clock, "events", 0.1, "events")
    units = Units([dense, events])
    for _ in range(6):
        Choice(units)(rows(90), None)
        Choice(units)(rows(300), None)
    run = Choice(units)
    taken = [run(rows(count), None).label for count in (5, 20, 500, 1000)]
    assert taken == ["events", "events", "int8 products", "int8 products"]
    assert run.told() == "int8 products for 50% of the rows, events for 50% of the rows"


def test_a_slow_start_and_a_busy_moment_are_forgotten(clock):
    dense, events = Fake(clock, "int8 products", 1000.0, "rows"), Fake(clock, "events", 0.1, "events")
    units = Units([dense, events])
    for _ in range(choice.TRIALS):
        Choice(units)(rows(1000), None)
    # it was 1,000 times too slow whenever it was tried, but for once, when it was a little slower than it is
    dense.seconds, units.seconds[0] = 0.001, 12.0
    for _ in range(2 * choice.AGAIN):
        Choice(units)(rows(1000), None)
    assert Choice(units)(rows(1000), None) is dense


def test_what_was_never_tried_is_tried(clock):
    units = Units([Fake(clock, label, 0.5, "rows") for label in EXPECTED])
    for _ in range(20):
        Choice(units)(rows(3), None)
    assert all(each.calls for each in units.units)
    assert units.trials == [each.calls for each in units.units]
