"""What the columns of a file may be: times and their formats, the interval, places, measures. By their values first, then by name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.guess.sniff import Choice
from pipelines.intake import clock
from pipelines.readers import NO_SPILL, Raw
from pipelines.screen.names import words
from schemas import yamlfile
from schemas.datasets import DATASETS
from schemas.settings.base import format_duration

MOST_DISTINCT = 20_000
_DATES = (
    "%Y-%m-%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%Y%m%d",
    "%y%m%d",
    "%d%m%y",
)
_TIMES = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f")
_STAMPS = (*(f"{d} {t}" for d, t in product(_DATES[:9], _TIMES)), *(f"%Y-%m-%dT{t}{z}" for t, z in product(_TIMES, ("", "Z", "%z"))),
           *(f"%Y-%m-%d %H:%M{s}%z" for s in ("", ":%S")), "%Y%m%d %H%M", "%Y%m%dT%H%M%S")  # fmt: skip
# What a text must look like before a format is tried: strptime alone is lenient about widths.
_FORMS = {"%Y": "[0-9]{4}", "%b": "[A-Za-z]{3}", "%f": "[0-9]{1,9}", "%z": "([+-][0-9]{2}:?[0-9]{2}|Z)"}
_HOUR_COLUMNS = re.compile(r"^(.*?)([0-9]{2})$")


@dataclass
class Times:
    """The time of a row: its columns, the formats that read every stamp of them, and what is open about it."""

    columns: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    clock: str = "local"
    interval: timedelta | None = None
    unpivot: str | None = None
    open: dict[str, Choice] = field(default_factory=dict)


@cache
def _names() -> dict[str, Any]:
    document = yamlfile.read(Path(__file__).with_name("names.yaml"), "pipelines/guess/names.yaml")
    return {key: value for key, value in document.data.items()}  # noqa: C416  (the types are those of YAML)


def hints(name: str, kind: str) -> bool:
    """Whether the last part of a column's name holds a word of a list."""
    return bool(set(words(name.rsplit(".", 1)[-1])) & set(_names()[kind]))


def measures_of(name: str) -> list[str]:
    """The ``dataset.measure`` that a column's name hints at."""
    found = set(words(name.rsplit(".", 1)[-1]))
    return [reference for reference, known in _names()["measures"].items() if found & set(known)]


def texts(raw: Raw) -> dict[str, pa.Array]:
    """Flat columns by name, as texts without blanks round them; empty ones are null."""
    found = {}
    for name, column in zip(raw.names, raw.table.columns, strict=True):
        if name is None or pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
            continue
        is_time = pa.types.is_timestamp(column.type)
        plain = pc.strftime(column.cast(pa.timestamp("s", tz=column.type.tz)), format="%Y-%m-%d %H:%M:%S") if is_time else column
        trimmed = pc.utf8_trim_whitespace(plain.cast(pa.large_string()).combine_chunks())
        found[name] = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    return found


def times(columns: dict[str, pa.Array]) -> Times:
    """The time columns, in the order of the file."""
    with duckdb.connect(config=NO_SPILL) as con:
        stamps = {name: found for name, column in columns.items() if (found := _formats(con, column, (*_STAMPS, "epoch")))}
        days = {
            name: found for name, column in columns.items() if name not in stamps and (found := _formats(con, column, _DATES))
        }
        hours = {name: found for name, column in columns.items() if (found := _formats(con, column, (*_TIMES, "%H"), name))}
    by_hour = _hours_as_columns(columns)
    if by_hour and days:
        name = next(iter(days))
        return Times((name, "hour"), tuple(f"{f} %H" for f in days[name]), unpivot=by_hour, interval=timedelta(hours=1))
    ways: list[tuple[tuple[str, ...], tuple[str, ...]]] = [((name,), found) for name, found in stamps.items()]
    clocks = [h for h in hours if hours[h] != ("%H",)] or list(hours)
    ways += [((d, clocks[0]), tuple(f"{a} {b}" for a in days[d] for b in hours[clocks[0]])) for d in days if clocks]
    if not ways:
        ways = [((name,), found) for name, found in days.items()]
    if not ways:
        return Times(open={"columns": Choice(tuple(columns), "no column is a time in a form that is known")})
    told = Times(*ways[0], clock=_clock(ways[0][1][0]))
    if len(ways) > 1:
        told.open["columns"] = Choice(tuple(f"[{', '.join(c)}] as {f[0]}" for c, f in ways), "each of these is a time")
    if len(told.formats) > 1:
        told.open["format"] = Choice(told.formats, "every stamp of the file fits each of these")
    return told


def _clock(form: str) -> str:
    return "offset" if form.endswith("%z") else "utc" if form.endswith("Z") or form.startswith("epoch") else "local"


def _formats(
    con: duckdb.DuckDBPyConnection, column: pa.Array, tried: tuple[str, ...], name: str | None = None
) -> tuple[str, ...]:
    """The formats that read every text of a column. A bare number is an hour only where the name says so."""
    distinct = column.drop_null().unique()
    if not len(distinct) or len(distinct) > MOST_DISTINCT:
        distinct = distinct.slice(0, MOST_DISTINCT)
    if not len(distinct):
        return ()
    if "epoch" in tried and (seconds := _epoch(distinct)):
        return (seconds,)
    con.register("stamps", pa.table({"s": distinct}))
    found = []
    for form in tried:
        if form == "epoch" or (form == "%H" and not (name and hints(name, "hours"))):
            continue
        if not pc.all(pc.match_substring_regex(distinct, f"^{_pattern(form)}$")).as_py():
            continue
        read = clock.with_offset("s", form) if form.endswith("%z") else clock.naive("s", form)
        [[lost]] = con.execute(f"SELECT count(*) FILTER ({read} IS NULL OR {_strange(read, form)}) FROM stamps").fetchall()
        if not lost:
            found.append(form)
    return tuple(found)


def _epoch(distinct: pa.Array) -> str | None:
    """Whether all texts are seconds or milliseconds since 1970, in the years that counts are from; else they are ids."""
    if not pc.all(pc.match_substring_regex(distinct, r"^[0-9]{9,13}$")).as_py():
        return None
    numbers = distinct.cast(pa.int64())
    for form, unit in (("epoch_s", 1), ("epoch_ms", 1_000)):
        if pc.min(numbers).as_py() >= 631_152_000 * unit and pc.max(numbers).as_py() < 4_133_980_800 * unit:
            return form
    return None


def _strange(read: str, form: str) -> str:
    """SQL: a day far outside the years that counts are from is no day."""
    return f"NOT {read}::TIMESTAMP BETWEEN TIMESTAMP '1990-01-01' AND TIMESTAMP '2101-01-01'" if "%y" in form.lower() else "false"


def _pattern(form: str) -> str:
    parts = re.split(r"(%.)", form)
    compact = form in ("%Y%m%d", "%y%m%d", "%d%m%y", "%Y%m%d %H%M", "%Y%m%dT%H%M%S")
    two = "[0-9]{2}" if compact else "[0-9]{1,2}"
    return "".join(_FORMS.get(p, two) if p.startswith("%") else re.escape(p) for p in parts)


def _hours_as_columns(columns: dict[str, pa.Array]) -> str | None:
    """A pattern for 24 columns of hours, of one or several series (R1H00 … R2H23)."""
    series: dict[str, set[str]] = {}
    for name in columns:
        if found := _HOUR_COLUMNS.fullmatch(name):
            series.setdefault(found[1], set()).add(found[2])
    whole = [stem for stem, hours in series.items() if {f"{h:02}" for h in range(24)} <= hours]
    if not whole:
        return None
    stem = re.escape(whole[0]) if len(whole) == 1 else f"(?P<series>{'|'.join(re.escape(s) for s in whole)})"
    return f"{stem}(?P<hour>[0-9]{{2}})"


def interval(columns: dict[str, pa.Array], told: Times, places: tuple[str, ...]) -> timedelta | None:
    """The step between stamps of one place that occurs most; None when it is no part of an hour."""
    if told.interval or not told.formats or any(c not in columns for c in told.columns):
        return told.interval
    with duckdb.connect(config=NO_SPILL) as con:
        keys = {f"p{i}": columns[p] for i, p in enumerate(places)}
        con.register("rows", pa.table({f"s{i}": columns[c] for i, c in enumerate(told.columns)} | keys))
        stamp = " || ' ' || ".join(f"s{i}" for i in range(len(told.columns)))
        form = told.formats[0]
        read = f"{clock.with_offset(stamp, form)}::TIMESTAMP" if form.endswith("%z") else clock.naive(f"({stamp})", form)
        found = con.execute(f"""
            SELECT epoch(step)::BIGINT FROM (SELECT moment - lag(moment) OVER (PARTITION BY {", ".join(keys) or "1"} ORDER BY moment) AS step
            FROM (SELECT DISTINCT {read} AS moment {"".join(f", {k}" for k in keys)} FROM rows)) WHERE step > INTERVAL 0 SECONDS
            GROUP BY step ORDER BY count(*) DESC, step LIMIT 1""").fetchall()
    seconds = found[0][0] if found else 0
    return timedelta(seconds=seconds) if seconds and 3600 % seconds == 0 else None


def places(columns: dict[str, pa.Array], told: Times) -> tuple[tuple[str, ...], Choice | None]:
    """The columns that say where: texts that come back at every time, an id rather than a name."""
    rows = len(next(iter(columns.values()), ()))
    found = []
    for name, column in columns.items():
        distinct = len(column.unique())
        if name in told.columns or column.null_count > rows / 2 or distinct > max(2, min(5_000, rows // 2)):
            continue
        if hints(name, "places") and not (distinct == 1 and not hints(name, "keys")):
            found.append(name)
    keys = [name for name in found if hints(name, "keys")] or found
    both = [n for n in found if set(words(n)) & {"origin", "destination", "vertrek", "aankomst", "herkomst", "bestemming"}]
    if len(both) == 2:
        return tuple(both), None
    if len(keys) == 1:
        return (keys[0],), None
    return (keys[0],) if keys else (), Choice(tuple(keys or columns), "which column says where? key on an id, not on a name")


def repeats(columns: dict[str, pa.Array], told: Times, where: tuple[str, ...]) -> tuple[int, list[str]]:
    """The most rows that one place has at one time, and the columns with few texts that could tell them apart."""
    keys = [c for c in (*told.columns, *where) if c in columns]
    if not keys or told.unpivot:
        return 1, []
    table = pa.table({str(i): columns[c] for i, c in enumerate(keys)})
    most = (
        pc.max(table.group_by([str(i) for i in range(len(keys))]).aggregate([([], "count_all")]).column("count_all")).as_py() or 1
    )
    few = [name for name, column in columns.items() if name not in keys and 1 < len(column.unique()) <= 24]
    return most, [name for name in few if not is_number(columns[name], ".") or hints(name, "kinds")]


def is_number(column: pa.Array, decimal: str) -> bool:
    """Whether every text of a column that is not empty is a number."""
    there = column.drop_null()
    pattern = rf"^[+-]?[0-9]+([{decimal}][0-9]*)?([eE][+-]?[0-9]+)?$"
    return bool(len(there)) and bool(pc.all(pc.match_substring_regex(there, pattern)).as_py())


def measures(columns: dict[str, pa.Array], taken: set[str], decimal: str) -> dict[str, list[str]]:
    """Columns of numbers that are no time and no place → the measures their names hint at."""
    return {name: measures_of(name) for name, column in columns.items() if name not in taken and is_number(column, decimal)}


def dataset_of(found: dict[str, list[str]]) -> tuple[str | None, dict[str, str], tuple[str, ...]]:
    """The one dataset that fits the names, with a column for each measure; None, and the candidates, when it is not one alone."""
    datasets = {reference.split(".")[0] for hinted in found.values() for reference in hinted}
    fitting = {}
    for dataset in sorted(datasets):
        columns = {c: [r.split(".")[1] for r in hinted if r.startswith(f"{dataset}.")] for c, hinted in found.items()}
        chosen = {c: hinted[0] for c, hinted in columns.items() if len(hinted) == 1}
        alone = all(len(hinted) < 2 for hinted in columns.values()) and len(set(chosen.values())) == len(chosen)
        clash = sum(bool(set(group) & set(chosen.values())) for group in DATASETS[dataset].exclusive) > 1
        if alone and chosen and not clash:
            fitting[dataset] = {measure: column for column, measure in chosen.items()}
    if len(fitting) == 1 and len(datasets) == 1:
        [(dataset, chosen)] = fitting.items()
        return dataset, chosen, ()
    return None, {}, tuple(sorted(datasets)) or tuple(DATASETS)


def said(length: timedelta | None) -> str | None:
    """An interval as a declaration writes it."""
    return format_duration(length) if length else None
