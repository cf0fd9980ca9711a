"""A clock that runs faster, for processes that have this folder first on PYTHONPATH: an evening passes in half an hour.

The house reads the clock at its boundary only, so those two places are all that is put in place of another, when their modules are
loaded; and the length between two wake-ups of ``serve``, which the real scheduler of a real server counts in real seconds.
``DRUKTE_SPED``: the real moment it began (seconds since 1970), the moment of the evening then, and how many times faster.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any


def sped(real: datetime) -> datetime:
    """The evening's moment at a real one."""
    begun, start, factor = os.environ["DRUKTE_SPED"].split(",")
    return datetime.fromisoformat(start) + timedelta(seconds=(real.timestamp() - float(begun)) * float(factor))


def _flow(module: Any) -> None:
    planned = module._scheduled
    module._scheduled = lambda: sped(planned())


def _terminal(module: Any) -> None:
    module.now = lambda: sped(datetime.now(UTC))


def _serve(module: Any) -> None:
    serve = module.serve
    factor = float(os.environ["DRUKTE_SPED"].split(",")[2])

    @functools.wraps(serve)
    def faster(workspace: Any, name: str, every: timedelta, *more: Any) -> None:
        serve(workspace, name, every / factor, *more)

    module.serve = faster


CHANGED = {"pipelines.flows.tick": _flow, "pipelines.cli.common": _terminal, "pipelines.flows.serve": _serve}


class _Loaded(importlib.abc.Loader):
    """Loads as another loader does, and changes the module afterwards."""

    def __init__(self, real: importlib.abc.Loader):
        self.real = real

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.real.exec_module(module)
        CHANGED[module.__name__](module)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name not in CHANGED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec and spec.loader:
            spec.loader = _Loaded(spec.loader)
        return spec


if "DRUKTE_SPED" in os.environ:
    sys.meta_path.insert(0, _Finder())
