"""From a supplier's stamps to UTC intervals: naive local clocks with their skipped and repeated hours, offsets, UTC.

Works on the distinct stamps of a delivery, in SQL, with ``TimeZone='UTC'``.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import duckdb

from pipelines.readers import UnreadableError
from pipelines.sql import literal, micros
from schemas.settings.source import Source

# The clock moves by an hour nearly everywhere, by half an hour or two in a few places.
_SHIFTS = ("1 hour", "30 minutes", "2 hours")
# An instant that is known: the clock shows it, once.
_SURE = ("naive::TIMESTAMPTZ", "true", "NULL::TIMESTAMPTZ")
_EARLIEST, _LATEST = "TIMESTAMP '1990-01-01'", "TIMESTAMP '2101-01-01'"


def instants(con: duckdb.DuckDBPyConnection, source: Source, tz: ZoneInfo) -> None:
    """Make table ``stamps`` from the distinct ``stamp`` of table ``base``.

    Columns: ``stamp``; ``naive`` (TIMESTAMP as written); ``problem`` (check name, ``filler`` or NULL); and for the first and
    second time that the clock shows the stamp: ``start1``/``start2`` (TIMESTAMPTZ, ``start2`` NULL unless the hour repeats),
    ``slot1``/``slot2`` (start of the interval that is kept). ``aligned`` says whether the start is a whole interval of ``tz``.
    """
    time = source.time
    kinds = con.execute("SELECT typeof(stamp) FROM base LIMIT 1").fetchall()
    typed = str(kinds[0][0]) if kinds else "VARCHAR"
    naive, instant, exists, other = _readings(source, typed)
    local_start = f"timezone('{tz.key}', start1)"
    shift = f"to_microseconds({micros(source.interval.total_seconds())})" if time.stamps == "end" else "to_microseconds(0)"
    con.execute(f"CREATE TEMP TABLE read AS SELECT stamp, {naive} AS naive FROM (SELECT DISTINCT stamp FROM base)")
    con.execute(
        f"""CREATE TEMP TABLE instant AS SELECT *, {exists} AS is_real, {other} AS o FROM (SELECT *, CASE WHEN
            naive >= {_EARLIEST} AND naive < {_LATEST} THEN {instant} END AS u FROM read)"""
    )
    con.execute(
        f"""
        CREATE TEMP TABLE stamps AS
        WITH starts AS (SELECT stamp, naive, u, is_real, least(u, o) - {shift} AS start1,
                               CASE WHEN o IS NOT NULL THEN greatest(u, o) - {shift} END AS start2 FROM instant)
        SELECT stamp, naive, start1, start2, {_slot("start1", tz, source)} AS slot1, {_slot("start2", tz, source)} AS slot2,
               {_into(local_start, source.interval.total_seconds())} = 0 AS aligned,
               CASE WHEN stamp IS NULL THEN 'time_missing' WHEN naive IS NULL THEN 'time_unreadable'
                    WHEN u IS NULL THEN 'time_out_of_range'
                    WHEN NOT is_real THEN '{"filler" if time.skipped == "filler" else "time_does_not_exist"}'
                    WHEN start2 IS NOT NULL AND '{time.repeated}' = 'refuse' THEN 'time_ambiguous' END AS problem
        FROM starts
        """
    )


def _readings(source: Source, typed: str) -> tuple[str, str, str, str]:
    """SQL for: the stamp as written, its instant, whether the clock shows it at all, and its other instant if shown twice."""
    time = source.time
    if typed == "TIMESTAMP WITH TIME ZONE":
        return "stamp::TIMESTAMP", *_SURE
    if time.clock == "offset":
        if typed.startswith("TIMESTAMP"):
            raise UnreadableError(
                "time_without_offset", "the time column carries no offset, but the source says `clock: offset`."
            )
        text = "regexp_replace(stamp, '[Zz]$', '+00:00')" if time.format.endswith("%z") else "stamp"
        return f"try_strptime({text}, {literal(time.format)})::TIMESTAMPTZ::TIMESTAMP", *_SURE
    naive = "stamp::TIMESTAMP" if typed.startswith("TIMESTAMP") else f"try_strptime(stamp, {literal(time.format)})::TIMESTAMP"
    if time.clock == "utc":
        return naive, *_SURE
    zone = time.timezone
    candidates = [f"u {sign} INTERVAL '{shift}'" for shift in _SHIFTS for sign in "-+"]
    whens = " ".join(f"WHEN timezone('{zone}', {c}) = naive THEN {c}" for c in candidates)
    exists = f"timezone('{zone}', u) = naive"
    if time.stamps == "end":
        # 02:00 is where a spring gap begins: as the end of an interval it is a real moment.
        exists += f" OR timezone('{zone}', u - INTERVAL '1 second') + INTERVAL '1 second' = naive"
    return naive, f"timezone('{zone}', naive)", exists, f"CASE WHEN timezone('{zone}', u) = naive THEN CASE {whens} END END"


def _into(local: str, seconds: float) -> str:
    """SQL: microseconds since the last whole ``seconds`` of a naive local time."""
    return f"(epoch_us({local}) % {micros(seconds)})"


def _slot(start: str, tz: ZoneInfo, source: Source) -> str:
    if source.aggregate_to is None:
        return start
    local = f"timezone('{tz.key}', {start})"
    return f"{start} - to_microseconds({_into(local, source.aggregate_to.total_seconds())})"


# Rows of one place (and measure, when rows are pivoted) run forwards or backwards through the file. Inside a repeated hour the
# clock steps back once: rows before that step are the first time, rows after it the second. No step, or two, cannot be told.
_IN_ORDER = """
    WITH directed AS (
        SELECT place_key, pivot_key, CASE WHEN sum(sign(epoch(naive - before))) < 0 THEN -1 ELSE 1 END AS direction
        FROM (SELECT place_key, pivot_key, naive,
                     lag(naive) OVER (PARTITION BY place_key, pivot_key ORDER BY row_number) AS before
              FROM base JOIN stamps USING (stamp) WHERE problem IS NULL) GROUP BY place_key, pivot_key),
    twice AS (
        SELECT row_number, part, base.place_key, base.pivot_key, naive, naive::DATE AS day, row_number * direction AS position
        FROM base JOIN stamps USING (stamp)
        JOIN directed ON base.place_key IS NOT DISTINCT FROM directed.place_key
                     AND base.pivot_key IS NOT DISTINCT FROM directed.pivot_key
        WHERE start2 IS NOT NULL),
    stepped AS (SELECT *, naive <= lag(naive) OVER (PARTITION BY place_key, pivot_key, day ORDER BY position) AS step FROM twice),
    counted AS (SELECT *, count(*) FILTER (step) OVER (PARTITION BY place_key, pivot_key, day ORDER BY position) AS steps,
                       count(*) FILTER (step) OVER (PARTITION BY place_key, pivot_key, day) AS all_steps FROM stepped)
    SELECT row_number, part, CASE WHEN all_steps = 1 THEN steps + 1 END AS pass FROM counted
"""


def which_pass(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make table ``passes`` (row_number, part, pass): the first or second time of a repeated hour; NULL where it cannot be told.

    Only rows whose stamp the clock shows twice are in it, and only under ``repeated: in_order``.
    """
    rows = _IN_ORDER if source.time.repeated == "in_order" else "SELECT 0::BIGINT AS row_number, 0 AS part, 1 AS pass WHERE false"
    con.execute(f"CREATE TEMP TABLE passes AS {rows}")
