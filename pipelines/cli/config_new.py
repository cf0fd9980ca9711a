"""Verbs that begin something: ``config init`` and ``config schema``."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import config_new_options as given
from pipelines.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.newtown import Made

NEEDED = {"slug": "--slug", "name": "--name", "places": "--places", "legal_basis": "--legal-basis", "dpia": "--dpia"}


def init(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    package: given.Package = None,
    thresholds: given.Thresholds = "decide",
    slug: given.Slug = None,
    name: given.Name = None,
    name_en: given.NameEn = None,
    cbs: given.Cbs = None,
    cbs_year: given.CbsYear = None,
    timezone: given.Timezone = None,
    holidays: given.Holidays = None,
    languages: given.Languages = None,
    places: given.Places = None,
    crs: given.Crs = None,
    place_type: given.PlaceType = "moving",
    lines: given.Lines = None,
    source: given.Source = None,
    sample: given.Sample = None,
    decide: given.Decide = None,
    id_property: given.IdProperty = None,
    data: options.Data = None,
    calendar: given.Calendar = None,
    event_class: given.EventClass = "A",
    purpose: given.Purpose = None,
    legal_basis: given.LegalBasis = None,
    dpia: given.Dpia = None,
    dpia_date: given.DpiaDate = None,
    decided_on: given.DecidedOn = None,
    review_by: given.ReviewBy = None,
    k: given.K = None,
    retention: given.Retention = "365d",
    owner: given.Owner = None,
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

    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    said: dict[str, Any] = {"slug": slug, "name": name, "places": places, "legal_basis": legal_basis, "dpia": dpia}
    said |= _lacking(said, package, lines, source, sample, terminal, lang)
    asked = newtown.Asked(
        **said, today=common.now().date(), name_en=name_en, cbs=cbs, cbs_year=cbs_year, timezone=timezone, holidays=holidays,
        languages=tuple(common.split([languages] if languages else None)), crs=crs, place_type=place_type, lines=lines,
        decide=_pairs(decide), id_property=id_property, data=data, calendar=calendar, event_class=event_class, purpose=purpose, k=k,
        retention=retention, dpia_date=_day("--dpia-date", dpia_date), decided_on=_day("--decided-on", decided_on),
        review_by=_day("--review-by", review_by), owner=owner, package=package, thresholds=thresholds,
    )  # fmt: skip
    made = newtown.init(asked, config, _ask if terminal else None)
    if as_json:
        common.dump(_as_data(made))
    else:
        print("\n".join(_told(made, config, lang)))


def _lacking(
    said: dict[str, Any], package: Path | None, lines: Path | None, source: list[str] | None, sample: list[Path] | None, terminal: bool,
    lang: str,
) -> dict[str, Any]:  # fmt: skip
    """What was not said and is needed, asked at the terminal; and the sources. Raises UsageError where there is no terminal to ask at."""
    from pipelines.cli import common
    from pipelines.faults import UsageError

    needed = [key for key in said if package is None or key in ("slug", "name")]
    lacking = [key for key in needed if not said[key] and not (key == "places" and lines)]
    picked, samples = tuple(common.split(source)), tuple(sample or ())
    named = bool(picked or samples or package)
    if not terminal and (lacking or not named):
        wanted = [NEEDED[key] for key in lacking] + ([] if named else ["--source or --sample"])
        raise UsageError(f"config init needs {', '.join(wanted)}. `drukte config init --help` says what each is.")
    found = {key: typer.prompt(common.text(f"ask_{key}", lang), value_proc=Path if key == "places" else str) for key in lacking}
    if not named:
        answer: str = typer.prompt(common.text("ask_source", lang))
        is_file = Path(answer).is_file() and not answer.endswith(".yaml")
        picked, samples = ((), (Path(answer),)) if is_file else ((answer,), ())
    return {**found, "source": picked, "sample": samples}


def _as_data(made: Made) -> dict[str, Any]:
    """What was made, as data."""
    files = [str(file) for file in made.files]
    told = {"files": files, "notes": made.notes, "indicators": made.indicators, "without": made.without}
    return told | (_taken(made) if made.taken else {})


def _told(made: Made, config: Path, lang: str) -> Iterator[str]:
    """The same as lines."""
    from pipelines.cli import common

    yield from (common.text("written", lang, path=file) for file in made.files)
    yield from (common.text("note", lang, note=note) for note in made.notes)
    if made.taken:
        yield from _carried(made, lang)
    names = ", ".join(made.indicators)
    yield common.text("town_made", lang, n=len(made.indicators), names=names, without=len(made.without), config=config)


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
