"""What people write down afterwards (``outcome add / import / list / withdraw``), and the KPIs that come of it (``kpi``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from pipelines.store import Store
    from schemas.config import Config

app = typer.Typer(
    help="Outcomes: what was done about a situation, what came of it, incident or false alarm.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

At = Annotated[str | None, typer.Option("--at", metavar="T", help="The moment of writing it down, with offset; else now.")]
Wait = Annotated[float, typer.Option("--wait", metavar="S", min=0, help="Seconds to wait for a run that is under way.")]


@app.command()
def add(
    *,
    kind: Annotated[
        str, typer.Option("--kind", metavar="K", help="follow_up, effect, confirmed, false_alarm, incident or no_incident.")
    ],
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="The role that acted or saw it, never a person's name.")],
    when: Annotated[str, typer.Option("--when", metavar="T", help="When it happened, with offset.")],
    situation: Annotated[
        str | None, typer.Option("--situation", metavar="ID", help="The situation; an incident may have none.")
    ] = None,
    measure: Annotated[
        str | None, typer.Option("--measure", metavar="M", help="Of a follow_up: inform, steer, meter, close or evacuate.")
    ] = None,
    effect: Annotated[
        str | None, typer.Option("--effect", metavar="E", help="Of an effect: eased, unchanged, worse or unclear.")
    ] = None,
    risk: Annotated[
        str | None, typer.Option("--risk", metavar="CODE", help="Of an incident without a situation: the safety risk …")
    ] = None,
    place: Annotated[str | None, typer.Option("--place", metavar="SLUG", help="… and the place.")] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="TEXT", help="In a few words; nothing about persons.")] = None,
    corrects: Annotated[str | None, typer.Option("--corrects", metavar="ID", help="The outcome that this one replaces.")] = None,
    at: At = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    wait: Wait = 30.0,
    lang: options.Language = "en",
) -> None:
    """Write down one thing that was done, seen or found out. A correction is kept beside what it replaces."""
    from pipelines import outcomes
    from pipelines.cli import common
    from pipelines.faults import UsageError
    from pipelines.outcomes import Entry

    moment, happened = common.moment(at) or common.now(), common.moment(when)
    assert happened
    entry = Entry(kind, role, happened, situation, measure, effect, risk, place, text)
    with _open(config, workspace, municipality, moment, wait, [happened]) as (store, settings):
        wrong = [f"{column}: {what}. {fix}".rstrip() for column, what, fix in outcomes.mistakes(store, settings, entry, moment)]
        if wrong:
            raise UsageError("\n".join(wrong))
        name, new = outcomes.add(store, settings, entry, moment, corrects)
    print(common.text("outcome_added" if new else "outcome_known", lang, id=name))


@app.command()
def withdraw(
    outcome: Annotated[str, typer.Argument(metavar="ID", help="As `drukte outcome list` shows it.")],
    *,
    at: At = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    wait: Wait = 30.0,
    lang: options.Language = "en",
) -> None:
    """Take something out that should not have been written down; it stays in outcomes_history."""
    from pipelines import outcomes
    from pipelines.cli import common

    moment = common.moment(at) or common.now()
    moments: list[datetime] = []
    with _open(config, workspace, municipality, moment, wait, moments) as (store, settings):
        moments += [
            m for (m,) in store.con.execute("SELECT occurred_at FROM outcomes WHERE outcome_id = ?", [outcome]).fetchall()
        ]
        outcomes.withdraw(store, settings, outcome, moment)
    print(common.text("outcome_withdrawn", lang, id=outcome))


@app.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv",
            help="Columns: situation_id, kind, measure, role, when, effect, safety_risk, place, text, outcome_id.",
        ),
    ],
    *,
    at: At = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    wait: Wait = 30.0,
    lang: options.Language = "en",
) -> None:
    """Take in a spreadsheet's CSV: all of it, or nothing and every mistake with file, row and column. Twice the same counts once."""
    from pipelines.cli import common
    from pipelines.outcomes import importing

    moment = common.moment(at) or common.now()
    moments: list[datetime] = []
    with _open(config, workspace, municipality, moment, wait, moments) as (store, settings):
        done = importing.import_csv(store, settings, file, moment)
        moments += [
            m for (m,) in store.con.execute("SELECT occurred_at FROM outcomes WHERE recorded_at = ?", [moment]).fetchall()
        ]
    print(common.text("outcomes_imported", lang, new=done.new, known=done.known))


@app.command("list")
def list_outcomes(
    *,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.OnlyMunicipality = None,
    situation: Annotated[str | None, typer.Option("--situation", metavar="ID", help="Only of this situation.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what was corrected or withdrawn.")] = False,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """What was written down, newest first."""
    from pipelines import published
    from pipelines.cli import common, evening

    con = published.connect(common.published(workspace))
    rows = evening.rows(
        con,
        f"""SELECT * FROM {"outcomes_history" if everything else "outcomes"} WHERE ($who IS NULL OR list_contains($who, municipality))
            AND ($situation IS NULL OR situation_id = $situation) ORDER BY occurred_at DESC, outcome_id, revision DESC""",
        {"who": common.split(municipality) or None, "situation": situation},
    )
    con.close()
    if as_json:
        common.dump(rows)
        return
    for row in rows:
        print(_line(row, lang))
    if not rows:
        print(common.text("nothing_found", lang))


def _line(row: dict[str, Any], lang: str) -> str:
    from schemas import words

    what = words.word("outcome_kind", row["kind"], lang)
    more = [words.word("measure", row["follow_up"], lang)] if row["follow_up"] else []
    more += [words.word("outcome_effect", row["effect"], lang)] if row["effect"] else []
    about = row["situation_id"] or " ".join(filter(None, (row["safety_risk"], row["place"]))) or row["municipality"]
    told = f"{row['occurred_at']:%Y-%m-%d %H:%M}Z  {row['outcome_id']}  {about}  {', '.join([what, *more])}  ({row['role']})"
    return told + (f"  {row['text']}" if row["text"] else "")


def kpi(
    *,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First local day, 2026-06-01; else the first of this month.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last local day, included; else today.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write a page as well.")] = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Output and outcome KPIs of a period per safety risk, strictly apart, with n and interval; definitions on the page.

    The same for each calendar month stands in table kpis. Nothing here says that one thing came of another.
    """
    from pipelines import published, start
    from pipelines.cli import common
    from pipelines.faults import UsageError
    from pipelines.outcomes import kpis, page

    file = common.published(workspace)
    settings, cards = start.ready(config, common.one(config, municipality))
    today = common.now().astimezone(settings.tz).date()
    last = _day(to) or today
    first = _day(since) or last.replace(day=1)
    if last < first:
        raise UsageError("--to lies before --from.")
    con = published.connect(file)
    rows = kpis.of_period(con, settings, cards, first, last)
    con.close()
    town = getattr(settings.municipality.name, lang)
    if out:
        out.write_text(page.page(rows, town, lang), encoding="utf-8")
    if as_json:
        common.dump(rows)
        return
    print("\n".join(page.lines(rows, town, lang)))
    if out:
        print(common.text("written", lang, path=out))


def _day(text: str | None) -> date | None:
    from pipelines.faults import UsageError

    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"`{text}` is not a day. Write for example 2026-06-20.") from None


@contextmanager
def _open(
    config: Path, workspace: Path, municipality: list[str] | None, at: datetime, wait: float, moments: list[datetime]
) -> Iterator[tuple[Store, Config]]:
    """Store and settings of one municipality in a transaction; then the KPIs of the months of ``moments``, and a publication."""
    from pipelines import start
    from pipelines.cli import common
    from pipelines.outcomes import kpis

    common.published(workspace)
    settings, cards = start.ready(config, common.one(config, municipality))
    with common.held(workspace, wait, at) as store, store.transaction():
        yield store, settings
        kpis.refresh_at(store, settings, cards, moments, max(at, *moments) if moments else at)
