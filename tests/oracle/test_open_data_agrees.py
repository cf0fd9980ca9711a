"""The engine against the oracle on open data: values, levels, statuses and reasons, then situations (rule 12).

A small cut by default; ``DRUKTE_PROVE=1`` takes all of it. Skipped where the open data folder is absent (``DRUKTE_OPEN_DATA``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.oracle import declared, naive, reading, stretches

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config"
CARD = ROOT / "indicators" / "catalogue" / "unusualness.yaml"
DATA = Path(os.environ.get("DRUKTE_OPEN_DATA") or ROOT.parent / "shared" / "data")
FULL = os.environ.get("DRUKTE_PROVE") == "1"

pytestmark = [
    pytest.mark.open_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no open data at {DATA}: set DRUKTE_OPEN_DATA to the folder"),
]


@dataclass(frozen=True)
class City:
    """``cut`` writes the deliveries to be used below a folder; ``rows`` reads a source's slots from there, the oracle's way."""

    slug: str
    cut: Callable[[Path], None]
    slots: Callable[[Path, declared.Facts], pd.DataFrame]
    years: range


@dataclass(frozen=True)
class Both:
    """The engine's rows and the oracle's, of one city."""

    facts: declared.Facts
    values: pd.DataFrame
    situations: pd.DataFrame
    judged: pd.DataFrame
    expected: pd.DataFrame


def _copy(name: str, folder: Path) -> Path:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to((DATA / name).resolve())
    return target


def _cut_melbourne(folder: Path) -> None:
    """The raw cut of 8 sensors is small enough to be taken whole; all sensors only in full."""
    _copy(reading.MELBOURNE_CSV, folder)
    if FULL:
        _copy(reading.MELBOURNE_PARQUET, folder)


def _melbourne_slots(folder: Path, facts: declared.Facts) -> pd.DataFrame:
    frames = []
    for name, source in facts.sources.items():
        path = folder / (reading.MELBOURNE_PARQUET if "parquet" in name else reading.MELBOURNE_CSV)
        if path.exists():
            read = reading.melbourne_parquet if "parquet" in name else reading.melbourne_csv
            frames.append(reading.hourly(read(path), name, source.places, facts.k))
    return pd.concat(frames, ignore_index=True)


def _cut_hardbruecke(folder: Path) -> None:
    """Three of the eight lines until mid-March (lines absent from 14 March on), as the supplier's own Parquet."""
    if FULL:
        _copy(reading.HARDBRUECKE_PARQUET, folder)
        _copy(reading.HARDBRUECKE_CSV, folder)
        return
    rows = pd.read_parquet(DATA / reading.HARDBRUECKE_PARQUET)
    lines = ["Ost-VBZ Total", "Ost-Nord total", "West-SBB total"]
    rows = rows[rows["Name"].isin(lines) & (rows["Timestamp"] < "2020-03-18")]
    target = folder / reading.HARDBRUECKE_PARQUET
    target.parent.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(target, index=False)


def _hardbruecke_slots(folder: Path, facts: declared.Facts) -> pd.DataFrame:
    frames = []
    for name, source in facts.sources.items():
        path = folder / (reading.HARDBRUECKE_PARQUET if "parquet" in name else reading.HARDBRUECKE_CSV)
        if path.exists():
            assert source.max_zero_run is not None
            frames.append(reading.quarter_hourly([reading.hardbruecke(path)], name, source.places, source.max_zero_run, facts.k))
    return pd.concat(frames, ignore_index=True)


CITIES = {
    "melbourne": City("melbourne", _cut_melbourne, _melbourne_slots, range(2011, 2016)),
    "hardbruecke": City("hardbruecke", _cut_hardbruecke, _hardbruecke_slots, range(2019, 2022)),
}


@pytest.fixture(scope="session", params=sorted(CITIES))
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A backfill of one city and the oracle's answer to the same files."""
    city = CITIES[request.param]
    data = tmp_path_factory.mktemp(f"data-{city.slug}")
    city.cut(data)
    facts = declared.facts(CONFIG, city.slug, city.years)
    edges, timing = declared.bands(CARD, facts.interval)
    slots = city.slots(data, facts)
    judged = naive.judge(slots, reading.winners(slots, facts.ranks), facts.calendar, edges)
    # A day past the last interval: everything of the cut is due, and nothing after it has come.
    at = (slots["start"].max() + timedelta(days=1)).to_pydatetime().astimezone(UTC)
    values, situations = _engine(city.slug, data, tmp_path_factory.mktemp(f"workspace-{city.slug}"), at)
    yield Both(facts, values, situations, judged, stretches.situations(judged, timing))


def _engine(slug: str, data: Path, workspace: Path, at: datetime) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values and situations as the project publishes them after one backfill."""
    from indicators.card import catalogue
    from pipelines.published import connect
    from pipelines.store import Store
    from pipelines.tick import tick
    from schemas.config import load

    config, cards = load(CONFIG, slug, data=data), catalogue()
    with Store(workspace) as store:
        tick(store, config, cards, at=at, verb="backfill")  # publishes too
    con = connect(workspace / "published" / "indicators.duckdb")
    try:
        return con.sql("SELECT * FROM indicator_values").df(), con.sql("SELECT * FROM situations").df()
    finally:
        con.close()


def _joined(both: Both) -> pd.DataFrame:
    """The oracle's slots beside the engine's rows of unusualness."""
    engine = both.values[both.values["indicator"] == "unusualness"]
    engine = engine.rename(columns={c: f"engine_{c}" for c in ("value", "level", "status", "reason", "source")})
    engine = engine.assign(start=pd.to_datetime(engine["interval_start"], utc=True))
    columns = ["place", "start", *[c for c in engine.columns if c.startswith("engine_")]]
    return both.judged.merge(engine[columns], on=["place", "start"], how="left", indicator=True)


def _show(frame: pd.DataFrame, columns: list[str]) -> str:
    return f"{len(frame)} differ:\n{frame[columns].head(25).to_string()}"


def test_every_slot_between_first_and_last_row_is_there(both: Both) -> None:
    joined = _joined(both)
    gone = joined[joined["_merge"] == "left_only"]
    assert gone.empty, _show(gone, ["place", "start", "status", "x"])


def test_rule_12_values_agree(both: Both) -> None:
    """Rounded values are equal; a raw value within 1e-9 (relative) of a rounding edge may fall on either side."""
    joined = _joined(both)
    value, expected = joined["engine_value"].astype(float), joined["value"]
    nudge = 1e-9 * joined["raw"].abs()
    digits = 2
    ends = [(joined["raw"] + sign * nudge).map(lambda z: z if pd.isna(z) else naive.rounded(z, digits)) for sign in (-1, 1)]
    same = (value.isna() & expected.isna()) | any_equal(value, expected, *ends)
    assert expected.notna().sum() > 1_000
    assert same.all(), _show(joined[~same], ["place", "start", "x", "m", "mad", "n", "g", "p95", "raw", "value", "engine_value"])


def any_equal(value: pd.Series, *candidates: pd.Series) -> pd.Series:
    """Where ``value`` is one of the candidates, compared as decimals of two digits."""
    return pd.concat([(value - c).abs() < 1e-6 for c in candidates], axis=1).any(axis=1)


def test_rule_13_levels_agree_exactly(both: Both) -> None:
    joined = _joined(both)
    differ = joined[joined["level"] != joined["engine_level"]]
    assert {"normal", "unknown"} < set(joined["level"])
    assert differ.empty, _show(
        differ, ["place", "start", "x", "raw", "status", "reason", "level", "engine_level", "engine_reason"]
    )


def test_statuses_and_reasons_agree(both: Both) -> None:
    joined = _joined(both)
    differ = joined[joined["status"] != joined["engine_status"]]
    assert differ.empty, _show(differ, ["place", "start", "x", "n", "status", "engine_status", "engine_reason"])
    for reason in ("baseline_short", "immaterial"):
        differ = joined[(joined["reason"] == reason) != (joined["engine_reason"] == reason)]
        assert differ.empty, _show(differ, ["place", "start", "x", "n", "raw", "reason", "engine_reason"])


def test_rule_9_the_row_names_the_source_that_counted(both: Both) -> None:
    joined = _joined(both)
    joined = joined[joined["status"] == "ok"]
    assert (joined["source"] == joined["engine_source"]).all()


def test_rule_19_situations_agree(both: Both) -> None:
    columns = ["place", "started_at", "ended_at", "peak_level"]
    engine = both.situations
    engine = engine[(engine["safety_risk"] == "unusual_activity") & engine["state"].isin(["open", "closed"])]
    engine = engine.assign(**{c: pd.to_datetime(engine[c], utc=True) for c in ("started_at", "ended_at")})
    sides = both.expected[columns].astype(object).merge(engine[columns].astype(object), on=columns, how="outer", indicator=True)
    differ = sides[sides["_merge"] != "both"].sort_values(["place", "started_at"])
    assert len(both.expected) > 0
    assert differ.empty, f"left_only is the oracle's, right_only the engine's\n{_show(differ, [*columns, '_merge'])}"


def test_specific_flow_agrees_where_a_line_has_a_width(both: Both) -> None:
    flows = both.values[both.values["indicator"] == "specific_flow"]
    if flows.empty:
        pytest.skip("no line of this city has an effective width")
    widths = _widths(both)
    joined = both.judged.merge(flows.assign(start=pd.to_datetime(flows["interval_start"], utc=True)), on=["place", "start"],
                               suffixes=("", "_engine"))  # fmt: skip
    known = joined[joined["x"].notna() & joined["place"].isin(widths)]
    expected = [
        naive.rounded(naive.specific_flow(s.x, widths[s.place], s.minutes), _digits("specific_flow")) for s in known.itertuples()
    ]
    assert len(known) > 1_000
    differ = known[(known["value_engine"].astype(float) - expected).abs() > 1e-6]
    assert differ.empty, _show(differ, ["place", "start", "x", "value_engine"])


def _digits(card: str) -> int:
    return int(declared._read(CARD.with_name(f"{card}.yaml"))["digits"])


def _widths(both: Both) -> dict[str, float]:
    """Effective widths as the places file states them (places of one period only)."""
    slug = both.values["municipality"].iloc[0]
    own = declared._read(CONFIG / "municipalities" / f"{slug}.yaml")
    features = declared._read(CONFIG / "municipalities" / own["places"])["features"]
    found = [(f["properties"]["place"], f["properties"].get("effective_width")) for f in features]
    assert len({place for place, _ in found}) == len(found), "a place with several periods needs a width per period"
    return {place: float(width) for place, width in found if width}
