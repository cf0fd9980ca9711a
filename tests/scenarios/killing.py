"""Ticks in processes of their own that are killed at a step, or at a moment, and a reader that watches what is published.

Steps are not marked in the house itself: every plain function of the rooms that write is wrapped in the child, before and after.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import multiprocessing as mp
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

# Loaded once in the server that children are forked from; none of them opens a database on import.
ROOMS = (
    "pipelines.tick", "pipelines.reference", "pipelines.intake.arrivals", "pipelines.ledger", "pipelines.grid", "pipelines.compute",
    "pipelines.todo", "pipelines.baselines", "pipelines.baselines.due", "pipelines.baselines.figures", "pipelines.situate",
    "pipelines.situation_rows", "pipelines.situation_changes", "pipelines.situation_grouping", "pipelines.store.sealing",
    "pipelines.store.changes", "pipelines.publish", "pipelines.frozen",
)  # fmt: skip
Passed = Callable[[str], None]


def context() -> Any:
    """Processes forked from a server in which the house is loaded: a child starts in milliseconds."""
    made = mp.get_context("forkserver")
    made.set_forkserver_preload([*ROOMS, "indicators.card", "schemas.config", "pandera.pandas", "pipelines.published", __name__])
    return made


def wrap(passed: Passed) -> None:
    """Have every step call ``passed`` with its name, before and after; also each transaction around its COMMIT."""
    for room in ROOMS:
        module = importlib.import_module(room)
        for name, step in list(vars(module).items()):
            plain = inspect.isfunction(step) and step.__module__ == room and not inspect.isgeneratorfunction(step)
            if plain and not hasattr(step, "__wrapped__"):
                _put_in_place(step, _wrapped(step, f"{room.removeprefix('pipelines.')}.{name}", passed))
    from pipelines.store import Store

    Store.transaction = _transaction(Store.transaction, passed)  # type: ignore[method-assign]


def _wrapped(step: Callable[..., Any], name: str, passed: Passed) -> Callable[..., Any]:
    @functools.wraps(step)
    def stepped(*given: Any, **named: Any) -> Any:
        passed(f"before {name}")
        result = step(*given, **named)
        passed(f"after {name}")
        return result

    return stepped


def _put_in_place(step: Callable[..., Any], other: Callable[..., Any]) -> None:
    """Wherever a module of the house has the step under a name."""
    for module in [m for n, m in list(sys.modules.items()) if n.startswith("pipelines")]:
        for name, held in list(vars(module).items()):
            if held is step:
                setattr(module, name, other)


def _transaction(real: Callable[..., Any], passed: Passed) -> Any:
    @contextmanager
    def transaction(store: Any) -> Any:
        with real(store) as con:
            yield con
            passed("before COMMIT")
        passed("after COMMIT")

    return transaction


def tick(folder: Path, at: datetime, point: str | None = None, turn: int = 1, told: Any = None) -> None:
    """One tick of the town in ``folder``; killed when ``point`` is passed for the ``turn``-th time. ``told`` gets all points passed."""
    from indicators.card import catalogue
    from pipelines import tick as ticking
    from pipelines.store import Store
    from schemas.config import load

    seen: dict[str, int] = {}

    def passed(name: str) -> None:
        seen[name] = seen.get(name, 0) + 1
        if name == point and seen[name] == turn:
            os.kill(os.getpid(), signal.SIGKILL)

    wrap(passed)
    config = load(folder / "config", "tiny", folder / "data")
    with Store(folder / "w") as store:
        store.con.execute("SET threads=1")
        ticking.tick(store, config, catalogue(), at=at)
    if told is not None:
        told.send(seen)


def killed(made: Any, folder: Path, at: datetime, point: str, turn: int) -> bool:
    """A tick that dies at a point; whether it came there."""
    child = made.Process(target=tick, args=(folder, at, point, turn))
    child.start()
    child.join(timeout=120)
    assert child.exitcode in (0, -signal.SIGKILL), f"exit {child.exitcode} at {point}"
    return bool(child.exitcode == -signal.SIGKILL)


def killed_after(made: Any, folder: Path, at: datetime, seconds: float) -> bool:
    """A tick that is killed so many seconds after its process began; whether it was still at work."""
    child = made.Process(target=tick, args=(folder, at))
    child.start()
    time.sleep(seconds)
    child.kill()
    child.join(timeout=120)
    return bool(child.exitcode == -signal.SIGKILL)


def points(made: Any, folder: Path, at: datetime) -> dict[str, int]:
    """A tick to its end; every point it passed, and how often."""
    ours, theirs = made.Pipe()
    child = made.Process(target=tick, args=(folder, at, None, 1, theirs))
    child.start()
    found: dict[str, int] = ours.recv() if ours.poll(120) else {}
    child.join(timeout=60)
    assert child.exitcode == 0 and found
    return found


def watch(path: Path, stop: Any, told: Any) -> None:
    """Read until told to stop: every publication holds each row once, and no row that an earlier one held has gone."""
    import duckdb

    from pipelines.published import connect
    from pipelines.store.sealing import GRACE

    tables = {"indicator_values": "indicator, place, interval_start", "observations": "source, place, interval_start, measure"}
    seen: dict[str, set[tuple[Any, ...]]] = {name: set() for name in tables}
    reads, faults = 0, []
    while not stop.is_set() and not faults:
        if not path.exists():
            continue
        con = connect(path)
        opened = _as_of(con)
        try:
            for name, keys in tables.items():
                rows = con.execute(f"SELECT {keys} FROM {name}").fetchall()
                now = set(rows)
                if len(now) != len(rows):
                    faults.append(f"{name}: {len(rows) - len(now)} rows twice")
                if seen[name] - now:
                    faults.append(f"{name}: {len(seen[name] - now)} rows gone, for instance {min(seen[name] - now)}")
                seen[name] = now
        except duckdb.IOException as gone:
            # Half a day passes with each tick here: a slow reader may hold a publication for longer than files are kept for it.
            if _as_of(connect(path)) - opened <= GRACE:
                faults.append(f"opened at {opened}: {gone}")
        con.close()
        reads += 1
        time.sleep(0.05)
    told.put((reads, faults))


def _as_of(con: Any) -> datetime:
    """The moment of the newest run in a publication."""
    return con.execute("SELECT max(as_of) FROM runs").fetchone()[0]  # type: ignore[no-any-return]
