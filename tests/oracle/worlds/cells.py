"""From rows of text to one cell a place, measure and cadence interval, with its status: rules 4 to 7, 10 and 11, row by row."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas import vocabulary
from schemas.datasets import DATASETS
from tests.oracle.worlds.shapes import Row, Source, Town

BEST = ("ok", "invalid", "outage", "suppressed", "missing")  # rule 5
EMPTY = ("", "n/a")


class Cell(NamedTuple):
    """``low`` and ``high`` are NaN-free numbers, or None where nothing is known (also of a withheld mean)."""

    status: str
    low: float | None = None
    high: float | None = None


MISSING, INVALID, OUTAGE = Cell("missing"), Cell("invalid"), Cell("outage")
Cells = dict[tuple[str, str, str], dict[datetime, Cell]]  # (source, place, measure) → start → cell


def cells(town: Town, wrong: frozenset[str] = frozenset()) -> Cells:
    """Every expected cell of every source from its first delivered row up to the last row that any source delivered."""
    last = max(row.start + timedelta(minutes=s.minutes) for s in town.sources for d in s.deliveries for row in d.rows)
    found: Cells = {}
    for source in town.sources:
        given = _given(source, town, wrong)
        first = min(row.start for d in source.deliveries for row in d.rows)
        sporadic = DATASETS[source.dataset].sporadic
        zeros = _zeros(source)
        step = timedelta(minutes=source.minutes)
        for place in source.places:
            flags = (
                []
                if sporadic
                else [f for f in town.flags if f.source == source.name and f.place == place and "outage" in f.effect]
            )
            rows = given.get(place, {})
            starts = sorted(rows) if sporadic else [first + step * i for i in range((last - first) // step)]
            for measure in source.measures:
                found[source.name, place, measure] = {
                    start: _one(rows.get(start, {}).get(measure), start, measure, (place, start) in zeros, flags, wrong)
                    for start in starts
                }
    return found


def _one(candidates: list[Cell] | None, start: datetime, measure: str, zero: bool, flags: list, wrong: frozenset[str]) -> Cell:
    """Rule 5 over what came for a cell; of several values the last counts, and where that is withheld, what was refused or out does."""
    options = list(candidates or ())
    known = [c for c in options if c.status in ("ok", "suppressed")][-1:]
    if known and known[0].status == "ok":
        return known[0]
    if any(f.start <= start < f.end for f in flags):  # of a counter that is out, an absent row says nothing
        options.append(OUTAGE)
    if known:
        options = [c for c in options if c.status in ("invalid", "outage")] + known
    if not options and zero and measure not in ("walking_speed", "driving_speed"):
        options = [Cell("ok", 0, 0)]
    if "zero_for_missing" in wrong and not options:
        return Cell("ok", 0, 0)
    return min(options, key=lambda c: BEST.index(c.status), default=MISSING)


def _given(source: Source, town: Town, wrong: frozenset[str]) -> dict[str, dict[datetime, dict[str, list[Cell]]]]:
    """Place → start → measure → cells as delivered, the oldest issue first."""
    found: dict[str, dict[datetime, dict[str, list[Cell]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    order = (lambda d: d.name) if "order_of_names" in wrong else (lambda d: d.issued)
    for delivery in sorted(source.deliveries, key=order):
        same: dict[tuple[str, datetime], list[Row]] = defaultdict(list)
        for row in delivery.rows:
            same[row.place, row.start].append(row)
        for (place, start), rows in same.items():
            for measure, cell in _row(rows, source, town, wrong).items():
                found[place][start][measure].append(cell)
    return found


def _row(rows: list[Row], source: Source, town: Town, wrong: frozenset[str]) -> dict[str, Cell]:
    """What one delivery says about a place and interval: a row that is refused is invalid, and so are two that differ."""
    good = [row for row in rows if not _refused(row, source)]
    distinct = {(*sorted((m, _plain(m, t)) for m, t in row.texts.items()), row.down) for row in good}
    if len(distinct) != 1:
        return dict.fromkeys(source.measures, INVALID)
    row = good[0]
    numbers = {m: None if t in EMPTY else float(t) for m, t in row.texts.items()}
    return {m: OUTAGE if row.down else _withheld(m, numbers, town.k, wrong) for m in source.measures}


def _plain(measure: str, text: str) -> float | None:
    return None if text in EMPTY else float(text)


def _refused(row: Row, source: Source) -> bool:
    return any(not _acceptable(measure, text, source) for measure, text in row.texts.items())


def _acceptable(measure: str, text: str, source: Source) -> bool:
    """A number of zero or more, whole where it counts, one of the classes, and not more than is plausible."""
    if text in EMPTY:
        return True
    try:
        number = float(text)
    except ValueError:
        return False
    contract, word = DATASETS[source.dataset], vocabulary.columns()[measure]
    if measure in contract.codes:
        return number in contract.codes[measure]
    if word.type == "BIGINT" and number != int(number):
        return False
    return 0 <= number <= contract.quality.plausible[measure] * (source.minutes if word.kind == "flow" else 1)


def _withheld(measure: str, numbers: dict[str, float | None], k: int, wrong: frozenset[str]) -> Cell:
    """Rule 7: 1…k−1 persons are withheld; a mean goes with the number behind it."""
    value, word = numbers[measure], vocabulary.columns()[measure]
    least = k + 1 if "k_withheld_too" in wrong else k
    if word.support:
        behind = [numbers[s] for s in word.support if s in numbers]
        people = None if None in behind else sum(behind)  # type: ignore[arg-type]
        persons = vocabulary.columns()[next(s for s in word.support if s in numbers)].counts == "person"
        if persons and people and people < least:
            return Cell("suppressed")
        if value is None or people == 0 or (persons and people is None):
            return MISSING
    if value is None:
        return MISSING
    if word.counts == "person" and 0 < value < least:
        return Cell("ok", 0, 0) if "low_for_withheld" in wrong else Cell("suppressed", 0, least - 1)
    return Cell("ok", value, value)


def _zeros(source: Source) -> set[tuple[str, datetime]]:
    """Rule 6: absent cells inside the span of a delivery, within ``zero_run`` of a row of the place that says something."""
    if source.zero_run is None:
        return set()
    step, reach = timedelta(minutes=source.minutes), timedelta(minutes=source.zero_run)
    spans: list[tuple[datetime, datetime]] = []
    for start, end in sorted((min(r.start for r in d.rows), max(r.start for r in d.rows) + step) for d in source.deliveries):
        if spans and start - spans[-1][1] <= reach:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    found = set()
    for place in source.places:
        rows = [r for d in source.deliveries for r in d.rows if r.place == place]
        starts = {r.start for r in rows}
        for start in {r.start for r in rows if not r.down and set(r.texts.values()) - set(EMPTY)}:
            for i in range(-(reach // step), reach // step + 1):
                cell = start + step * i
                if cell not in starts and any(a <= cell < b for a, b in spans):
                    found.add((place, cell))
    return found
