"""For all tests: torch starts each from the same seed, and properties try the same examples in every run.

`pytest --hypothesis-profile explore` tries new ones.
"""

import sys

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def _seeded():
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
