"""The engine against the oracle on open data: values, levels, statuses and reasons, then situations (rule 12).

A small cut by default; ``DRUKTE_PROVE=1`` takes all of it. Skipped where the open data folder is absent (``DRUKTE_OPEN_DATA``).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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
    """``deliveries`` source → file, in the open data; ``keep`` cuts rows of a Parquet file away (None: taken whole).

    The municipality's own file is used with ``sources`` and ``k`` replaced: every combination is a way one could set it up.
    """

    slug: str
    deliveries: dict[str, str]
    years: range
    keep: Callable[[pd.DataFrame], pd.Series] | None = None
    k: int = 1


def _first_lines(rows: pd.DataFrame) -> pd.Series:
    """Three of the eight lines until mid-March; the VBZ line is absent from 14 March on."""
    lines = ["Ost-VBZ Total", "Ost-Nord total", "West-SBB total"]
    return rows["Name"].isin(lines) & (rows["Timestamp"] < "2020-03-18")


def _one_year_five_sensors(rows: pd.DataFrame) -> pd.Series:
    """Two springs and an autumn of five sensors."""
    return rows["sensor_id"].isin([1, 5, 7, 12, 29]) & (rows["timestamp"] >= "2013-02-01")


_SMALL = {
    "melbourne-raw": City("melbourne", {"melbourne-pedestrians": reading.MELBOURNE_CSV}, range(2011, 2016)),
    "hardbruecke-winter": City(
        "hardbruecke", {"hardbruecke-history": reading.HARDBRUECKE_PARQUET}, range(2019, 2022), _first_lines
    ),
}
_WHOLE = {
    "melbourne-raw": _SMALL["melbourne-raw"],
    "melbourne-withheld": City("melbourne", {"melbourne-pedestrians": reading.MELBOURNE_CSV}, range(2011, 2016), k=15),
    "hardbruecke-withheld": City("hardbruecke", {"hardbruecke-history": reading.HARDBRUECKE_PARQUET}, range(2019, 2022),
                                 _first_lines, k=3),
    "melbourne-all": City("melbourne", {"melbourne-pedestrians-history": reading.MELBOURNE_PARQUET}, range(2011, 2016)),
    "melbourne-two-sources": City("melbourne", {"melbourne-pedestrians-history": reading.MELBOURNE_PARQUET,
                                                "melbourne-pedestrians": reading.MELBOURNE_CSV},
                                  range(2011, 2016), _one_year_five_sensors),
    "hardbruecke-all": City("hardbruecke", {"hardbruecke-history": reading.HARDBRUECKE_PARQUET}, range(2019, 2022)),
    "hardbruecke-two-sources": City("hardbruecke", {"hardbruecke-history": reading.HARDBRUECKE_PARQUET,
                                                    "hardbruecke": reading.HARDBRUECKE_CSV}, range(2019, 2022)),
}  # fmt: skip
CITIES = _WHOLE if FULL else _SMALL


@dataclass(frozen=True)
class Both:
    """The engine's rows and the oracle's, of one city."""

    facts: declared.Facts
    values: pd.DataFrame
    situations: pd.DataFrame
    baselines: pd.DataFrame
    histories: naive.Histories
    judged: pd.DataFrame
    expected: pd.DataFrame


def _deliver(city: City, folder: Path) -> None:
    """Put the city's deliveries below a folder of their own, cut where it says so."""
    for name in city.deliveries.values():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if city.keep and target.suffix == ".parquet":
            rows = pd.read_parquet(DATA / name)
            rows[city.keep(rows)].to_parquet(target, index=False)
        else:
            target.symlink_to((DATA / name).resolve())


def _configure(city: City, folder: Path) -> Path:
    """A copy of the config folder in which the city has just these sources."""
    config = Path(shutil.copytree(CONFIG, folder / "config"))
    own = config / "municipalities" / f"{city.slug}.yaml"
    text = own.read_text(encoding="utf-8")
    for key, value in (("sources", f"[{', '.join(city.deliveries)}]"), ("k", str(city.k))):
        text, found = re.subn(rf"(?m)^( *{key}:).*$", rf"\1 {value}", text)
        assert found == 1, f"{own.name} has no `{key}:` on one line"
    own.write_text(text, encoding="utf-8")
    return config


def _slots(city: City, folder: Path, facts: declared.Facts) -> pd.DataFrame:
    """Slots of all the city's sources, read the oracle's way."""
    frames = []
    for name, file in city.deliveries.items():
        source, path = facts.sources[name], folder / file
        if city.slug == "hardbruecke":
            assert source.max_zero_run is not None
            frames.append(reading.quarter_hourly([reading.hardbruecke(path)], name, source.places, source.max_zero_run, facts.k))
        else:
            read = reading.melbourne_parquet if path.suffix == ".parquet" else reading.melbourne_csv
            frames.append(reading.hourly(read(path), name, source.places, facts.k))
    return declared.expected(pd.concat(frames, ignore_index=True), facts)


@pytest.fixture(scope="session", params=sorted(CITIES))
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Both:
    """A backfill of one city and the oracle's answer to the same files."""
    city = CITIES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    data, config = folder / "data", _configure(city, folder)
    _deliver(city, data)
    facts = declared.facts(config, city.slug, city.years)
    edges, timing = declared.bands(CARD, facts.interval)
    slots = _slots(city, data, facts)
    histories = naive.histories(slots, facts.calendar)
    judged = naive.judge(histories, reading.winners(slots, facts.ranks), facts.calendar, edges)
    # A day past the last interval: everything is due, and nothing after it has come.
    at = (slots["start"].max() + timedelta(days=1)).to_pydatetime().astimezone(UTC)
    published = _engine(config, city.slug, data, folder / "workspace", at)
    return Both(facts, *published, histories, judged, stretches.situations(judged, timing))


def _engine(folder: Path, slug: str, data: Path, workspace: Path, at: datetime) -> list[pd.DataFrame]:
    """Values, situations and baselines as the project publishes them after one backfill."""
    from indicators.card import catalogue
    from pipelines.published import connect
    from pipelines.store import Store
    from pipelines.tick import tick
    from schemas.config import load

    config, cards = load(folder, slug, data=data), catalogue()
    with Store(workspace) as store:
        tick(store, config, cards, at=at, verb="backfill")  # publishes too
    con = connect(workspace / "published" / "indicators.duckdb")
    try:
        return [con.sql(f"SELECT * FROM {table}").df() for table in ("indicator_values", "situations", "baselines")]
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


def test_rule_18_baselines_agree_to_a_billionth(both: Both) -> None:
    """Unrounded: count, median, MAD, quantiles, the level of the last days and the place's own p95."""
    rows = both.baselines[both.baselines["interval_minutes"] == both.facts.interval]
    rows = rows if FULL else rows.iloc[:: max(1, len(rows) // 4_000)]
    known = [r for r in rows.itertuples() if (r.source, r.place) in both.histories]
    assert len(known) > 1_000
    wrong = [found for row in known if (found := _baseline_mistakes(row, both.histories[row.source, row.place]))]
    assert not wrong, f"{len(wrong)} of {len(known)} differ: {wrong[:10]}"


def _baseline_mistakes(row: Any, history: naive.History) -> str:
    """What differs between a published baseline and the oracle's, or nothing."""
    day, minute = pd.Timestamp(row.local_date).date(), row.local_time.hour * 60 + row.local_time.minute
    weekday = naive.SUNDAY if row.day_type == "sunday" else day.weekday()
    base = history.baseline(day, minute, weekday)
    by_day = history.values_by_day(day, minute, weekday)
    values = [value for given in by_day.values() for value in given]
    expected = {"n": base.n, "median": base.median, "mad": base.mad, "place_p95": history.place_p95(day)}
    expected |= {f"p{share}": naive.quantile(values, share / 100) for share in (10, 20, 50, 80, 90, 95)}
    expected |= {"level_factor": history.level_factor(day), "valid_days": len(by_day)}
    wrong = [
        f"{n} {getattr(row, n)} for {v}"
        for n, v in expected.items()
        if getattr(row, n) != pytest.approx(v, rel=1e-9, nan_ok=True)
    ]
    return f"{row.place} {day} {row.local_time} {row.day_type}: {', '.join(wrong)}" if wrong else ""


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
    digits = declared.digits(CARD.with_name("specific_flow.yaml"))
    widths = both.facts.widths
    flows = flows.assign(start=pd.to_datetime(flows["interval_start"], utc=True), engine_value=flows["value"].astype(float))
    joined = both.judged[both.judged["x"].notna()].merge(flows[["place", "start", "engine_value"]], on=["place", "start"])
    flow = [naive.specific_flow(s.x, widths[s.place], s.minutes) for s in joined.itertuples()]
    expected = pd.Series(flow).map(lambda v: naive.rounded(v, digits))
    assert len(joined) > 1_000
    differ = joined[~any_equal(joined["engine_value"], expected)]
    assert differ.empty, _show(differ, ["place", "start", "x", "engine_value"])
