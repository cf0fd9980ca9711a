"""Verbs that begin something: ``config init`` and ``config schema``."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.newtown import Made

NEEDED = {"slug": "--slug", "name": "--name", "places": "--places", "legal_basis": "--legal-basis", "dpia": "--dpia"}


def init(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    package: Annotated[
        Path | None, typer.Option("--from", metavar="PACKAGE", help="Begin from the package of another town (`export transfer`).")
    ] = None,
    thresholds: Annotated[
        Literal["decide", "adopt", "generic"],
        typer.Option("--thresholds", help="Edges of that town: a TODO each, taken over with its reasons, or none."),
    ] = "decide",
    slug: Annotated[str | None, typer.Option("--slug", metavar="SLUG", help="Short name: a-z, 0-9 and '-'.")] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Name in Dutch.")] = None,
    name_en: Annotated[str | None, typer.Option("--name-en", metavar="TEXT", help="Name in English, if another.")] = None,
    cbs: Annotated[str | None, typer.Option("--cbs", metavar="GM0000", help="CBS code; its year with --cbs-year.")] = None,
    cbs_year: Annotated[
        int | None, typer.Option("--cbs-year", metavar="YEAR", help="Year of the CBS code; else this year.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="ZONE", help="IANA time zone; else the package's, or Europe/Amsterdam.")
    ] = None,
    holidays: Annotated[
        str | None,
        typer.Option(
            "--holidays", metavar="NL", help="Country, or country and part, of the holidays; else the package's, or NL."
        ),
    ] = None,
    languages: Annotated[
        str | None, typer.Option("--languages", metavar="nl,en", help="Languages of the town; else the package's, or both.")
    ] = None,
    places: Annotated[
        Path | None, typer.Option("--places", metavar="FILE", help="GeoJSON of zones and other places: WGS 84 or RD New.")
    ] = None,
    crs: Annotated[
        str | None,
        typer.Option("--crs", metavar="EPSG:28992", help="Its reference system, when neither file nor coordinates tell."),
    ] = None,
    place_type: Annotated[
        str, typer.Option("--place-type", metavar="moving", help="Type of zones that state none: moving or standing.")
    ] = "moving",
    lines: Annotated[
        Path | None,
        typer.Option("--lines", metavar="FILE", help="CSV of lines: place, name, from_zone, to_zone, effective_width."),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="ID", help="A source declaration (id or path), repeated or with commas."),
    ] = None,
    sample: Annotated[
        list[Path] | None,
        typer.Option("--sample", metavar="FILE", help="A supplier's file to draft a declaration from; repeatable."),
    ] = None,
    decide: Annotated[
        list[str] | None, typer.Option("--decide", metavar="KEY=VALUE", help="What a draft leaves open; repeatable.")
    ] = None,
    id_property: Annotated[
        str | None, typer.Option("--id-property", metavar="NAME", help="Property of the drawing that holds the supplier's id.")
    ] = None,
    data: options.Data = None,
    calendar: Annotated[Path | None, typer.Option("--calendar", metavar="FILE", help="Events as iCalendar (.ics).")] = None,
    event_class: Annotated[
        str, typer.Option("--event-class", metavar="A", help="Class of events whose calendar states none: A, B or C.")
    ] = "A",
    purpose: Annotated[
        str | None,
        typer.Option("--purpose", metavar="ID", help="The purpose that is adopted; else the package's, or crowd-safety."),
    ] = None,
    legal_basis: Annotated[str | None, typer.Option("--legal-basis", metavar="TEXT", help="The legal basis for it.")] = None,
    dpia: Annotated[
        str | None, typer.Option("--dpia", metavar="TEXT", help="Reference of the data protection impact assessment.")
    ] = None,
    dpia_date: Annotated[
        str | None, typer.Option("--dpia-date", metavar="DAY", help="Its day; else that of the decision.")
    ] = None,
    decided_on: Annotated[
        str | None, typer.Option("--decided-on", metavar="DAY", help="Day of the decision; else today.")
    ] = None,
    review_by: Annotated[
        str | None, typer.Option("--review-by", metavar="DAY", help="To be reviewed by; else a year later.")
    ] = None,
    k: Annotated[
        int | None,
        typer.Option("--k", metavar="N", min=1, help="Smallest group that may leave the gate; else the purpose's floor."),
    ] = None,
    retention: Annotated[str, typer.Option("--retention", metavar="365d", help="How long counts are kept.")] = "365d",
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="ROLE", help="Role that owns the purpose; else privacy-officer.")
    ] = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Write the config of a new municipality, with comments; `config check` is content with it at once.

    Asks for what is missing when there is a terminal; without one the error names the missing options. With --from, only --slug and
    --name are needed: what another town's package holds in general is taken over, and each decision that no option gave is a TODO
    that `config check` names.
    """
    from pipelines import newtown
    from pipelines.cli import common
    from pipelines.faults import UsageError

    given: dict[str, Any] = {"slug": slug, "name": name, "places": places, "legal_basis": legal_basis, "dpia": dpia}
    if package is not None:
        given = {"slug": slug, "name": name}
    if lines and not places:
        given.pop("places", None)
    picked, samples = tuple(common.split(source)), tuple(sample or ())
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    lacking = [key for key, value in given.items() if not value]
    named = bool(picked or samples or package)
    if not terminal and (lacking or not named):
        wanted = [NEEDED[key] for key in lacking] + ([] if named else ["--source or --sample"])
        raise UsageError(f"config init needs {', '.join(wanted)}. `drukte config init --help` says what each is.")
    for key in lacking:
        given[key] = typer.prompt(common.text(f"ask_{key}", lang), value_proc=Path if key == "places" else str)
    given = {"places": places, "legal_basis": legal_basis, "dpia": dpia, **given}
    if not named:
        told: str = typer.prompt(common.text("ask_source", lang))
        picked, samples = ((), (Path(told),)) if Path(told).is_file() and not told.endswith(".yaml") else ((told,), ())
    asked = newtown.Asked(
        **given, today=common.now().date(), name_en=name_en, cbs=cbs, cbs_year=cbs_year, timezone=timezone, holidays=holidays,
        languages=tuple(common.split([languages] if languages else None)), crs=crs, place_type=place_type, lines=lines, source=picked, sample=samples,
        decide=_pairs(decide), id_property=id_property, data=data, calendar=calendar, event_class=event_class, purpose=purpose, k=k,
        retention=retention, dpia_date=_day("--dpia-date", dpia_date), decided_on=_day("--decided-on", decided_on),
        review_by=_day("--review-by", review_by), owner=owner, package=package, thresholds=thresholds,
    )  # fmt: skip
    made = newtown.init(asked, config, _ask if terminal else None)
    if as_json:
        told_ = {
            "files": [str(f) for f in made.files],
            "notes": made.notes,
            "indicators": made.indicators,
            "without": made.without,
        }
        common.dump(told_ | (_taken(made) if made.taken else {}))
        return
    for file in made.files:
        print(common.text("written", lang, path=file))
    for note in made.notes:
        print(common.text("note", lang, note=note))
    if made.taken:
        print("\n".join(_carried(made, lang)))
    print(
        common.text(
            "town_made", lang, n=len(made.indicators), names=", ".join(made.indicators), without=len(made.without), config=config
        )
    )


def _taken(made: Made) -> dict[str, Any]:
    """What came from a package, and what is still to be decided, as data."""
    from dataclasses import asdict

    assert made.taken is not None
    lines = [{"kind": line.kind, "what": line.text, **line.parts, "where": line.where} for line in made.taken.lines]
    return {"from": made.taken.about.municipality, "carried": lines, "todo": [asdict(p) for p in made.todo]}


def _carried(made: Made, lang: str) -> Iterator[str]:
    """The same as lines: what carries over, what is to be confirmed, and what is decided anew."""
    from pipelines.transfer.say import say

    assert made.taken is not None
    yield from ("", say("carried", lang, town=made.taken.name.model_dump(), day=made.taken.about.as_of))
    for kind in ("generic", "confirm", "specific"):
        found = [line for line in made.taken.lines if line.kind == kind]
        yield from ([say(f"head_{kind}", lang)] if found else [])
        yield from (f"  {say(line.text, lang, **line.parts)}" for line in found)
    yield from ("", say("to_decide", lang, n=len(made.todo)) if made.todo else say("nothing_to_decide", lang))
    yield from (f"  {problem}" for problem in made.todo)
    yield ""


def _ask(question: str, candidates: list[str]) -> str | None:
    """A question on the terminal; nothing leaves it open."""
    for candidate in candidates:
        print(f"    {candidate}")
    return typer.prompt(question, default="", show_default=False) or None


def _pairs(given: list[str] | None) -> dict[str, str]:
    from pipelines.faults import UsageError

    pairs = [text.partition("=") for text in given or ()]
    wrong = [key for key, sign, _ in pairs if not sign]
    if wrong:
        raise UsageError(f"--decide {wrong[0]}: write KEY=VALUE, for example --decide delay=15min.")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _day(option: str, text: str | None) -> date | None:
    from pipelines.faults import UsageError

    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{option}: `{text}` is not a day; write it as 2026-04-27.") from None


def schema(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="One kind of file; all if not given.")] = None,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write <kind>.schema.json there, instead of printing.")
    ] = None,
    lang: options.Language = "en",
) -> None:
    """JSON Schema of every kind of config file, for editors and for other programs."""
    from pipelines.cli import common
    from pipelines.docs import editor_schemas
    from pipelines.faults import UsageError
    from schemas.mistakes import did_you_mean

    made = {Path(name).name.removesuffix(".schema.json"): text for name, text in editor_schemas.files().items()}
    if kind is not None and kind not in made:
        raise UsageError(f"there is no kind of file `{kind}`. {did_you_mean(kind, made)}")
    chosen = {kind: made[kind]} if kind else made
    if out is None:
        print(chosen[kind] if kind else "{" + ", ".join(f'"{name}": {text}' for name, text in made.items()) + "}", end="")
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, text in chosen.items():
        (out / f"{name}.schema.json").write_text(text, encoding="utf-8")
        print(common.text("written", lang, path=out / f"{name}.schema.json"))
