"""Each case leaves what it counted with its report; see tests/conftest.py, which writes build/instances.json."""

import pytest


@pytest.fixture
def counted(request):
    """counted(case, count): keeps the counts of a case."""

    def keep(case, count):
        entry = {"name": case.name, "framework": case.framework, "part": request.node.originalname} | count.as_dict()
        request.node.user_properties.append(("instances", entry))

    return keep
