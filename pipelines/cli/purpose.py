"""Verbs on purposes: ``purpose check``, ``review``, ``diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from pipelines.purpose import State
    from pipelines.purpose.diff import Diff
    from schemas.config import Config

app = typer.Typer(
    help="What the data may be used for: is it reviewed, by whom, and what another use would need.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

At = Annotated[str | None, typer.Option("--at", metavar="T", help="The moment to look from, with offset; else now.")]


@app.command("check")
def check(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    municipality: options.OnlyMunicipality = None,
    data: options.Data = None,
    at: At = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Whether a review covers each purpose as it is used now.

    Exit 3 when one is not covered: never reviewed, void, expired, or a dataset or indicator outside every purpose. Exit 5 when all
    are covered but a review date has passed and its grace runs.
    """
    from pipelines import faults, start
    from pipelines.cli import common
    from pipelines.purpose import states
    from schemas.problems import Problem, Problems

    moment = common.moment(at) or common.now()
    found: dict[str, list[State]] = {}
    outside: dict[str, list[Problem]] = {}
    for slug in common.slugs(config, municipality) if municipality else common.known(config):
        try:
            found[slug] = states(*start.ready(config, slug, data), moment)
        except Problems as problems:
            if not problems.refused:
                raise
            outside[slug] = problems.problems
    if as_json:
        rows = [_row(slug, state) for slug, listed in found.items() for state in listed]
        common.dump({"purposes": rows, "outside": {slug: [str(p) for p in problems] for slug, problems in outside.items()}})
    else:
        print("\n".join([*(_line(slug, s, lang) for slug, listed in found.items() for s in listed),
                         *(f"{slug}: {problem}" for slug, problems in outside.items() for problem in problems)]))  # fmt: skip
    standings = [state.standing for listed in found.values() for state in listed]
    if outside or any(not state.covered for listed in found.values() for state in listed):
        raise typer.Exit(faults.GATE)
    if "grace" in standings:
        raise typer.Exit(faults.FOUND)


def _row(slug: str, state: State) -> dict[str, Any]:
    review = state.review
    return {
        "municipality": slug, "purpose": state.purpose, "standing": state.standing, "covered": state.covered,
        "review_by": state.review_by, "keeps_until": state.keeps_until, "owner": state.adoption.owner,
        "reviewed_on": review.reviewed_on if review else None, "version": review.version if review else None,
        "signed_by": [s.role for s in review.signed] if review else [], "fingerprint": review.fingerprint if review else None,
        "fingerprint_now": state.used.fingerprint, "beyond": [{"kind": b.kind, "what": b.what, "was": b.was} for b in state.beyond],
    }  # fmt: skip


def _line(slug: str, state: State, lang: str) -> str:
    from pipelines.purpose import say

    told = say.text(f"is_{state.standing}", lang, day=state.review_by, until=state.keeps_until, owner=state.adoption.owner)
    lines = [f"{slug}: {state.purpose}: {told}"]
    if state.review:
        by = ", ".join(s.role for s in state.review.signed)
        lines.append("  " + say.text("by", lang, version=state.review.version, day=state.review.reviewed_on, by=by,
                                     fingerprint=state.review.fingerprint))  # fmt: skip
    lines += ["  + " + say.listed((b,), lang) for b in state.beyond]
    if not state.covered and state.standing != "unreviewed":
        lines.append("  " + say.why_not(state)[1])
    elif state.standing == "unreviewed":
        lines.append("  " + say.text("would_decide", lang))
    return "\n".join(lines)


@app.command("review")
def review(
    purpose: Annotated[str | None, typer.Argument(metavar="[PURPOSE]", help="Its id; not needed where one is adopted.")] = None,
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    municipality: options.Municipality = None,
    data: options.Data = None,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="FILE", help="Answers as YAML; without it each question is put on the terminal."),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="ROLE", help="Who signs, repeated or with commas; the purpose's owner among them."),
    ] = None,
    sign: Annotated[bool, typer.Option("--sign", help="Only sign the review that is there.")] = False,
    form: Annotated[
        Path | None, typer.Option("--form", metavar="FILE", help="Write an empty form with the questions, and stop.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="T", help="The moment of signing, with offset; else now.")] = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Answer the questions on a purpose, sign, and record exactly what was looked at (reviews/<municipality>.yaml)."""
    from pipelines import start
    from pipelines.cli import common
    from pipelines.purpose import record, say, states

    if form:
        form.write_text(record.form(lang), encoding="utf-8")
        print(common.text("written", lang, path=form))
        return
    settings, cards = start.ready(config, common.one(config, municipality), data)
    moment = common.moment(at) or common.now()
    today, roles = moment.astimezone(settings.tz).date(), common.split(role)
    state = _asked(settings, states(settings, cards, moment), purpose)
    if sign:
        made = record.sign(settings, state.purpose, roles, today)
    else:
        record.check_roles(settings, roles)
        given = record.answers_of(answers) if answers else _ask(lang)
        made = record.review(settings, state, given, roles, today)
    path = record.write(settings, made)
    if as_json:
        common.dump({"file": path, "review": made.model_dump(mode="json")})
        return
    print(say.text("recorded", lang, purpose=made.purpose, version=made.version, path=path, fingerprint=made.fingerprint))
    if state.adoption.owner not in {s.role for s in made.signed}:
        print(say.text("is_unsigned", lang, owner=state.adoption.owner))


def _asked(config: Config, found: list[State], purpose: str | None) -> State:
    """The purpose to be reviewed: the one named, the only one, or the only one that is not covered."""
    from pipelines.faults import UsageError
    from schemas.mistakes import did_you_mean

    names = [s.purpose for s in found]
    if purpose is not None:
        if purpose not in names:
            raise UsageError(f"{config.file}: purpose `{purpose}` is not adopted. {did_you_mean(purpose, names)}")
        return found[names.index(purpose)]
    open_ = [s for s in found if not s.covered] or found
    if len(open_) > 1:
        raise UsageError(f"{config.file} has {len(names)} purposes: name one of {', '.join(names)}.")
    return open_[0]


def _ask(lang: str) -> dict[str, dict[str, str]]:
    """Walk through the questions on the terminal. Raises :class:`UsageError` where there is none."""
    import sys

    from pipelines.faults import UsageError
    from schemas.questions import questions

    if not sys.stdin.isatty():
        raise UsageError("Nobody to ask here. Give --answers FILE; `drukte purpose review --form FILE` writes an empty one.")
    given = {}
    for number, asked in enumerate(questions().questions, 1):
        print(f"\n{number}. {getattr(asked.topic, lang)}. {getattr(asked.ask, lang)}")
        given[asked.question] = {"nl": typer.prompt("   nl"), "en": typer.prompt("   en")}
    return given


@app.command("diff")
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="The purpose there is.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The purpose that is thought of, adopted or not.")],
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    municipality: options.Municipality = None,
    data: options.Data = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """What a second purpose re-uses of the first, what must be asked again, and which data it lacks."""
    from dataclasses import asdict

    from pipelines.cli import common
    from pipelines.purpose import diff as plain
    from pipelines.start import cards
    from schemas import config as settings

    slug = common.one(config, municipality)
    found = plain.two(settings.load(config, slug, data), cards(config), first, second)
    if as_json:
        common.dump({"municipality": slug, **asdict(found)})
    else:
        print("\n".join(_told(found, lang)))


def _told(found: Diff, lang: str) -> list[str]:
    from pipelines.purpose import say
    from schemas.questions import questions

    asks = {q.question: q for q in questions().questions}
    lines = [say.text("diff_head", lang, first=found.first, second=found.second)]
    for key in ("reused_datasets", "reused_columns", "reused_indicators", "added_datasets", "added_indicators", "new_audience"):
        if names := getattr(found, key):
            lines.append(say.text(f"diff_{key}", lang, names=", ".join(names)))
    for key, (one, two) in found.changes.items():
        lines.append(say.text("diff_changes", lang, what=key, first=one, second=two))
    if found.lacks_datasets:
        lines.append(say.text("diff_lacks_datasets", lang, names=", ".join(found.lacks_datasets)))
    lines += [say.text("diff_lacks_inputs", lang, name=n, inputs=", ".join(i)) for n, i in found.lacks_inputs.items()]
    lines.append(say.text("diff_asked", lang))
    lines += [f"  {getattr(asks[name].topic, lang)}: {getattr(asks[name].ask, lang)}" for name in found.asked]
    carried = ", ".join(getattr(asks[name].topic, lang) for name in found.carried)
    return [*lines, say.text("diff_carried", lang, names=carried)]
