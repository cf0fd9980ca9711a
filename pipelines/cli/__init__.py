"""The command ``drukte``: one file per group of verbs, each thin over plain functions.

Only typer is imported at the top of these files: `drukte --help` answers at once.
"""

from __future__ import annotations

import os
import sys

import typer

from pipelines.cli import (
    alerts,
    config,
    demo,
    docs,
    export,
    flags,
    indicators,
    options,
    outcomes,
    planning,
    privacy,
    purpose,
    reading,
    replaying,
    reporting,
    running,
    source,
    track,
    trying,
    upkeep,
)

GROUPS = {"alerts": alerts.app, "config": config.app, "export": export.app, "flags": flags.app, "indicators": indicators.app,
          "outcome": outcomes.app, "privacy": privacy.app, "purpose": purpose.app, "situations": reading.situations,
          "source": source.app, "track": track.app}  # fmt: skip

app = typer.Typer(
    name="drukte",
    help="Crowd-risk situations from anonymised, aggregated counts.",
    epilog="Shared options may stand before or after the verb. --debug (or DRUKTE_DEBUG=1) shows the traceback of a fault.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
)
for _verb in (demo.demo, running.run, running.backfill, planning.plan, replaying.replay, running.serve, reading.status, reading.explain,
              reading.board, reporting.report, docs.docs, outcomes.kpi, trying.whatif, trying.calibrate, upkeep.backup, upkeep.restore,
              upkeep.migrate):  # fmt: skip
    app.command()(_verb)
for _name, _group in GROUPS.items():
    app.add_typer(_group, name=_name)


def main(words: list[str] | None = None) -> None:
    """Run one command and exit with its code (DESIGN §5)."""
    arguments = _verb_first(list(sys.argv[1:] if words is None else words))
    if "--debug" in arguments:
        arguments.remove("--debug")
        os.environ["DRUKTE_DEBUG"] = "1"
    try:
        app(arguments, prog_name="drukte")
    except Exception as error:
        if os.environ.get("DRUKTE_DEBUG") == "1":
            raise
        from pipelines import faults

        code, lines = faults.in_words(error)
        print("\n".join(lines), file=sys.stderr)
        sys.exit(code)


def _verb_first(words: list[str]) -> list[str]:
    """Move shared options that stand before the verb to behind it."""
    leading: list[str] = []
    while words and words[0].partition("=")[0] in options.SHARED:
        takes_value = options.SHARED[words[0].partition("=")[0]] and "=" not in words[0]
        length = 2 if takes_value else 1
        leading, words = leading + words[:length], words[length:]
    if not words:
        return leading
    verb = 2 if words[0] in GROUPS and len(words) > 1 else 1
    return [*words[:verb], *leading, *words[verb:]]
