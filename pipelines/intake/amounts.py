"""From a record's texts to the amounts of a dataset: sentinels, marks, numbers as they are written, units, running counters.

All exact: a number is DECIMAL(18,6); units work in whole millionths and round once.
"""

from __future__ import annotations

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import duckdb

from pipelines.intake import mapping
from pipelines.sql import literal, micros, names
from schemas.datasets.contract import dtype_of
from schemas.settings.source import Few, Mark, Measure, Source, meanings
from schemas.settings.source.measures import Hours, Sentinels
from schemas.settings.source.reading import Numbers

_NUMBER = r"[+-]?[0-9]+([.][0-9]*)?([eE][+-]?[0-9]+)?"
_NONE = "NULL::VARCHAR"
MILLIONTH = "CAST(0.000001 AS DECIMAL(7, 6))"  # a decimal: division would give a DOUBLE
# Arithmetic on larger numbers could leave the exact range; no plausible amount comes near.
_LARGEST = 1_000_000_000


def cells(source: Source, tz: ZoneInfo) -> str:
    """SQL: measures of every live record without a problem. ``state`` is ok, missing, outage, suppressed, not_applicable or bad.

    ``piece`` tells columns of one measure apart that are added up; ``seen`` is what was really counted behind ``value``, before
    the supplier scaled it up; ``few`` the largest number that a supplier's own withholding stands for; ``occ`` counts how often
    the same cell came before in the file.
    """
    reader, measures = source.reader, source.measure_names
    digits, other = digits_of("c.text", reader), digits_of("c.other", reader)
    whole = names(m for m in measures if dtype_of(m) == "Int64" and not source.measure(m).round)
    cell, base = mapping.cell_columns(source), "row_number, part, place, member, start, slot, slot_end, issued_at"
    up = f"try_cast(cell_{cell.index(source.uptime.column)} AS DECIMAL(18, 6))" if source.uptime else "CAST(1 AS DECIMAL(18, 6))"
    least = source.uptime.at_least if source.uptime else 0
    below = source.uptime.below if source.uptime else "missing"
    return f"""
        WITH numbered AS (
            SELECT {base}, outage, up, c.measure, c.col AS column_name, c.piece, c.text AS bad_text, c.mark, c.means, c.few, up >= {least} AS enough,
                   regexp_full_match({digits}, '{_NUMBER}') AS is_number, try_cast(try_cast({digits} AS DECIMAL(38, 6)) AS DECIMAL(18, 6)) AS number,
                   try_cast({other} AS DECIMAL(18, 6)) AS other
            FROM (SELECT *, {up} AS up, unnest([{_units(source)}]) AS c FROM live WHERE problem IS NULL)),
        amounted AS (SELECT *, {_amount(source)} AS amount FROM numbered),
        checked AS (
            SELECT *, CASE WHEN outage OR mark <> 'invalid' THEN NULL WHEN mark = 'invalid' THEN 'marked_invalid'
                           WHEN means = 'invalid' THEN 'declared_invalid' WHEN means IS NOT NULL OR enough IS NOT TRUE THEN NULL
                           WHEN is_number IS NOT TRUE THEN 'not_a_number' WHEN number IS NULL OR amount IS NULL THEN 'too_large'
                           WHEN measure IN ({whole}) AND amount <> trunc(amount) THEN 'not_whole'
                      END AS check_name FROM amounted),
        judged AS (
            SELECT *, CASE WHEN outage THEN 'outage' WHEN check_name IS NOT NULL THEN 'bad' WHEN mark IS NOT NULL THEN mark
                           WHEN means IS NOT NULL THEN means WHEN enough IS NOT TRUE THEN '{below}'
                           {_false_zeros(source, tz)} ELSE 'ok' END AS state FROM checked)
        SELECT {base}, measure, column_name, piece, bad_text, check_name, NULL::VARCHAR AS told, state,
               CASE WHEN state = 'ok' THEN amount END AS value,
               CASE WHEN state = 'ok' THEN {_seen(source)} END AS seen,
               CASE WHEN state = 'suppressed' THEN few END AS few,
               row_number() OVER (PARTITION BY place, member, start, measure, piece ORDER BY row_number, part) AS occ
        FROM judged"""


def _seen(source: Source) -> str:
    """SQL of what was really counted behind an amount, before the supplier scaled it up by the uptime."""
    if source.uptime is None:
        return "amount"
    millionths = f"{_millionths('amount')} * {_millionths('least(up, 1)')} // 1000000"
    return f"CAST(CAST({millionths} AS DECIMAL(18, 0)) * {MILLIONTH} AS DECIMAL(18, 6))"


def digits_of(text: str, reader: Numbers) -> str:
    """SQL of a number's text with a decimal point and without groups; NULL where it is not written as declared."""
    grouped, other = reader.thousands, "," if reader.decimal == "." else "."
    plain = f"CASE WHEN NOT contains({text}, '{other}') THEN {text} END"
    if grouped:
        form = rf"[+-]?[0-9]{{1,3}}([{grouped}][0-9]{{3}})+([{reader.decimal}][0-9]*)?"
        ungrouped = f"replace({text}, {literal(grouped)}, '')"
        plain = f"CASE WHEN regexp_full_match({text}, {literal(form)}) THEN {ungrouped} WHEN NOT contains({text}, '{other}') THEN {text} END"
    return f"replace({plain}, ',', '.')" if reader.decimal == "," else plain


def _units(source: Source) -> str:
    """SQL items: the measures of one record, each with its text and what that or a mark beside it means."""
    if source.pivot:
        items = source.pivot.values.items()
        whens = " ".join(f"WHEN {literal(v)} THEN {_unit(source, m, source.pivot.value_from, 0)}" for v, m in items)
        return f"CASE pivot_key {whens} END"
    return ", ".join(_unit(source, m, c, i) for m in source.measure_names for i, c in enumerate(source.measure(m).columns))


def _unit(source: Source, name: str, column: str, piece: int) -> str:
    measure, cell = source.measure(name), mapping.cell_columns(source)
    text = f"cell_{cell.index(column)}"
    other = f"cell_{cell.index(measure.other)}" if measure.other else _NONE
    means, few = _meant(text, measure.sentinels, source.sentinels)
    if measure.other:  # without the total nothing is known, whatever the part
        means = f"CASE WHEN {other} IS NULL THEN 'missing' ELSE {means} END"
    col = f"coalesce(part_column, {literal(column)})" if source.unpivot and column == source.unpivot.value_to else literal(column)
    return (
        f"{{'measure': {literal(name)}, 'col': {col}, 'piece': {piece}, 'text': {_of_class(text, measure)}, 'other': {other},"
        f" 'means': {means}, 'few': {few}, 'mark': {_marked(source, name)}}}"
    )


def _of_class(text: str, measure: Measure) -> str:
    whens = " ".join(f"WHEN {literal(word)} THEN '{code}'" for word, code in measure.classes.items())
    return f"CASE {text} {whens} ELSE {text} END" if whens else text


def _meant(text: str, own: Sentinels, shared: Sentinels) -> tuple[str, str]:
    """SQL of what a text means where it is no number (a measure's own sentinels first), and of the most it may stand for."""
    all_of_them = {_as_compared(t): m for t, m in {**meanings(shared), **meanings(own)}.items()}
    empty = all_of_them.pop("", "missing")
    whens = [f"WHEN {literal(t)} THEN '{'suppressed' if isinstance(m, Few) else m}'" for t, m in all_of_them.items()]
    bounds = [f"WHEN {literal(t)} THEN {m.suppressed}" for t, m in all_of_them.items() if isinstance(m, Few)]
    empty_means, word = "suppressed" if isinstance(empty, Few) else empty, _word(text)
    by_word = f"CASE {word} {' '.join(whens)} END" if whens else _NONE
    means = f"CASE WHEN {text} IS NULL THEN '{empty_means}' ELSE {by_word} END"
    if isinstance(empty, Few):
        bounds.append(f"ELSE CASE WHEN {text} IS NULL THEN {empty.suppressed} END")
    return means, f"CASE {word} {' '.join(bounds)} END" if any(b.startswith("WHEN") for b in bounds) else "NULL::INTEGER"


_WHOLE = "^([+-]?[0-9]+)[.,]0+$"


def _word(text: str) -> str:
    """SQL of a text as it is compared with declared ones: -1 is also written -1.0."""
    return f"regexp_replace({text}, '{_WHOLE}', '\\1')"


def _as_compared(declared: str) -> str:
    """A declared text in the form of :func:`_word`."""
    return re.sub(_WHOLE, r"\1", declared)


def _marked(source: Source, measure: str) -> str:
    """SQL of what the marks of a record make of a measure, or NULL."""
    cell = mapping.cell_columns(source)
    whens = [
        f"WHEN {_condition(mark, f'cell_{cell.index(mark.column)}', source.reader)} THEN '{mark.means}'"
        for mark in source.marks
        if not mark.measures or measure in mark.measures
    ]
    return f"CASE {' '.join(whens)} END" if whens else _NONE


def _condition(mark: Mark, text: str, reader: Numbers) -> str:
    number = f"try_cast({digits_of(text, reader)} AS DECIMAL(18, 6))"
    ways = [f"{_word(text)} IN ({names(map(_as_compared, mark.equals))})"] if mark.equals else []
    ways += [f"{number} < {mark.below}"] if mark.below is not None else []
    ways += [f"{number} > {mark.above}"] if mark.above is not None else []
    ways += [f"{text} IS NULL"] if mark.empty_too else []
    return " OR ".join(ways)


def _amount(source: Source) -> str:
    """SQL of the amount in the unit of the dataset; NULL where it would leave the exact range."""
    whens = []
    for name in source.measure_names:
        measure, factor = source.measure(name), source.measure(name).factor(source.interval)
        if factor == 1 and not measure.other and not measure.round:
            continue
        amount, scale = _millionths("number"), 1
        if measure.free_of:
            amount = f"({_millionths('other')} - {amount})"
        if measure.share_of:
            amount, scale = f"({amount} * {_millionths('other')})", 1_000_000
        # Half up, once; to a whole number where that is declared.
        unit = 1_000_000 if measure.round else 1
        below = factor.denominator * scale * unit
        millionths = f"sign({amount}) * ((2 * abs({amount}) * {factor.numerator} + {below}) // (2 * {below}::HUGEINT)) * {unit}"
        exact = f"CAST(try_cast({millionths} AS DECIMAL(18, 0)) * {MILLIONTH} AS DECIMAL(18, 6))"
        inside = f"abs(number) < {_LARGEST}" + (f" AND abs(other) < {_LARGEST}" if measure.other else "")
        whens.append(f"WHEN measure = {literal(name)} THEN CASE WHEN {inside} THEN {exact} END")
    return f"CASE {' '.join(whens)} ELSE number END" if whens else "number"


def _millionths(number: str) -> str:
    """SQL of a DECIMAL(18,6) as a whole number of millionths; a product of such decimals could leave their width."""
    return f"CAST(CAST({number} AS DECIMAL(38, 6)) * 1000000 AS HUGEINT)"


def _false_zeros(source: Source, tz: ZoneInfo) -> str:
    """SQL branches: zeros in hours in which a sensor sees nothing."""
    branches = []
    for name in source.measure_names:
        hours = source.measure(name).false_zero
        if hours:
            at = f"CAST(timezone('{source.time.timezone or tz.key}', start) AS TIME)"
            most = (
                "amount" if len(source.measure(name).columns) < 2 else "max(amount) OVER (PARTITION BY row_number, part, measure)"
            )
            branches.append(f"WHEN measure = {literal(name)} AND {most} = 0 AND {_within(at, hours)} THEN 'missing'")
    return " ".join(branches)


def _within(at: str, hours: Hours) -> str:
    joint = "OR" if hours.from_ > hours.to else "AND"
    return f"({at} >= TIME '{hours.from_}' {joint} {at} < TIME '{hours.to}')"


def running(con: duckdb.DuckDBPyConnection, source: Source, tz: ZoneInfo) -> None:
    """In table ``cell``, of a counter that runs on, make each reading what came since the one an interval before.

    Without that one nothing was measured: missing. A reading that fell without a declared reset is bad.
    """
    counters = {name: m.cumulative for name in source.measure_names if (m := source.measure(name)).cumulative}
    for name, counter in counters.items():
        zone, step = source.time.timezone or tz.key, f"to_microseconds({micros(source.interval.total_seconds())})"
        reset = f"CAST(timezone('{zone}', c.start) AS TIME) = TIME '{counter.resets_at}'" if counter.resets_at else "false"
        wrapped = f"WHEN c.value < p.reading AND p.reading <= {counter.wraps_at} THEN c.value + {counter.wraps_at} - p.reading"
        con.execute(f"""
            CREATE OR REPLACE TEMP TABLE counted AS
            SELECT c.row_number, c.part, c.piece, CASE WHEN {reset} THEN c.value WHEN c.value >= p.reading THEN c.value - p.reading
                       {wrapped if counter.wraps_at else ""} END AS came, NOT {reset} AND p.reading IS NULL AS unknown
            FROM cell c LEFT JOIN (SELECT place, member, piece, start + {step} AS start, any_value(value) AS reading FROM cell
                                   WHERE measure = {literal(name)} AND state = 'ok' GROUP BY ALL HAVING count(DISTINCT value) = 1) p
                 ON (p.place, p.member, p.piece, p.start) = (c.place, c.member, c.piece, c.start)
            WHERE c.measure = {literal(name)} AND c.state = 'ok'""")
        con.execute(f"""
            UPDATE cell SET value = came, seen = came, state = CASE WHEN unknown THEN 'missing' WHEN came IS NULL THEN 'bad' ELSE 'ok' END,
                   check_name = CASE WHEN NOT unknown AND came IS NULL THEN 'counter_fell' END
            FROM counted n WHERE cell.measure = {literal(name)} AND cell.state = 'ok'
                AND (cell.row_number, cell.part, cell.piece) = (n.row_number, n.part, n.piece)""")


def looks_back(source: Source) -> timedelta:
    """How far before the intervals that are asked for readings are needed."""
    runs = any(source.measure(name).cumulative for name in source.measure_names)
    return source.stored_interval if runs else timedelta(0)
