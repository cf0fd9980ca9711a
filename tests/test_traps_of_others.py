"""What other systems got wrong, and what becomes of it here: a small town in which all of it happens at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from indicators import config_check
from indicators.card import catalogue
from pipelines.published import connect
from pipelines.store import Store
from schemas.settings.place import CbsCode
from tests.indicators.a_town import threshold, town
from tests.town import START, STEP, Town, rows

MIDNIGHT = START + timedelta(days=1)
OUT = {"source": "gates", "places": ["gate"], "from": (MIDNIGHT - STEP).isoformat(), "to": (MIDNIGHT + STEP).isoformat(),
       "effect": ["outage"], "reason": "the counter is replaced overnight", "owner": "data-officer"}  # fmt: skip


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Store]]:
    """Around midnight: 40, 0, 5 (withheld), nothing came, out of order before and after midnight, 41. The published file, and the store."""
    folder = tmp_path_factory.mktemp("night")
    made = Town(folder, flags=[OUT], only="specific_flow")
    counts = {-5: 40, -4: 0, -3: 5, 1: 41}
    made.gates(MIDNIGHT + 2 * STEP, [(MIDNIGHT + i * STEP, n, 0) for i, n in counts.items()])
    with Store(folder / "w") as store:
        made.tick(store, MIDNIGHT + 2 * STEP + timedelta(minutes=5))
        con = connect(folder / "w" / "published" / "indicators.duckdb")
        yield con, store
        con.close()


def counts(con: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = con.sql("""SELECT value, value_low, value_high, status FROM observations WHERE place = 'gate'
        AND measure = 'count_in' ORDER BY interval_start""").fetchall()  # fmt: skip
    return found


def test_trap_outage_withheld_missing_and_zero_are_never_the_same_zero(night: tuple[Any, Store]) -> None:
    con, _ = night
    assert [(None if v is None else int(v), s) for v, _, _, s in counts(con)] == [
        (40, "ok"), (0, "ok"), (None, "suppressed"), (None, "missing"), (None, "outage"), (None, "outage"), (41, "ok"),
    ]  # fmt: skip
    levels = con.sql("SELECT value, level FROM indicator_values WHERE place = 'gate' ORDER BY interval_start").fetchall()
    assert [level for _, level in levels] == ["normal", "normal", "normal", "unknown", "unknown", "unknown", "normal"]
    assert [value is None for value, _ in levels] == [False, False, True, True, True, True, False]


def test_trap_fewer_than_k_is_never_published_as_zero(night: tuple[Any, Store]) -> None:
    """Neither 0 nor −1: no number, its bounds, and a status. What adds up adds up what is known, and says over how many."""
    con, _ = night
    [small] = [row for row in counts(con) if row[3] == "suppressed"]
    assert small[:3] == (None, 0, 14)
    [[total, known, all_]] = con.sql("""SELECT sum(value), count(value), count(*) FROM observations WHERE place = 'gate'
        AND measure = 'count_in'""").fetchall()  # fmt: skip
    assert (int(total), known, all_) == (81, 3, 7)
    assert con.sql("SELECT count(*) FROM observations_history WHERE value < 0 OR (value = 0 AND status <> 'ok')").fetchall() == [
        (0,)
    ]


def test_rule_07_the_size_of_a_delivery_does_not_tell_the_digits_of_a_withheld_count(night: tuple[Any, Store]) -> None:
    con, _ = night
    assert con.sql("SELECT size_bytes FROM deliveries").fetchall() == [(1024,)]


def test_trap_an_outage_passes_midnight(night: tuple[Any, Store]) -> None:
    _, store = night
    found = rows(store, """SELECT local_date, local_time FROM {indicator_values} WHERE place = 'gate' AND reason = 'outage'
        OR (place = 'gate' AND status = 'outage') ORDER BY ALL""")  # fmt: skip
    assert [(f"{day:%m-%d}", f"{time:%H:%M}") for day, time in found] == [("06-01", "23:45"), ("06-02", "00:00")]


@pytest.mark.parametrize("bands", [
    "elevated: {enter: 3.0, for: 5min, keep_for: 15min}, high: {enter: 2.6, for: 5min, keep_for: 15min}",
    "elevated: {enter: 2.2, exit: 2.4, for: 5min, keep_for: 15min}",
])  # fmt: skip
def test_trap_bands_in_the_wrong_order_are_refused(bands: str, tmp_path: Path) -> None:
    found = config_check.check(town(tmp_path, threshold(bands, place="square")), catalogue())
    assert [p.key for p in found if p.key.startswith("thresholds.0.bands")], [str(p) for p in found]


def test_trap_a_scale_of_comfort_is_no_scale_of_alarm() -> None:
    """Fruin's A to C (0.31, 0.43, 0.72 p/m²; 23, 33 p/m/min) are about comfort: no signal begins there, and example edges say so."""
    cards = catalogue()
    for place_type in ("moving", "standing"):
        assert min(band.enter for band in (cards["density"].bands_for(place_type) or {}).values()) >= 1.08
    assert min(band.enter for band in (cards["specific_flow"].bands_for(None) or {}).values()) >= 49


def test_trap_area_codes_are_re_used_so_their_year_belongs_to_them() -> None:
    assert CbsCode(code="BU03630000", year=2024) != CbsCode(code="BU03630000", year=2019)
    with pytest.raises(ValidationError, match="year"):
        CbsCode.model_validate({"code": "GM0363"})
    with pytest.raises(ValidationError, match="pattern"):
        CbsCode.model_validate({"code": "0363", "year": 2024})  # a code that went through a spreadsheet
