"""The sources of a new town: declarations of another place whose ids are mapped anew, or a draft from a sample file, decided."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from slugify import slugify

from pipelines import guess
from pipelines.faults import UsageError
from pipelines.guess import columns, sniff
from pipelines.newtown import decide as decide_
from pipelines.newtown.decide import Ask, decide
from pipelines.newtown.places import Drawn
from pipelines.readers import UnreadableError
from schemas import yamlfile
from schemas.mistakes import did_you_mean
from schemas.problems import Problems
from schemas.settings import Source

_MOST_IDS = 300
UNMAPPED = '"TODO: write a line for each of your places, the id of the supplier and then our place"'


@dataclass(frozen=True)
class Declared:
    """A source declaration as text; ``open`` names what is still to be decided."""

    source: str
    text: str
    open: tuple[str, ...] = ()


def chosen(
    name: str, folders: list[Path], slug: str, drawn: Drawn, id_property: str | None, own: Path, may_be_open: bool = False
) -> Declared:
    """A declaration that stands in one of ``folders`` (or is named by its path), with a map onto these places.

    Raises :class:`UsageError` when it is not found, or none of its ids is one of the places (``may_be_open``: then its map is TODO).
    """
    path = (
        Path(name)
        if name.endswith((".yaml", ".yml"))
        else next((f / f"{name}.yaml" for f in folders if (f / f"{name}.yaml").is_file()), None)
    )
    if path is None or not path.is_file():
        known = [p.stem for f in folders for p in f.glob("*.yaml")]
        raise UsageError(f"there is no source `{name}`. {did_you_mean(name, known)}")
    document = yamlfile.read(path)
    text = yamlfile.read_text(path, path.as_posix())
    there = document.data.get("place", {}).get("map", {}) if isinstance(document.data, dict) else {}
    mapped, left = onto(there, drawn, id_property)
    if not mapped and may_be_open:
        given = f"{slug}-{path.stem}"[:63]
        return Declared(given, _with_name(_with_map(text, document, {}, list(there)), given), ("place.map",))
    if not mapped:
        ids = ", ".join(f"`{i}`" for i in list(there)[:6])
        raise UsageError(
            f"{path}: none of its ids ({ids}, …) is one of the places. Say which property of the drawing holds the supplier's id with "
            "--id-property NAME, or give the places the slugs that the source maps to."
        )
    if mapped == there and (own / f"{path.stem}.yaml").resolve() == path.resolve():
        return Declared(path.stem, text)
    given = path.stem if mapped == there else f"{slug}-{path.stem}"[:63]
    if mapped != there:
        text = _with_map(text, document, mapped, left)
    return Declared(given, _with_name(text, given))


def drafted(
    sample: Path, slug: str, timezone: str, drawn: Drawn, id_property: str | None, decisions: Mapping[str, str], ask: Ask | None,
    data: Path | None = None,
) -> Declared:  # fmt: skip
    """A draft from a sample file, its open points decided by ``decisions`` (key as in the draft) or by asking.

    It is for all files below ``data`` whose names differ from the sample's in a date or number only.

    Raises :class:`UsageError` for a file that cannot be read, or on which the gate closes.
    """
    if not sample.is_file():
        raise UsageError(f"{sample}: there is no such file. Name a file as the supplier sends it.")
    try:
        draft = guess.draft(sample.read_bytes(), sample.as_posix(), timezone)
    except UnreadableError as error:
        raise UsageError(f"{sample}: {error}") from None
    if draft.closed:
        raise UsageError(f"{sample}: the gate closes on this file, {draft.closed}")
    name = f"{slug}-{slugify(sample.stem)[:40]}".rstrip("-")
    content = sample.read_bytes()
    text, left = decide(draft.text, decisions, ask, lambda columns: _ids(content, columns, drawn, id_property), timezone)
    text = (
        _with_name(text.replace("It cannot be used yet: decide every TODO, then read", "Read"), name)
        if not left
        else _with_name(text, name)
    )
    if "files" not in decisions:
        text = re.sub(r"^files: .*$", lambda _: f"files: {json.dumps(_files(sample, data), ensure_ascii=False)}   # a pattern below the data folder",
                      text, count=1, flags=re.MULTILINE)  # fmt: skip
    document = yamlfile.parse(text, sample.as_posix())
    there = (document.data.get("place") or {}).get("map") or {}
    mapped, unmapped = onto(there if isinstance(there, dict) else {}, drawn, id_property)
    if mapped:
        text = _with_map(text, document, mapped, unmapped)
    else:
        left = (
            *left,
            f"place.map ({', '.join(list(map(str, there))[:4]) or 'no ids'}, … are no places here: --id-property, or place.columns)",
        )
    return Declared(name, text if left else _rest_ignored(text, content), left)


def _files(sample: Path, data: Path | None) -> str:
    """The pattern of a sample and those like it: a date or a long number in its name stands for any."""
    inside = data is not None and sample.resolve().is_relative_to(data.resolve())
    name = sample.resolve().relative_to(data.resolve()).as_posix() if inside and data else sample.name
    return re.sub(r"[0-9]{4,}(?:[-_T]?[0-9]{2,})*", "*", name)


def open_points(found: list[Declared]) -> str:
    """What drafts leave open, a line a point, as options with the values that fit the file."""
    lines = []
    for declared in found:
        known = decide_.choices(declared.text)
        for key in declared.open:
            told = " | ".join(known.get(key, ()) if key != "measures" else _measures(known.get(key, [])))
            lines.append(f"  --decide {key}=…{f'     {told}' if told else ''}" if " " not in key else f"  {key}")
    return "\n".join(lines)


def _measures(candidates: list[str]) -> list[str]:
    """Candidates of the draft (`column: dataset.measure, …`) as they are written in a declaration."""
    pairs = [
        (column, fits.strip()) for column, _, listed in (c.rpartition(": ") for c in candidates) for fits in listed.split(",")
    ]
    return [
        f"{{{fits.partition('.')[2]}: {{column: {column}}}}} for {fits.partition('.')[0]}"
        for column, fits in pairs
        if "." in fits
    ]


def onto(there: Mapping[str, Any], drawn: Drawn, id_property: str | None) -> tuple[dict[str, str], list[str]]:
    """A supplier's ids → slugs of these places: by a property of the drawing, by slug, or by name; and the ids that are none of them."""
    slugs = {f["properties"]["place"] for f in drawn.features}
    names = {str(f["properties"]["name"]).casefold(): f["properties"]["place"] for f in drawn.features}
    by = drawn.by(id_property) if id_property else {}
    mapped, left = {}, []
    for supplied, before in there.items():
        key = str(supplied)
        options = (
            by.get(key),
            key if key in slugs else None,
            names.get(key.casefold()),
            slugify(key),
            before if by == {} else None,
        )
        place = next((o for o in options if o in slugs), None)
        if place:
            mapped[key] = str(place)
        else:
            left.append(key)
    return mapped, left


def _ids(content: bytes, where: list[str], drawn: Drawn, id_property: str | None) -> dict[str, str]:
    """The ids that stand in these columns of a file → slugs: of places here, else of their own making."""
    texts = columns.texts(sniff.sniff(content).raw)
    rows = zip(*(texts[c].to_pylist() for c in where if c in texts), strict=True)
    ids = list(dict.fromkeys("|".join(map(str, row)) for row in rows if None not in row))[:_MOST_IDS]
    mapped, left = onto(dict.fromkeys(ids, ""), drawn, id_property)
    return {i: mapped.get(i) or slugify(i) for i in ids} if mapped or left else {}


def _rest_ignored(text: str, content: bytes) -> str:
    """The text with every column of the file that it does not name under ``ignore``: an undeclared one would close the gate."""
    document = yamlfile.parse(text, "draft")
    try:
        declared = yamlfile.build(Source, document).declared_columns()
    except Problems:
        return text
    left = [c for c in columns.texts(sniff.sniff(content).raw) if c not in declared]
    named = [*document.data.get("ignore", []), *left]
    line = "ignore: " + yaml.safe_dump(named, default_flow_style=True, allow_unicode=True, width=100_000).strip()
    return re.sub(
        r"^ignore: .*$", lambda _: line + "   # read them: a column that matters is lost here", text, count=1, flags=re.MULTILINE
    )


def _with_name(text: str, name: str) -> str:
    return re.sub(r"^source:.*$", f"source: {name}", text, count=1, flags=re.MULTILINE)


def _with_map(text: str, document: yamlfile.Document, mapped: Mapping[str, str], left: list[str]) -> str:
    """The text with another map; the lines of the one of before go."""
    lines = text.splitlines()
    first = document.line(("place", "map")) - 1
    indent = len(lines[first]) - len(lines[first].lstrip()) if lines[first].lstrip().startswith("map:") else 2
    rows = [
        f"{' ' * (indent + 2)}{yaml.safe_dump(k, default_style=None, allow_unicode=True).splitlines()[0]}: {v}"
        for k, v in mapped.items()
    ]
    if any(not re.match(r"^\s*map:", lines[i]) for i in (first,)):  # `place: {columns: […], map: {…}}` on one line
        return re.sub(
            r"map: \{[^}]*\}",
            "map: "
            + (
                yaml.safe_dump(dict(mapped), default_flow_style=True, allow_unicode=True, width=10_000).strip()
                if mapped
                else UNMAPPED
            ),
            text,
            count=1,
        )
    last = first + 1
    while last < len(lines) and (not lines[last].strip() or len(lines[last]) - len(lines[last].lstrip()) > indent):
        last += 1
    while last > first + 1 and not lines[last - 1].strip():
        last -= 1
    gone = [f"{' ' * indent}# not a place of this town: {', '.join(left[:20])}"] if left else []
    unmapped = (
        []
        if not left or any(re.match(rf"^ {{{indent}}}unmapped:", line) for line in lines)
        else [f"{' ' * indent}unmapped: filter"]
    )
    return (
        "\n".join(
            [
                *lines[:first],
                f"{' ' * indent}map:{'' if rows else ' ' + UNMAPPED}",
                *rows,
                *gone,
                *unmapped,
                *lines[last:],
            ]
        )
        + "\n"
    )


def check_text(declared: Declared) -> None:
    """Raises :class:`UsageError` when the text is no YAML any more (a decision that is none)."""
    try:
        yamlfile.parse(declared.text, f"{declared.source}.yaml")
    except Problems as problems:
        raise UsageError(f"a decision is not readable: {problems}") from None
