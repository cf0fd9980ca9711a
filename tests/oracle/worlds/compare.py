"""The engine's published rows of a town beside the naive ones."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd

from tests.oracle.worlds import deliver
from tests.oracle.worlds.judge import Row, card
from tests.oracle.worlds.shapes import Town

KEY = ["indicator", "place", "start"]


def engine(town: Town, folder: Path) -> pd.DataFrame:
    """Rows of ``indicator_values`` after one backfill of the town's deliveries."""
    from indicators.card import catalogue
    from pipelines.published import connect
    from pipelines.store import Store
    from pipelines.tick import tick
    from schemas.config import load

    config_folder, data = deliver.write(town, folder)
    config = load(config_folder, deliver.SLUG, data)
    with Store(folder / "workspace") as store:
        tick(store, config, catalogue(), at=town.end + timedelta(days=10), verb="backfill")
    con = connect(folder / "workspace" / "published" / "indicators.duckdb")
    try:
        con.execute("SET TimeZone = 'UTC'")
        found = con.sql(
            "SELECT indicator, place, interval_start AS start, interval_end, value, value_low AS low, value_high AS high, level, status,"
            " reason, coverage, local_date, local_time FROM indicator_values"
        ).df()
    finally:
        con.close()
    found["start"] = pd.to_datetime(found["start"], utc=True)
    found["minutes"] = (pd.to_datetime(found["interval_end"], utc=True) - found["start"]) / pd.Timedelta(minutes=1)
    # A backfill goes to the last delivered interval; how far a report that still holds then is filled in is the live run's.
    return found[found["start"] < pd.Timestamp(town.end)]


def naive(rows: list[Row]) -> pd.DataFrame:
    names = [*KEY, "minutes", "value", "low", "high", "level", "status", "reason", "coverage", "tie", "edge"]
    found = pd.DataFrame([[getattr(r, n) for n in names] for r in rows], columns=names)
    for name in ("value", "low", "high"):
        found[name] = found[name].astype(float)
    found["start"] = pd.to_datetime(found["start"], utc=True)
    return found


def compare(published: pd.DataFrame, expected: pd.DataFrame) -> pd.DataFrame:
    """Rows that differ, with a column ``differs``; empty when both say the same."""
    both = expected.merge(published, on=KEY, how="outer", suffixes=("", "_engine"), indicator="side")
    parts = {"row": both["side"] != "both"}
    there = ~parts["row"]
    for name in ("level", "status", "reason"):
        mine, theirs = both[name].fillna("-").astype(str), both[f"{name}_engine"].fillna("-").astype(str)
        parts[name] = there & (mine != theirs) & ~((name == "level") & both["tie"].eq(True))
    for name in ("value", "low", "high"):
        mine, theirs = both[name], both[f"{name}_engine"].astype(float)
        far = (mine - theirs).abs() > both["tie"].eq(True) * 1.0000001 * 10.0 ** -both["indicator"].map(_digits) + 1e-9
        parts[name] = there & ((mine.isna() != theirs.isna()) | far)
    parts["coverage"] = there & ((both["coverage"] - both["coverage_engine"].astype(float)).abs() > 1e-6)
    parts["minutes"] = there & (both["minutes"] != both["minutes_engine"])
    table = pd.DataFrame(parts)
    differs = table.any(axis=1)
    names = table[differs].apply(lambda r: ",".join(n for n, v in r.items() if v), axis=1)
    return both[differs].assign(differs=names if len(names) else [])


def _digits(indicator: str) -> int:
    return card(indicator).digits
