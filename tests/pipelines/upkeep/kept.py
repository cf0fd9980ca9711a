"""The whole state of a workspace as comparable rows, and a town with sealed days to have one of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.store import Store
from pipelines.store.tables import names
from schemas.results import TABLES
from tests.town import START, STEP, Town

LEDGER = ("seen_files", "spans", "filled", "dirty_cells", "dirty_levels", "baseline_done", "card_state")
DAY = timedelta(days=1)


def state(workspace: Path, *, all_columns: bool = True) -> dict[str, list[tuple]]:
    """Rows of every table, hot and sealed, and of the ledger; without ``all_columns`` as two states are compared (rule 22)."""
    found = {}
    with Store(workspace) as store:
        sealed = {t for (t,) in store.con.execute("SELECT DISTINCT table_name FROM manifest").fetchall()}
        for name in names():
            table = TABLES[name.removesuffix("_superseded")]
            if not all_columns and (name.endswith("_superseded") or name in ("runs", "about")):
                continue
            columns = "*" if all_columns else ", ".join(f'"{c}"' for c in table.content if c not in ("group_id", "situation_id"))
            source = store.relation(name) if name in sealed else name
            found[name] = store.con.execute(f"SELECT {columns} FROM {source} ORDER BY ALL").fetchall()
        for name in LEDGER if all_columns else ():
            found[name] = store.con.execute(f"FROM {name} ORDER BY ALL").fetchall()
    return found


@contextmanager
def unpublished() -> Iterator[None]:
    """Runs in this block do not publish: half their time, where nobody reads what they publish."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipelines.tick.publish", lambda store, at: store.drop_retired(at))
        yield


def deliver(town: Town, day: int, hours: range = range(8, 12)) -> None:
    """Some hours of counts of one day, issued at its end; busier each day, so that situations open."""
    begin = START + day * DAY
    slots = [begin + timedelta(hours=h) + q * STEP for h in hours for q in range(4)]
    busy = [(at, place, 400 + 900 * (number % 7) + 50 * day) for number, at in enumerate(slots) for place in ("square", "alley")]
    town.zones(slots[-1] + STEP, busy)
    town.gates(slots[-1] + STEP, [(at, 40 + 10 * number, 20) for number, at in enumerate(slots)])


def filled(folder: Path, days: int = 3) -> Town:
    """A town with a workspace ``w``: a run at noon each day; days before yesterday are sealed."""
    town = Town(folder)
    for day in range(days):
        deliver(town, day)
        with Store(folder / "w") as store, nullcontext() if day == days - 1 else unpublished():
            town.tick(store, START + day * DAY + timedelta(hours=12, minutes=5))
    return town
