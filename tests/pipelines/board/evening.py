"""A small evening as a published file: what the board's tests look at, made from the tables' own contract."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from schemas.results import TABLES

AT = datetime(2025, 9, 20, 20, 5, tzinfo=UTC)  # 22:05 in Amsterdam
BEGIN = datetime(2025, 9, 20, 12, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
Row = dict[str, Any]
Tables = dict[str, list[Row]]
EDGES = {"density": (1.1, 2.15, 3.5), "occupancy": (0.7, 0.9, 0.95), "specific_flow": (49, 66, 70), "unusualness": (2, 3, None)}
UNITS = {"density": "p/m²", "occupancy": "ratio", "specific_flow": "p/m/min", "unusualness": "-"}
BANDS = ("elevated", "high", "critical")


def local(hour: int, minute: int = 0) -> datetime:
    """A moment of the evening by the Amsterdam clock."""
    return datetime(2025, 9, 20, hour - 2, minute, tzinfo=UTC)


def level_of(indicator: str, value: float) -> str:
    reached = [b for b, edge in zip(BANDS, EDGES[indicator], strict=True) if edge is not None and value >= edge]
    return reached[-1] if reached else "normal"


def values(place: str, indicator: str, series: list[float | str | None], **more: Any) -> list[Row]:
    """Quarter-hours from 14:00 local: a number is a value, a text a status without one, None no row at all."""
    found = []
    for i, cell in enumerate(series):
        if cell is None:
            continue
        start = BEGIN + i * QUARTER
        known = not isinstance(cell, str)
        found.append(
            {
                "municipality": "waterdam",
                "indicator": indicator,
                "place": place,
                "place_kind": "zone",
                "source": "gates",
                "interval_start": start,
                "interval_end": start + QUARTER,
                "local_date": date(2025, 9, 20),
                "value": cell if known else None,
                "unit": UNITS[indicator],
                "level": level_of(indicator, cell) if known else "unknown",
                "status": "ok" if known else cell,
                "reason": None if known else cell,
                "coverage": 1.0 if known else 0.0,
                "confidence": 0.95,
                "config_hash": f"hash-{indicator}",
                "threshold_source": f"card: indicators/catalogue/{indicator}.yaml:52",
                "definition_hash": indicator,
                **more,
            }
        )
    return found


def ramp(*steps: tuple[int, float | str | None]) -> list[float | str | None]:
    return [value for count, value in steps for _ in range(count)]


def place(slug: str, name: str, kind: str = "zone", type_: str | None = "moving") -> Row:
    return {
        "municipality": "waterdam",
        "place": slug,
        "name": name,
        "place_kind": kind,
        "place_type": type_,
        "valid_from": datetime(2025, 1, 1, tzinfo=UTC),
    }


def situation(slug: str, risk: str, indicator: str, state_and_level: str, started: datetime, **more: Any) -> Row:
    state, level = state_and_level.split()
    return {
        "situation_id": f"waterdam-{risk}-{slug}-{started:%Y%m%dT%H%M}",
        "municipality": "waterdam",
        "safety_risk": risk,
        "place": slug,
        "state": state,
        "level": level,
        "peak_level": level,
        "started_at": started,
        "signalled_at": started + timedelta(minutes=17),
        "origin": "live",
        "leading_indicator": indicator,
        "reasons": [],
        "observed_until": local(22, 0),
        "confidence": 0.95,
        "revision": 1,
        **more,
    }


def card(indicator: str, title_nl: str, title_en: str, risk: str, follow_up: str) -> Row:
    return {
        "indicator": indicator,
        "version": 1,
        "status": "stable",
        "role": "signal",
        "safety_risk": risk,
        "unit": UNITS[indicator],
        "title_nl": title_nl,
        "title_en": title_en,
        "digits": 2,
        "direction": "up",
        "definition_hash": indicator,
        "follow_up": follow_up,
        "follow_up_role": "crowd-manager",
        "lead_time_minutes": 20,
    }


def settings(indicator: str) -> Row:
    bands = {
        band: {
            "enter": edge,
            "exit": edge * 0.9,
            "layer": "place" if band == "critical" else "card",
            "file": "config/municipalities/waterdam.yaml" if band == "critical" else f"indicators/catalogue/{indicator}.yaml",
            "line": 88,
        }
        for band, edge in zip(BANDS, EDGES[indicator], strict=True)
        if edge is not None
    }
    return {
        "config_hash": f"hash-{indicator}",
        "municipality": "waterdam",
        "indicator": indicator,
        "place": "grote-markt",
        "settings": json.dumps({"interval_minutes": 15, "k": 15, "bands": bands}),
    }


def delivery(number: int, source: str, state: str, received: datetime, **more: Any) -> Row:
    return {
        "delivery_id": f"d{number}",
        "municipality": "waterdam",
        "source": source,
        "name": f"{source}/{received:%Y%m%dT%H%M}.csv",
        "received_at": received,
        "received_how": "observed",
        "state": state,
        "rows_in": 96,
        "rows_accepted": 90,
        "rows_suppressed": 0,
        "rows_refused": 0,
        "rows_duplicate": 0,
        **more,
    }


def _places() -> list[Row]:
    return [
        place("grote-markt", "Grote Markt"),
        place("vismarkt", "Vismarkt", type_="standing"),
        place("kade", "Kade"),
        place("brug", "Stationsbrug", "line", None),
        place("park", "Stadspark", type_="standing"),
        place("plein", "Nieuwe Plein"),
        place("steeg", "Korte Steeg", "line", None),
        place("hof", "Hofje"),
        place("poort", "Poort"),
    ]


def _values() -> list[Row]:
    rising = [
        0.4,
        0.4,
        0.5,
        0.5,
        0.6,
        0.7,
        0.7,
        0.8,
        0.9,
        0.9,
        1.0,
        1.2,
        1.3,
        1.5,
        1.6,
        1.8,
        2.0,
        2.2,
        2.3,
        2.6,
        2.8,
        3.0,
        3.2,
        3.3,
        3.4,
        3.6,
        3.6,
        3.7,
        3.8,
        3.7,
        3.6,
        3.62,
    ]
    return [
        *values("grote-markt", "density", list(rising)),
        *values("grote-markt", "occupancy", ramp((12, 0.42), (6, 0.75), (6, "missing"), (5, 0.91), (3, 0.93))),
        *values("grote-markt", "unusualness", ramp((20, 0.6), (8, 2.4), (4, 3.3))),
        *values("vismarkt", "density", ramp((18, 0.9), (5, 2.3), (9, "outage"))),
        *values("kade", "density", ramp((14, 0.5), (8, 1.3), (6, 1.6), (4, 2.2))),
        *values("brug", "specific_flow", ramp((10, 22.0), (7, 55.0), (5, 68.0), (10, 31.0)), place_kind="line"),
        *values("brug", "unusualness", ramp((32, 0.4)), place_kind="line"),
        *values("park", "density", ramp((8, "suppressed"), (16, 0.2), (8, "suppressed"))),
        *values("plein", "density", ramp((16, 0.3), (4, "invalid"), (12, 0.35))),
        *values("plein", "unusualness", ramp((32, "missing")), reason="baseline_short"),
        *values("steeg", "specific_flow", ramp((24, 12.0), (8, None)), place_kind="line"),
        *values("hof", "density", ramp((32, 0.12))),
    ]


def _situations() -> list[Row]:
    return [
        situation(
            "grote-markt",
            "overcrowding",
            "density",
            "open critical",
            local(18, 15),
            group_id="g1",
            reasons=["missing"],
            explanation_nl="Grote Markt: dichtheid 3,62 p/m², sinds 18:15 boven de grens; kritiek vanaf 3,5 p/m².",
            explanation_en="Grote Markt: density 3.62 p/m², beyond the edge since 18:15; critical from 3.5 p/m².",
        ),
        situation(
            "kade",
            "overcrowding",
            "density",
            "open elevated",
            local(17, 30),
            group_id="g1",
            reasons=[],
            explanation_nl="Kade: dichtheid 2,20 p/m², verhoogd vanaf 1,1 p/m².",
            explanation_en="Kade: density 2.20 p/m², elevated from 1.1 p/m².",
        ),
        situation(
            "vismarkt",
            "overcrowding",
            "density",
            "open high",
            local(18, 30),
            reasons=["outage", "unobserved"],
            observed_until=local(19, 45),
            confidence=0.4,
            explanation_nl="Vismarkt: dichtheid was 2,30 p/m², hoog vanaf 2,15 p/m²; daarna storing.",
            explanation_en="Vismarkt: density was 2.30 p/m², high from 2.15 p/m²; outage since.",
        ),
        situation(
            "grote-markt", "unusual_activity", "unusualness", "pending normal", local(21, 0), signalled_at=None, group_id=None
        ),
        situation(
            "brug",
            "saturated_passage",
            "specific_flow",
            "closed normal",
            local(16, 30),
            peak_level="high",
            ended_at=local(19, 30),
            end_reason="data",
            explanation_nl="Stationsbrug was vol.",
            explanation_en="The bridge was full.",
        ),
    ]


def _observations(source: str, ok: int, missing: int, until: datetime) -> list[Row]:
    """So many measured quarter-hours up to ``until``, and before them so many that never came."""
    return [
        {
            "municipality": "waterdam",
            "dataset": "zone_counts",
            "source": source,
            "place": "kade",
            "interval_start": until - (n + 1) * QUARTER,
            "interval_end": until - n * QUARTER,
            "measure": "present",
            "status": "ok" if n < ok else "missing",
        }
        for n in range(ok + missing)
    ]


def evening() -> Tables:
    """Rows by table. Places: critical, unobserved, high, closed, withheld, partly unknown, stale, normal and without rows."""
    return {
        "about": [
            {"key": "name:waterdam", "text": "Waterdam"},
            {"key": "time_zone:waterdam", "text": "Europe/Amsterdam"},
            {"key": "source.gates.delay_minutes", "text": "5"},
        ],
        "purposes": [{"municipality": "waterdam", "purpose": "crowd-safety", "title": "Veiligheid bij drukte", "k": 15}],
        "places": _places(),
        "indicator_values": _values(),
        "situations": _situations(),
        "indicators": [
            card("density", "Dichtheid", "Density", "overcrowding", "meter"),
            card("occupancy", "Bezetting", "Occupancy", "overcrowding", "meter"),
            card("specific_flow", "Doorstroming", "Specific flow", "saturated_passage", "steer"),
            card("unusualness", "Ongewoonheid", "Unusualness", "unusual_activity", "inform"),
        ],
        "effective_settings": [settings(i) for i in EDGES],
        "deliveries": [
            delivery(1, "gates", "accepted", local(22, 3), rows_suppressed=6),
            delivery(2, "gates", "partial", local(21, 48), rows_refused=4, rows_accepted=86),
            delivery(
                3,
                "cameras",
                "closed",
                local(20, 31),
                rows_in=0,
                rows_accepted=0,
                reason="column 4: looks like device identifiers",
            ),
            delivery(4, "cameras", "accepted", local(19, 46), received_how="assumed"),
        ],
        "refused_rows": [
            {
                "delivery_id": "d2",
                "row_number": n,
                "column_name": "count_in",
                "check_name": "not_negative",
                "message": "count_in is negative; ask the supplier for the true count",
            }
            for n in range(4)
        ],
        "observations": _observations("gates", 88, 2, local(22, 0)) + _observations("cameras", 64, 22, local(19, 45)),
        "runs": [{"run_id": "run-1", "municipality": "waterdam", "verb": "run", "as_of": AT, "recorded_at": AT}],
    }


def publish(path: Path, tables: Tables) -> Path:
    """Write ``tables`` to a DuckDB file with all published tables and their types."""
    with duckdb.connect(str(path)) as con:
        con.execute("SET TimeZone = 'UTC'")
        for table in TABLES.values():
            columns = ", ".join(f'"{c}" {table.type_of(c)}' for c in table.columns)
            con.execute(f"create table {table.name} ({columns})")
        for name, found in tables.items():
            wide = TABLES[name].columns
            assert {c for row in found for c in row} <= set(wide), f"{name}: a column that the contract does not have"
            con.register("found", pa.table({c: [row.get(c) for row in found] for c in wide}))
            con.execute(f"insert into {name} select * from found")
    return path
