"""Properties run the same cases each time in `make test` (a red build can be repeated); `make prove` draws new ones.

Tests run in several processes: the files of one group go to one of them, in order, and the long ones begin first.
"""

from typing import Any

import pytest
from hypothesis import settings

from tests import evidence

settings.register_profile("test", derandomize=True, deadline=None, database=None)
settings.register_profile("prove", deadline=None, print_blob=True)
settings.load_profile("prove" if evidence.proving() else "test")

# Files that share something that is costly to make, by how their names begin; any other file is a group of its own.
GROUPS = ("golden/", "pipelines/explain/", "pipelines/test_sample")
LONG = (
    "cli/test_demo.py", "flows/test_scheduled.py", "golden/", "scenarios/test_any_order.py", "oracle/test_random_worlds.py",
    "scenarios/", "pipelines/test_sample", "pipelines/upkeep/", "indicators/test_examples.py", "pipelines/explain/",
)  # fmt: skip


def group(file: str) -> str:
    """What a test file, named from the root of the repository, is run together with."""
    name = file.removeprefix("tests/")
    return next((begin for begin in GROUPS if name.startswith(begin)), name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((n for n, name in enumerate(LONG) if group(_file(item.nodeid)).startswith(name)), len(LONG)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(_file(nodeid))

    return ByGroup(config, log)


def _file(nodeid: str) -> str:
    return nodeid.split("::", maxsplit=1)[0]
