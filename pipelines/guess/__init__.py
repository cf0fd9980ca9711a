"""A draft of a source declaration from a file: what the file tells is filled in, what it does not tell is a TODO with candidates.

Nothing is decided that two readings would decide differently: 01/02 is not read, nor whether a stamp is a start or an end.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePath

import pyarrow as pa

from pipelines import screen
from pipelines.guess import columns, sniff
from pipelines.guess.columns import Times
from pipelines.guess.sniff import Choice, Sniffed
from pipelines.readers import UnreadableError
from schemas.datasets import DATASETS
from schemas.settings import Source
from schemas.settings.source import Csv, Json, Parquet

_MOST_IDS = 300
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ .-]*[A-Za-z0-9_]|[A-Za-z]")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "TODO"}


@dataclass(frozen=True)
class Draft:
    """A draft as YAML text; or, where the gate would close on the file, ``closed``: its reason, and no text."""

    text: str
    closed: str | None = None


def draft(content: bytes, name: str, timezone: str | None = None) -> Draft:
    """Draft a declaration for a file of a ``name``. Raises :class:`pipelines.readers.UnreadableError`.

    The file is screened as every delivery is: nothing of one with person-level content stands in a draft.
    """
    found = sniff.sniff(content)
    if any(_unnameable(name) for name in found.raw.names if name):
        raise UnreadableError(
            "layout", "the name of a column holds a control character, which no declaration can name. Ask for it again."
        )
    texts = columns.texts(found.raw)
    told = columns.times(texts)
    where, unsure = columns.places(texts, told)
    closed = _closed(found, texts, told, where)
    if closed:
        return Draft("", closed)
    told.interval = columns.interval(texts, told, where)
    numbers = columns.measures(texts, {*told.columns, *where}, found.reader.decimal)
    lines = [*_head(name), *_data(numbers), *_reading(found, name), *_time(told, timezone), *_place(texts, told, where, unsure)]
    lines += [*_measures(numbers, told), *_rest(found, texts, told, where, numbers), *_promises(name)]
    return Draft("\n".join(lines) + "\n")


def _closed(found: Sniffed, texts: dict[str, pa.Array], told: Times, where: tuple[str, ...]) -> str | None:
    """The reason for which the gate would close, or None. What nobody declared yet is no reason here."""
    names = [n for n in found.raw.names if n]
    declared = Source.model_validate({
        "source": "draft", "title": {"nl": "-", "en": "-"}, "supplier": "-", "licence": "-", "dataset": "-", "contract": 1, "files": "-",
        "reader": found.reader.model_dump(by_alias=True), "interval": "1h", "delay": "1h", "issued_at": "none", "rank": 1,
        "time": {"columns": [c for c in told.columns if c in texts] or names[:1], "format": "%Y", "clock": "utc"},
        "place": {"columns": list(where) or names[:1], "map": {}}, "measures": {"draft": {"column": names[0]}}, "ignore": names,
    })  # fmt: skip
    findings = screen.screen(found.raw, declared)
    return screen.reason(findings, declared, found.raw) if findings else None


def _todo(key: str, choice: Choice, indent: str = "") -> list[str]:
    """A setting that a person must choose."""
    why = f"{choice.why}; " if choice.why else ""
    lines = [f"{indent}{key}: TODO   # {why}candidates:"]
    return lines + [f"{indent}#   {_shown(candidate)}" for candidate in choice.candidates[:12]]


def _head(name: str) -> list[str]:
    slug = _slug(PurePath(name.replace("!", "/")).stem) or "new-source"
    return [
        f"# A draft, written from {PurePath(name).name}. It cannot be used yet: decide every TODO, then read the rest against the supplier's",
        "# own description. A file does not tell what it means.",
        f"source: {slug}   # must be the name of this file",
        f"title: {{nl: {_text(slug)}, en: {_text(slug)}}}",
        "supplier: TODO   # who delivers it",
        "licence: TODO   # under what terms",
        "",
    ]  # fmt: skip


def _data(numbers: dict[str, list[str]]) -> list[str]:
    dataset, _, candidates = columns.dataset_of(numbers)
    if dataset is None:
        told = [f"{name}: {DATASETS[name].meaning_en}" for name in candidates]
        return [*_todo("dataset", Choice(tuple(told), "which standard dataset is it")), "contract: 1", ""]
    return [f"dataset: {dataset}   # {DATASETS[dataset].meaning_en}", f"contract: {DATASETS[dataset].major}", ""]


def _reading(found: Sniffed, name: str) -> list[str]:
    reader, file = found.reader, _text(PurePath(name.split("!", maxsplit=1)[0]).name)
    lines = [f"files: {file}   # a pattern below the data folder, for example counts/*.csv"]
    if found.packed:
        lines.append(f"packed: {{{', '.join(f'{k}: {_text(v)}' for k, v in found.packed.items())}}}")
    lines += ["reader:", f"  format: {reader.format}"]
    settings: dict[str, str] = {}
    if isinstance(reader, Csv):
        settings = {
            "delimiter": sniff.DELIMITERS[reader.delimiter],
            "encoding": reader.encoding,
            "header": str(reader.header).lower(),
        }
        settings |= {"columns": f"[{', '.join(reader.columns)}]"} if reader.columns else {}
    if isinstance(reader, Json):
        settings = {"lines": "true"} if reader.lines else {"records": _text(reader.records)} if reader.records else {}
    if not isinstance(reader, Parquet):
        settings |= {"decimal": f'"{reader.decimal}"'} if reader.decimal == "," or "decimal" in found.open else {}
    for key, value in settings.items():
        lines += _todo(key, found.open[key], "  ") if key in found.open else [f"  {key}: {value}"]
    if isinstance(reader, Csv) and reader.columns:
        lines.append("  # the file has no header: give its columns their names")
    return [*lines, ""]


def _time(told: Times, timezone: str | None) -> list[str]:
    lines = ["time:"]
    named = f"[{', '.join(_text(c) for c in told.columns)}]"
    lines += _todo("columns", told.open["columns"], "  ") if "columns" in told.open else [f"  columns: {named}"]
    if "format" in told.open or not told.formats:
        lines += _todo("format", told.open.get("format", Choice(("%Y-%m-%d %H:%M",), "strptime")), "  ")
    else:
        of_first = "   # of the first candidate, like what follows" if "columns" in told.open else ""
        lines.append(f"  format: {_text(told.formats[0])}{of_first}")
    lines += _todo("stamps", Choice(("start", "end"), "does a stamp stand at the start or at the end of its interval"), "  ")
    lines.append(f"  clock: {told.clock}")
    if told.clock == "local":
        zone = Choice(
            ("Europe/Amsterdam", "Europe/Brussels", "UTC: then `clock: utc` without timezone"), "whose wall clock is it"
        )
        lines += [f"  timezone: {timezone}"] if timezone else _todo("timezone", zone, "  ")
        lines.append(
            "  repeated: refuse   # the autumn hour that comes twice: or first, second, in_order, a column that tells them apart"
        )
        lines.append("  skipped: refuse    # a time that spring skips: or filler")
    length = columns.said(told.interval)
    steps = Choice(("5min", "15min", "1h"), "the steps between stamps are no whole part of an hour")
    lines += [f"interval: {length}   # the most frequent step in this file"] if length else _todo("interval", steps)
    return [*lines, ""]


def _place(texts: dict[str, pa.Array], told: Times, where: tuple[str, ...], unsure: Choice | None) -> list[str]:
    lines = ["place:"]
    lines += _todo("columns", unsure, "  ") if unsure else [f"  columns: [{', '.join(_text(c) for c in where)}]"]
    if not where:
        return [*lines, "  map: TODO   # the supplier's id: our place", ""]
    if unsure:
        lines.append("  # ids of the first candidate:")
    pairs = pa.table({str(i): texts[c] for i, c in enumerate(where)}).group_by([str(i) for i in range(len(where))]).aggregate([])
    ids = sorted(
        i
        for i in ("|".join(str(v) for v in row.values()) for row in pairs.to_pylist() if all(row.values()))
        if not _unnameable(i)
    )
    lines.append("  map:   # the supplier's id: our place (a slug of places.geojson)")
    lines += [f"    {_text(known)}: {_text(_slug(known) or 'place')}" for known in ids[:_MOST_IDS]]
    if len(ids) > _MOST_IDS:
        lines.append(f"    # and {len(ids) - _MOST_IDS} more: add those that count, or say `unmapped: filter`")
    times, others = columns.repeats(texts, told, where)
    if times > 1:
        lines.append(
            f"# TODO: a place has up to {times} rows at one time. What tells them apart ({_shown(', '.join(others)) or 'no column'})? See `pivot:`"
        )
        lines.append("#   (each row another measure), `parts: sum` (pieces that add up) and `filter:`.")
    return [*lines, ""]


def _measures(numbers: dict[str, list[str]], told: Times) -> list[str]:
    if told.unpivot:
        series = (
            "# several series: say which is which with `pivot: {column: series, values: {…}, value_from: n}`"
            if "series" in told.unpivot
            else ""
        )
        unpivot = ["unpivot:", f"  pattern: {_text(told.unpivot)}", "  value_to: n", *([series] if series else [])]
        return [*unpivot, "measures: TODO   # which measure is `n`; candidates:", "#   count_total: {column: n}", ""]
    dataset, chosen, _ = columns.dataset_of(numbers)
    if dataset:
        return ["measures:", *(f"  {measure}: {{column: {_text(column)}}}" for measure, column in chosen.items()), ""]
    lines = ["measures: TODO   # measure: {column: …}; candidates:"]
    lines += [f"#   {_shown(column)}: {', '.join(hinted) or 'unknown'}" for column, hinted in numbers.items()]
    return [*lines, ""]


def _rest(
    found: Sniffed, texts: dict[str, pa.Array], told: Times, where: tuple[str, ...], numbers: dict[str, list[str]]
) -> list[str]:
    """Columns without a role yet: those that may say what a number is worth, and the others."""
    _, chosen, _ = columns.dataset_of(numbers)
    used = {*told.columns, *where, *chosen.values()} | (set(numbers) if not chosen else set())
    left = [n for n in found.raw.names if n and n not in used and not (told.unpivot and re.fullmatch(told.unpivot, n))]
    times = " ".join(told.open["columns"].candidates) if "columns" in told.open else ""
    marks = [n for n in left if columns.hints(n, "marks") and n not in times]
    kinds = [n for n in left if columns.hints(n, "kinds") and n in texts]
    lines = [
        f"# {_shown(name)} may say what the numbers of its row are worth: see `outage:`, `marks:` and `uptime:`" for name in marks
    ]
    lines += [f"# {_shown(name)} may tell rows of one place and time apart: see `pivot:` and `filter:`" for name in kinds]
    return [*lines, f"ignore: [{', '.join(_text(n) for n in left)}]   # read them: a column that matters is lost here", ""]


def _promises(name: str) -> list[str]:
    dated = re.search(r"[0-9]{8}([T_-]?[0-9]{4,6})?|[0-9]{4}-[0-9]{2}-[0-9]{2}", PurePath(name).name)
    from_name = 'from the file name: {from: file_name, pattern: "(…)", format: …, clock: …}'
    issued = Choice(("none (the supplier does not state it)", from_name), "is a time in the name when it was issued")
    return [
        "# sentinels: texts that are no number, each with its meaning: {\"-1\": missing, \"n/a\": not_applicable}",
        *_todo("absent", Choice(("missing", "{max_zero_run: 2h}"), "does a row that is not there mean zero, or nothing known")),
        "delay: TODO   # the supplier's stated delay after the end of an interval, for example 15min",
        *(_todo("issued_at", issued) if dated else ["issued_at: none   # or where the supplier states when it made the file"]),
        "rank: 1",
    ]  # fmt: skip


def _text(value: str) -> str:
    """A text as YAML writes it, in quotes where it could be read as something else."""
    plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS and value != "TODO"
    return value if plain else _shown(json.dumps(value, ensure_ascii=False))


def _unnameable(value: str) -> bool:
    """Whether a text holds a sign that settings refuse."""
    return any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in value)


def _shown(value: str) -> str:
    """A text in a comment: on one line, without signs that a file of settings does not allow."""
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in value)


def _slug(value: str) -> str:
    plain = unicodedata.normalize("NFKD", value.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].strip("-")
