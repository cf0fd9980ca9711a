"""The register of known faults: ``flags list``, and what a role decides: ``accept``, ``reject``, ``withdraw``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from pipelines.register import Decision, Row

app = typer.Typer(
    help="Known faults in data: what detectors propose, what a role decided, what stands in the settings.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Id = Annotated[str, typer.Argument(metavar="ID", help="As `drukte flags list` shows it.")]
Role = Annotated[
    str, typer.Option("--role", metavar="ROLE", help="Who decides: a role of the municipality, never a person's name.")
]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for who reads it later.")]
Effects = Annotated[
    list[str] | None,
    typer.Option(
        "--effect", metavar="E", help="no_level, no_baseline, outage or note, with commas or repeated; as proposed if not given."
    ),
]
Until = Annotated[str | None, typer.Option("--to", metavar="T", help="Where the range ends; as found if not given.")]
At = Annotated[str | None, typer.Option("--at", metavar="T", help="The moment of the decision, with offset; else now.")]
Wait = Annotated[float, typer.Option("--wait", metavar="S", min=0, help="Seconds to wait for a run that is under way.")]


@app.command("list")
def list_flags(
    *,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.OnlyMunicipality = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what was rejected or withdrawn.")] = False,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Proposals first, each with its evidence; then what is in force."""
    from pipelines import published, register
    from pipelines.cli import common, evening

    con = published.connect(common.published(workspace))
    asked = common.split(municipality)
    found = [
        row for row in register.rows(con)
        if (everything or row["state"] in ("proposed", "accepted")) and (not asked or row["municipality"] in asked)
    ]  # fmt: skip
    clocks = evening.zones(con)
    con.close()
    found.sort(key=lambda row: (row["state"] != "proposed", row["state"]))
    if as_json:
        common.dump(found)
        return
    for row in found:
        print("\n".join(_in_lines(row, lang, clocks.get(row["municipality"]))))
    if not found:
        print(common.text("nothing_found", lang))


def _in_lines(row: Row, lang: str, zone: str | ZoneInfo | None) -> list[str]:
    from pipelines.cli import common
    from schemas.words import word

    tz = ZoneInfo(str(zone)) if zone else ZoneInfo("UTC")
    where = ", ".join(row["flagged_places"]) or common.text("all_places", lang)
    measures = f" ({', '.join(row['flagged_measures'])})" if row["flagged_measures"] else ""
    end = common.text("still", lang) if row["ongoing"] else _local(row["flagged_to"], tz)
    hours = f", {row['hours']}" if row["hours"] else ""
    kind = word("detector", row["detector"], lang) if row["detector"] else common.text("by_hand", lang)
    effects = " + ".join(word("flag_effect", e, lang) for e in row["effects"])
    lines = [
        f"{row['flag_id']}  {word('flag_state', row['state'], lang)}: {kind}",
        f"  {row['municipality']} {row['source']}: {where}{measures}, {_local(row['flagged_from'], tz)} - {end}{hours}  [{effects}]",
    ]
    if row["detector"]:
        lines.append(f"  {row[f'evidence_{lang}']}")
    if row["owner"]:
        when = f", {_local(row['decided_at'], tz)}" if row["decided_at"] else ""
        place = f", {row['file']}:{row['line']}" if row["file"] else ""
        lines.append(f"  {row['reason'] or '-'} ({row['owner']}{when}{place})")
    if row["state"] == "accepted" and row["acting_since"] is None:
        lines.append(f"  {common.text('acts_from_next_run', lang)}")
    return lines


def _local(moment: datetime, tz: ZoneInfo) -> str:
    return f"{moment.astimezone(tz):%Y-%m-%d %H:%M}"


@app.command()
def accept(
    flag: Id,
    *,
    role: Role,
    reason: Reason = None,
    effect: Effects = None,
    to: Until = None,
    at: At = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    wait: Wait = 0.0,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Make a proposal act: from the next run on its range gets no level, or enters no baseline."""
    _decide("accept", flag, role, reason, effect, to, at, config, workspace, wait, lang, as_json)


@app.command()
def reject(
    flag: Id,
    *,
    role: Role,
    reason: Reason = None,
    at: At = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    wait: Wait = 0.0,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Say that the data are right: it is not proposed again, for as long as it lasts."""
    _decide("reject", flag, role, reason, None, None, at, config, workspace, wait, lang, as_json)


@app.command()
def withdraw(
    flag: Id,
    *,
    role: Role,
    reason: Reason = None,
    at: At = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    wait: Wait = 0.0,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Take an accepted flag back: from the next run on its range is judged again."""
    _decide("withdraw", flag, role, reason, None, None, at, config, workspace, wait, lang, as_json)


def _decide(
    decision: Decision, flag: str, role: str, reason: str | None, effect: list[str] | None, to: str | None, at: str | None,
    config: Path, workspace: Path, wait: float, lang: str, as_json: bool,
) -> None:  # fmt: skip
    """Take the decision, and publish so that everybody sees it."""
    from pipelines import register, start
    from pipelines.cli import common
    from pipelines.faults import UsageError

    common.published(workspace)
    moment, until = common.moment(at) or common.now(), common.moment(to)
    with common.held(workspace, wait, moment) as store:
        found = register.rows(store.con, "flag_id = ?", [flag])
        if not found:
            raise UsageError(f"There is no flag `{flag}` in {workspace}. `drukte flags list --all` shows them.")
        settings, _ = start.ready(config, found[0]["municipality"])
        try:
            row = register.decide(
                store,
                settings,
                flag,
                decision,
                role=role,
                at=moment,
                reason=reason,
                effects=tuple(common.split(effect)),
                until=until,
            )
        except register.DecisionError as error:
            raise UsageError(str(error)) from None
    _say(row, lang, as_json)


def _say(row: dict[str, Any], lang: str, as_json: bool) -> None:
    from pipelines.cli import common

    if as_json:
        common.dump(row)
    else:
        print(common.text(f"flag_{row['state']}", lang, id=row["flag_id"], role=row["owner"]))
