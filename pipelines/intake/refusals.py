"""Refused rows in words: line, declared column, check, what is wrong and what to do; nothing of undeclared columns.

A cell's text is quoted only when it is plainly a time or a small number; anything else could be about a person.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from pipelines.readers import Raw
from pipelines.sql import literal
from schemas.settings.base import format_duration
from schemas.settings.source import IssuedAt, Source

MOST = 1_000
REFUSED = pa.schema([("row_number", pa.int64())] + [(n, pa.string()) for n in ("column_name", "check_name", "message")])
_SMALL_NUMBER = r"[+-]?[0-9]{1,8}([.,][0-9]{1,6})?"
_TIME = (
    r"[0-9]{1,4}[-/. ]([0-9]{1,2}|[A-Za-z]{3,4})[-/. ][0-9]{1,4}"
    r"([ T]+[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?([+-][0-9]{2}:?[0-9]{2}|Z)?)?"
)
_SUPPLIER = "Ask the supplier to correct it."
_MESSAGES = {
    "time_missing": "the time is empty. " + _SUPPLIER,
    "time_unreadable": "the time{value} does not fit the declared format {format}. Correct `format:` or ask the supplier to mend it.",
    "time_two_readings": "the declared formats read the time{value} in more than one way. Keep the one that holds, or ask which.",
    "time_out_of_range": "the time{value} lies outside 1990-2100. " + _SUPPLIER,
    "time_does_not_exist": "the clock skips the time{value} in spring. Ask for times with offset, or declare `skipped: filler`.",
    "time_ambiguous": "the clock shows the time{value} twice in autumn and the rows do not tell which. Declare `repeated:`.",
    "not_aligned": "the interval at{value} does not begin on a whole {interval} of the local clock. Check `interval:`.",
    "place_missing": "the supplier's place id is empty. " + _SUPPLIER,
    "place_unknown": "the supplier's place id{value} is not mapped. Add it to `place.map`, or declare `unmapped: filter`.",
    "issued_at_unreadable": "the time of issue is empty or does not fit its format. Correct `issued_at:` or ask the supplier.",
    "not_a_number": "the value is not a number. Name texts that mean no value in `sentinels:`, or ask the supplier.",
    "not_whole": "the count{value} is not a whole number. " + _SUPPLIER,
    "too_large": "the value is too large to be one. " + _SUPPLIER,
    "declared_invalid": "the supplier marks the value as not valid. Ask what went wrong.",
    "marked_invalid": "a mark beside the value says that it is not valid (`marks:`). Ask the supplier what went wrong.",
    "counter_fell": "the counter stands lower than before without a declared reset. Declare it under `cumulative:`, or ask.",
    "correction_guard": "the guard of a declared correction does not hold in the row with{value}, so nothing of it was corrected: the"
    " supplier may have mended it. End the correction (`to:`), or mend its guard.",
    "conflict": "the same place and interval stands more than once with different values; all are refused. Ask which one holds.",
    "incomplete": "the delivery holds only a part of this {kept}, or not every id that adds up to the place, so the total is not known."
    " Ask for all of it.",
}


def table(con: duckdb.DuckDBPyConnection, raw: Raw, source: Source, *, with_bad_lines: bool) -> pa.Table:
    """Refusals of a reading as :data:`REFUSED`, by row: at most :data:`MOST`, of every kind some, and a last row that sums up."""
    if not _anything(con) and not (with_bad_lines and raw.bad.num_rows):
        return REFUSED.empty_table()
    con.register("bad_line", raw.bad)
    con.execute(f"CREATE TEMP TABLE refusal AS {_all(source, with_bad_lines)}")
    con.execute(
        f"""CREATE TEMP TABLE shown AS FROM (SELECT *, row_number() OVER (
                PARTITION BY column_name, check_name ORDER BY row_number) AS turn FROM refusal)
            ORDER BY turn, row_number, column_name, check_name LIMIT {MOST}"""
    )
    columns = "row_number, column_name, check_name, message"
    rows = con.sql(f"SELECT {columns} FROM shown ORDER BY {columns}").to_arrow_table().cast(REFUSED)
    [[more, row_number, kinds]] = con.execute(
        "SELECT sum(n)::BIGINT, max(row_number), string_agg(n || ' ' || check_name, ', ' ORDER BY n DESC, check_name) FROM"
        " (SELECT check_name, count(*) AS n, max(row_number) AS row_number FROM refusal"
        "  ANTI JOIN shown USING (row_number, column_name, check_name) GROUP BY check_name)"
    ).fetchall()
    if more is None:
        return rows
    told = f"{more} more refusals are not listed: {kinds}."
    return pa.concat_tables([rows, pa.table([[row_number], [""], ["more"], [told]], schema=REFUSED)])


def _anything(con: duckdb.DuckDBPyConnection) -> bool:
    [[found]] = con.execute(
        "SELECT EXISTS (FROM troubled WHERE NOT waits) OR EXISTS (FROM cell WHERE state = 'bad') OR EXISTS (FROM conflict)"
        " OR EXISTS (FROM kept WHERE NOT whole)"
    ).fetchall()
    return bool(found)


def _all(source: Source, with_bad_lines: bool) -> str:
    """SQL: one row per (row_number, column_name, check_name) with its message."""
    time, place = literal(", ".join(source.time.columns)), literal(", ".join(source.place.columns))
    issued = literal((source.issued_at.column or "") if isinstance(source.issued_at, IssuedAt) else "")
    return f"""
        WITH found AS (
            SELECT row_number, CASE WHEN problem LIKE 'place%' THEN {place} WHEN problem LIKE 'issued%' THEN {issued}
                                    ELSE {time} END AS column_name, problem AS check_name, bad_text, NULL AS told
                FROM troubled WHERE NOT waits
            UNION ALL SELECT row_number, column_name, check_name, bad_text, told FROM cell WHERE state = 'bad'
            UNION ALL SELECT row_number, column_name, 'conflict', NULL, NULL FROM cell
                      SEMI JOIN conflict USING (place, start, measure) WHERE state <> 'bad'
            UNION ALL SELECT row_number, {time}, 'incomplete', NULL, NULL FROM kept WHERE NOT whole)
        SELECT row_number, column_name, check_name, min(coalesce(told || ':' || quoted || '. ' || {literal(_SUPPLIER)},
               replace({_message(source)}, '{{value}}', quoted))) AS message
        FROM (SELECT *, CASE WHEN {_quotable()} THEN ' ' || left(bad_text, 40) ELSE '' END AS quoted FROM found)
        GROUP BY row_number, column_name, check_name
        UNION ALL SELECT row_number, '', check_name, message FROM bad_line WHERE {"true" if with_bad_lines else "false"}"""


def _message(source: Source) -> str:
    kept, interval = format_duration(source.stored_interval), format_duration(source.interval)
    known = {"{kept}": kept, "{interval}": interval, "{format}": " or ".join(f"`{form}`" for form in source.time.formats)}
    whens = [f"WHEN {literal(check)} THEN {literal(_fill(text, known))}" for check, text in _MESSAGES.items()]
    return f"CASE check_name {' '.join(whens)} END"


def _fill(text: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        text = text.replace(name, value)
    return text


def _quotable() -> str:
    """SQL: whether a text is a time or a small number; a place's id is quoted only when it is a number of up to six digits."""
    number = f"regexp_full_match(bad_text, {literal(_SMALL_NUMBER)})"
    time = f"regexp_full_match(bad_text, {literal(_TIME)})"
    return (
        f"CASE WHEN check_name LIKE 'time%' OR check_name = 'not_aligned' THEN {time}"
        f" WHEN check_name = 'place_unknown' THEN regexp_full_match(bad_text, '[0-9]{{1,6}}') ELSE {number} END"
    )
