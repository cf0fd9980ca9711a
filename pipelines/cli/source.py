"""The verbs ``source try`` and ``source guess``: a file through a declaration, and a draft of a declaration from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from pipelines.intake import Taken
    from pipelines.trial import Rules
    from schemas.settings import Source

app = typer.Typer(
    help="A supplier's file: try it through a declaration, or draft a declaration from it.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The supplier's file; it is only read.")]
_SHOWN = 20


@app.command("try")
def try_(
    file: File,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Id in config/sources, or the path of a declaration.")],
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    municipality: Annotated[
        str | None,
        typer.Option("--municipality", metavar="SLUG", help="By whose k and clock; the strictest that uses it if not given."),
    ] = None,
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=0, help="How many rows to show.")] = 10,
    at: Annotated[
        str | None, typer.Option("--at", metavar="T", help="As if it were this moment, with offset; later rows are held.")
    ] = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Show the first rows of FILE as the dataset gets them, the account of all rows, and what is refused and why.

    Nothing is written. Counts under k are not shown, nor anything of a file on which the gate closes (exit 3).
    """
    from pipelines import faults, trial
    from pipelines.cli import common

    declared = trial.declaration(config, source)
    by = trial.rules(config, declared, municipality)
    until = common.moment(at) or common.now()
    done = list(trial.run(file, declared, by, until))
    if as_json:
        common.dump([_data(name, taken, declared, by, rows) for name, taken in done])
    else:
        print("\n\n".join(_told(name, taken, declared, by, rows, lang) for name, taken in done))
    if any(taken.state == "closed" for _, taken in done):
        raise typer.Exit(faults.GATE)


def _data(name: str, taken: Taken, source: Source, by: Rules, most: int) -> dict[str, Any]:
    from pipelines import trial

    return {
        "file": name, "source": source.source, "dataset": source.dataset, "municipality": by.municipality, "k": by.k,
        "state": taken.state, "reason": taken.reason, "accounting": trial.accounting(taken),
        "cells": trial.worth(taken, source), "rows": trial.rows(taken, by, most), "refused": trial.refused(taken, by),
    }  # fmt: skip


def _told(name: str, taken: Taken, source: Source, by: Rules, most: int, lang: str) -> str:
    from pipelines import trial
    from pipelines.cli.common import text
    from schemas import words

    lines = [text("try_head", lang, file=name, source=source.source, dataset=source.dataset, k=by.k)]
    if taken.state != "accepted":
        return "\n".join([*lines, text(f"try_{taken.state}", lang, reason=taken.reason)])
    lines.append(text("try_account", lang, **trial.accounting(taken)))
    for measure, counted in trial.worth(taken, source).items():
        statuses = ", ".join(f"{n} {words.word('status', status, lang)}" for status, n in counted.items())
        lines.append(f"  {measure}: {statuses or 0}")
    refused = trial.refused(taken, by)
    lines += [f"  {text('try_row', lang, **row)}" for row in refused[:_SHOWN]]
    if len(refused) > _SHOWN:
        lines.append(f"  {text('try_more', lang, n=len(refused) - _SHOWN)}")
    shown = trial.rows(taken, by, most)
    return "\n".join([*lines, "", _in_columns(shown, source, by, lang)]) if shown else "\n".join(lines)


def _in_columns(shown: list[dict[str, Any]], source: Source, by: Rules, lang: str) -> str:
    from pipelines.cli import common

    measures = source.measure_names
    head = [*common.text("try_columns", lang, zone=by.tz.key).split("|"), *measures]
    return common.table(head, [
        [row["row"], row["place"], f"{row['local_start']:%Y-%m-%d %H:%M %z}", f"{row['interval_start']:%Y-%m-%d %H:%M}",
         *(_cell(row["measures"].get(m)) for m in measures)] for row in shown
    ])  # fmt: skip


def _cell(worth: dict[str, Any] | None) -> str:
    if worth is None:
        return ""
    if worth["status"] == "ok":
        return str(worth["value"])
    return (
        f"<{worth['value_high'] + 1}" if worth["status"] == "suppressed" and worth["value_high"] is not None else worth["status"]
    )


@app.command()
def guess(
    file: File,
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    municipality: Annotated[
        str | None, typer.Option("--municipality", metavar="SLUG", help="Whose clock a time without offset is by.")
    ] = None,
) -> None:
    """Print a draft of a declaration for FILE: `drukte source guess FILE > config/sources/my-source.yaml`.

    What the file tells is filled in; what it does not tell is a TODO with the candidates, and `config check` refuses each until
    it is decided. Of a file on which the gate closes nothing is printed (exit 3).
    """
    from pipelines import faults, guess
    from pipelines.readers import UnreadableError
    from schemas import config as settings

    if not file.is_file():
        raise faults.UsageError(f"{file}: there is no such file. Name the file to draft a declaration for.")
    zone = settings.load(config, municipality).municipality.timezone if municipality else None
    try:
        draft = guess.draft(file.read_bytes(), file.as_posix(), zone)
    except UnreadableError as error:
        raise faults.UsageError(f"{file}: {error}") from None
    if draft.closed:
        typer.echo(f"{file}: {draft.closed}", err=True)
        raise typer.Exit(faults.GATE)
    print(draft.text, end="")
