"""A view for one partner (police, organiser): the worst level per place and stretch of time, and the situations; never counts.

Each time it is made, a row in table ``exports`` says for whom, by which role and when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from indicators.card import Card
from pipelines import published as reading
from pipelines import purpose
from pipelines.export import log
from pipelines.faults import UsageError
from pipelines.store.sealing import quoted
from schemas.config import Config
from schemas.mistakes import did_you_mean
from schemas.settings.publication import Partner

LOOK_BACK = timedelta(days=2)

# The worst level of signals in a stretch; where no signal is known it is unknown, however calm the rest is.
_LEVELS = """
    SELECT v.place, time_bucket(INTERVAL {minutes} MINUTE, interval_start, TIMESTAMPTZ '2000-01-01 00:00+00') AS stretch_start,
           coalesce(max_by(level, list_position(['normal', 'elevated', 'high', 'critical'], level)) FILTER (level <> 'unknown'), 'unknown')
               AS worst_level,
           round(count(*) FILTER (level <> 'unknown') / count(*), 2) AS share_known
    FROM indicator_values v JOIN (SELECT DISTINCT indicator, role FROM indicators) i USING (indicator)
    WHERE v.municipality = {town} AND i.role = 'signal' AND v.interval_start >= {since} AND v.interval_end <= {until} AND {places}
    GROUP BY ALL ORDER BY ALL
"""
_SITUATIONS = """
    SELECT place, safety_risk, state, level, peak_level, started_at, ended_at, observed_until
    FROM situations v WHERE v.municipality = {town} AND state <> 'pending' AND coalesce(ended_at, {until}) >= {since}
    AND started_at <= {until} AND {places} ORDER BY ALL
"""


@dataclass(frozen=True)
class View:
    """What was written for a partner."""

    partner: Partner
    purpose: str
    files: list[Path]
    row_count: int
    content_hash: str


def write(
    out: Path, file: Path, config: Config, cards: Mapping[str, Card], name: str, role: str, at: datetime,
    note: Callable[[View], None] | None = None,
) -> View:  # fmt: skip
    """Write ``<out>/<municipality>-<partner>/`` with two CSV files of the last two days.

    ``note`` logs it before it is let out: when that fails nothing is.
    Raises :class:`UsageError` for a partner that is not declared, or a role other than the one that decided on this view;
    :class:`schemas.problems.Problems` when no review covers the purpose.
    """
    state = purpose.leaves_the_house(config, cards, at)
    partner = _of(config, name, role)
    final = out / f"{config.municipality.municipality}-{name}"
    folder = log.aside(final)
    until = at - partner.delay
    values = {
        "town": quoted(config.municipality.municipality), "minutes": int(partner.interval.total_seconds() // 60),
        "since": f"TIMESTAMPTZ '{(until - LOOK_BACK).isoformat()}'", "until": f"TIMESTAMPTZ '{until.isoformat()}'",
        "places": f"v.place IN ({', '.join(quoted(p) for p in partner.places)})" if partner.places else "true",
    }  # fmt: skip
    con = reading.connect(file)
    try:
        rows = 0
        for title, sql in (("levels", _LEVELS), ("situations", _SITUATIONS)):
            rows += int(
                con.execute(f"COPY ({sql.format(**values)}) TO {quoted(folder / f'{title}.csv')} (HEADER)").fetchall()[0][0]
            )
    finally:
        con.close()
    made = View(partner, state.purpose, [], rows, log.content_hash(folder.iterdir()))
    if note:
        note(made)
    return replace(made, files=log.release(folder, final))


def _of(config: Config, name: str, role: str) -> Partner:
    known = {p.partner: p for p in config.municipality.published.partners}
    if name not in known:
        fix = (
            did_you_mean(name, known, "Declare it under `publication.partners`.")
            if known
            else "Declare it under `publication.partners`."
        )
        raise UsageError(f"{config.file}: there is no partner `{name}`. {fix}")
    if role != known[name].owner:
        raise UsageError(f"{config.file}: `{known[name].owner}` decides on the view for `{name}`, not `{role}`.")
    return known[name]
