"""A sensor that is off at night and says 0: clock hours that are never anything else, next to hours that hardly ever are 0.

No baseline shows it, since it is so every night. A quiet street shows it in its edges: there people fade over hours, a switch
does not.
"""

from __future__ import annotations

from datetime import date

from pipelines.baselines.counts import DAY, instant
from pipelines.quality.beside import at
from pipelines.quality.findings import Finding
from pipelines.store import Store
from schemas.config import Config
from schemas.datasets import DATASETS
from schemas.settings import Source
from schemas.settings.quality import NightZeros

Hours = dict[int, float]  # clock hour → share of counts above zero


def night_zeros(store: Store, config: Config, source: Source, settings: NightZeros, day: date) -> list[Finding]:
    """Places of a source that are off at night, over the ``days`` up to ``day``, that day included."""
    measures = [m for m in DATASETS[source.dataset].measures if DATASETS[source.dataset].kind_of(m) in ("flow", "stock")]
    suspects = f"""SELECT place FROM ({_hourly(store, config, source, measures, day, 1)}) GROUP BY place
                   HAVING count(*) FILTER (above = 0 AND n > 0) >= {settings.min_hours} AND count(*) FILTER (above = n AND n > 0) >= 2"""
    store.con.execute(f"CREATE OR REPLACE TEMP TABLE night_suspects AS {suspects}")
    if not store.con.execute("SELECT 1 FROM night_suspects LIMIT 1").fetchall():
        return []
    rows = store.con.execute(f"""
        SELECT place, list(hour ORDER BY hour), list(above / n ORDER BY hour)
        FROM ({_hourly(store, config, source, measures, day, settings.days)}) SEMI JOIN night_suspects USING (place)
        WHERE n > 0 GROUP BY place HAVING count(*) = 24 AND min(days) >= {0.8 * settings.days} ORDER BY place""").fetchall()
    start, end = instant(day - (settings.days - 1) * DAY, config), instant(day + DAY, config)
    blocks = {place: off(dict(zip(hours, shares, strict=True)), settings) for place, hours, shares in rows}
    return [
        Finding("night_zeros", source.source, place, start, end, True, hours=block, facts={"days": settings.days, "hours": block}, cut=True)
        for place, block in blocks.items() if block
    ]  # fmt: skip


def _hourly(store: Store, config: Config, source: Source, measures: list[str], day: date, days: int) -> str:
    """SELECT place, hour, n (intervals that came), above (those in which anything was counted), days; the clock's own 24 hours.

    A sensor is off as a whole, so all it counts is taken together.
    """
    start, end = instant(day - (days - 1) * DAY, config), instant(day + DAY, config)
    local = f"timezone('{config.municipality.timezone}', interval_start)"
    return f"""
        WITH seen AS (
            SELECT place, interval_start, {local} AS local_ts, bool_or(status = 'suppressed' OR (status = 'ok' AND value > 0)) AS anything
            FROM {store.relation("observations", start, end)}
            WHERE municipality = '{config.municipality.municipality}' AND source = '{source.source}' AND interval_start >= {at(start)}
                AND status IN ('ok', 'suppressed') AND measure IN ({", ".join(f"'{m}'" for m in measures)})
            GROUP BY place, interval_start)
        SELECT place, hour(local_ts) AS hour, count(*) AS n, count(*) FILTER (anything) AS above,
               count(DISTINCT CAST(local_ts AS DATE)) AS days
        FROM seen GROUP BY ALL"""


def off(shares: Hours, settings: NightZeros) -> str | None:
    """The block of hours in which a sensor seems off, as ``21:00-05:00``; None where it looks like a night.

    ``shares``: per clock hour the share of counts above zero. On both sides the block is next to an hour that is hardly ever 0,
    with at most one hour of passage between (the switch moves with the sun).
    """
    dark = {hour for hour in range(24) if shares.get(hour, 1.0) <= settings.most_seen}
    lit = {hour for hour in range(24) if shares.get(hour, 0.0) >= settings.least_beside}
    for start in sorted(h for h in dark if (h - 1) % 24 not in dark):
        length = next(n for n in range(1, 25) if (start + n) % 24 not in dark)
        end = (start + length) % 24
        sharp = {(start - 1) % 24, (start - 2) % 24} & lit and {end, (end + 1) % 24} & lit
        if length >= settings.min_hours and sharp:
            return f"{start:02}:00-{end:02}:00"
    return None
