"""From a supplier's stamps to UTC intervals: naive local clocks with their skipped and repeated hours, offsets, UTC.

Works on the distinct stamps of a delivery, in SQL, with ``TimeZone='UTC'``.
"""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import duckdb

from pipelines.readers import UnreadableError
from pipelines.sql import literal, micros
from schemas.settings.source import Source
from schemas.settings.source.time import EPOCHS

# The clock moves by an hour nearly everywhere, by half an hour or two in a few places.
_SHIFTS = ("1 hour", "30 minutes", "2 hours")
# An instant that is known: the clock shows it, once.
_SURE = ("naive::TIMESTAMPTZ", "true", "NULL::TIMESTAMPTZ")
_EARLIEST, _LATEST = "TIMESTAMP '1990-01-01'", "TIMESTAMP '2101-01-01'"


def naive(text: str, form: str) -> str:
    """SQL: the TIMESTAMP that a text is by a format, or NULL."""
    if form in EPOCHS:
        number = f"CASE WHEN regexp_full_match({text}, '[0-9]{{1,14}}') THEN CAST({text} AS BIGINT) END"
        return f"make_timestamp({number} * {EPOCHS[form]})"
    return f"try_strptime({text}, {literal(form)})::TIMESTAMP"


def with_offset(text: str, form: str) -> str:
    """SQL: the TIMESTAMPTZ that a text with an offset (or Z) is by a format, or NULL."""
    written = f"regexp_replace({text}, '[Zz]$', '+00:00')" if form.endswith("%z") else text
    return f"try_strptime({written}, {literal(form)})::TIMESTAMPTZ"


def instants(con: duckdb.DuckDBPyConnection, source: Source, tz: ZoneInfo) -> None:
    """Make table ``stamps`` from the distinct ``stamp`` and ``ahead`` of table ``base``.

    Columns: ``stamp``, ``ahead`` (whole intervals after it); ``naive`` (TIMESTAMP as written, on its calendar day); ``problem``
    (check name, ``filler`` or NULL); and for the first and second time that the clock shows the stamp: ``start1``/``start2``
    (TIMESTAMPTZ, ``start2`` NULL unless the hour repeats), ``slot1``/``slot2`` (start of the interval that is kept). ``aligned``
    says whether the start is a whole interval of ``tz``, within the declared jitter.
    """
    time = source.time
    kinds = con.execute("SELECT typeof(stamp) FROM base LIMIT 1").fetchall()
    typed = str(kinds[0][0]) if kinds else "VARCHAR"
    read, instant, exists, other = _readings(source, typed)
    con.execute(
        f"""CREATE TEMP TABLE read AS SELECT stamp, ahead, CASE WHEN len(found) = 1 THEN found[1] END AS naive, len(found) > 1 AS several
            FROM (SELECT stamp, ahead, list_distinct(list_filter([{", ".join(read)}], lambda x: x IS NOT NULL)) AS found
                  FROM (SELECT DISTINCT stamp, ahead FROM base))"""
    )
    con.execute(
        f"""CREATE TEMP TABLE instant AS SELECT *, {exists} AS is_real, {other} AS o FROM (SELECT *, CASE WHEN
            naive >= {_EARLIEST} AND naive < {_LATEST} AND abs(ahead) < 100000 THEN {instant} END AS u FROM read)"""
    )
    length = micros(source.interval.total_seconds())
    shift = f"to_microseconds({length} * (ahead - {1 if time.stamps == 'end' else 0}))"
    con.execute(
        f"""
        CREATE TEMP TABLE stamps AS
        WITH starts AS (SELECT *, least(u, o) + {shift} AS begin1, CASE WHEN o IS NOT NULL THEN greatest(u, o) + {shift} END AS begin2,
                               {_into(f"timezone('{tz.key}', begin1)", source.interval.total_seconds())} AS off FROM instant),
        whole AS (SELECT *, {_drawn(source, length)} AS drawn, begin1 + to_microseconds(drawn) AS start1,
                         begin2 + to_microseconds(drawn) AS start2 FROM starts)
        SELECT stamp, ahead, naive, start1, start2, {_slot("start1", tz, source)} AS slot1, {_slot("start2", tz, source)} AS slot2,
               {_into(f"timezone('{tz.key}', start1)", source.interval.total_seconds())} = 0 AS aligned,
               CASE WHEN stamp IS NULL OR ahead IS NULL THEN 'time_missing' WHEN several THEN 'time_two_readings'
                    WHEN naive IS NULL THEN 'time_unreadable' WHEN u IS NULL THEN 'time_out_of_range'
                    WHEN NOT is_real THEN '{"filler" if time.skipped == "filler" else "time_does_not_exist"}'
                    WHEN start2 IS NOT NULL AND {str(time.repeated == "refuse").lower()} THEN 'time_ambiguous' END AS problem
        FROM whole
        """
    )


def _drawn(source: Source, length: int) -> str:
    """SQL: microseconds to add to a start that lies ``off`` after a whole interval."""
    jitter = source.time.jitter
    if jitter == "refuse":
        return "0"
    if isinstance(jitter, str):  # a moment stamped as an end belongs to the interval that ends then or next
        return f"CASE WHEN off > 0 THEN {length} - off ELSE 0 END" if source.time.stamps == "end" else "-off"
    within = micros(jitter.total_seconds())
    return f"CASE WHEN off <= {within} THEN -off WHEN {length} - off <= {within} THEN {length} - off ELSE 0 END"


def _readings(source: Source, typed: str) -> tuple[list[str], str, str, str]:
    """SQL for: the ways to read a stamp, its instant, whether the clock shows it at all, and its other instant if shown twice."""
    time = source.time
    if typed == "TIMESTAMP WITH TIME ZONE":
        return ["stamp::TIMESTAMP"], *_SURE
    if time.clock == "offset":
        if typed.startswith("TIMESTAMP"):
            raise UnreadableError(
                "time_without_offset", "the time column carries no offset, but the source says `clock: offset`."
            )
        return [f"{with_offset('stamp', form)}::TIMESTAMP" for form in time.formats], *_SURE
    ways = ["stamp::TIMESTAMP"] if typed.startswith("TIMESTAMP") else [_on_its_day(source, form) for form in time.formats]
    if time.clock == "utc":
        return ways, *_SURE
    zone = time.timezone
    candidates = [f"u {sign} INTERVAL '{shift}'" for shift in _SHIFTS for sign in "-+"]
    whens = " ".join(f"WHEN timezone('{zone}', {c}) = naive THEN {c}" for c in candidates)
    exists = f"timezone('{zone}', u) = naive"
    if time.stamps == "end":
        # 02:00 is where a spring gap begins: as the end of an interval it is a real moment.
        exists += f" OR timezone('{zone}', u - INTERVAL '1 second') + INTERVAL '1 second' = naive"
    return ways, f"timezone('{zone}', naive)", exists, f"CASE WHEN timezone('{zone}', u) = naive THEN CASE {whens} END END"


def _on_its_day(source: Source, form: str) -> str:
    """SQL: a stamp by a format, on its calendar day where it is dated by an operating day."""
    day = source.time.operating_day
    if day is None:
        return naive("stamp", form)
    if day.hours == "clock":
        at, before = naive("stamp", form), "<=" if source.time.stamps == "end" else "<"
        return f"{at} + CASE WHEN CAST({at} AS TIME) {before} TIME '{day.starts}' THEN INTERVAL 1 DAY ELSE INTERVAL 0 DAY END"
    around = literal(_around_the_hour(form))
    hour = f"try_cast(regexp_extract(stamp, {around}, 2) AS INTEGER)"
    earlier = f"regexp_extract(stamp, {around}, 1) || lpad(({hour} - 24)::VARCHAR, 2, '0') || regexp_extract(stamp, {around}, 3)"
    return (
        f"CASE WHEN {hour} BETWEEN 24 AND 47 THEN {naive(f'({earlier})', form)} + INTERVAL 1 DAY ELSE {naive('stamp', form)} END"
    )


def _around_the_hour(form: str) -> str:
    """A pattern of what stands before, in and after the hour of a stamp."""
    kinds = {
        "H": "([0-9]{1,2})",
        "Y": "[0-9]{4}",
        "b": "[^0-9 ]+",
        "B": "[^0-9 ]+",
        "p": "[A-Za-z]+",
        "j": "[0-9]{1,3}",
        "f": "[0-9]+",
    }
    parts = re.split(r"%-?(.)", form)
    pattern = "".join(re.escape(p) if i % 2 == 0 else kinds.get(p, "[0-9]{1,2}") for i, p in enumerate(parts))
    before, _, after = pattern.partition("([0-9]{1,2})")
    return f"^({before})([0-9]{{1,2}})({after})$"


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
              FROM base JOIN stamps USING (stamp, ahead) WHERE problem IS NULL) GROUP BY place_key, pivot_key),
    twice AS (
        SELECT row_number, part, base.place_key, base.pivot_key, naive, naive::DATE AS day, row_number * direction AS position
        FROM base JOIN stamps USING (stamp, ahead)
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
