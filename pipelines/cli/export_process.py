"""Verbs on what leaves the house under a purpose: ``export public``, ``partner``, ``dpia``, ``register``, ``citizen``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from pipelines.export.process import Process

At = Annotated[str | None, typer.Option("--at", metavar="T", help="The moment it is made for, with offset; else now.")]
Purpose = Annotated[str | None, typer.Option("--purpose", metavar="ID", help="The purpose; the first adopted if not given.")]


def public(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    data: options.Data = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where it goes, a folder for each municipality.")] = Path(
        "public"
    ),
    at: At = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """The open data set: CSV and Parquet, a Data Package and a DCAT-AP-NL record, with only what classes and delays allow.

    Exit 3 when no review covers the purpose, and when a column has no class.
    """
    from pipelines import start
    from pipelines.cli import common
    from pipelines.export import log
    from pipelines.export import public as plain

    file, moment = common.published(workspace), common.moment(at) or common.now()
    done = []
    for slug in common.slugs(config, municipality):
        settings, cards = start.ready(config, slug, data)
        note = log.noting(workspace, slug, "public", None, settings.municipality.published.owner, moment)
        done.append(plain.write(out, file, settings, cards, moment, note))
    if as_json:
        common.dump([{"municipality": d.municipality, "purpose": d.purpose, "folder": d.folder, "files": d.files, "rows": d.rows,
                      "until": d.until} for d in done])  # fmt: skip
    else:
        print("\n".join(common.text("written", lang, path=path) for d in done for path in d.files))


def partner(
    name: Annotated[str, typer.Argument(metavar="PARTNER", help="As declared under `publication.partners`.")],
    *,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="Who lets it out: the role that decided on this view.")],
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    data: options.Data = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where it goes.")] = Path("partners"),
    at: At = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """A view for one partner: levels per place and hour, and situations; never counts. Each time is logged."""
    from pipelines import start
    from pipelines.cli import common
    from pipelines.export import log
    from pipelines.export import partner as plain

    slug = common.one(config, municipality)
    settings, cards = start.ready(config, slug, data)
    file, moment = common.published(workspace), common.moment(at) or common.now()
    note = log.noting(workspace, slug, "partner", name, role, moment)
    made = plain.write(out, file, settings, cards, name, role, moment, note)
    if as_json:
        common.dump({"partner": name, "purpose": made.purpose, "files": made.files, "rows": made.row_count})
    else:
        print("\n".join(common.text("written", lang, path=path) for path in made.files))


def dpia(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    municipality: options.Municipality = None,
    data: options.Data = None,
    purpose: Purpose = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where it goes.")] = Path("process"),
    at: At = None,
    lang: options.Language = "nl",
    as_json: options.Json = False,
) -> None:
    """The annex to the DPIA: data, indicators, answers, roles and measures, from the settings and the review (Markdown)."""
    from pipelines.export.dpia import markdown

    _write(config, municipality, data, purpose, at, lang, out, as_json, lambda p, stem: {f"{stem}.dpia.{lang}.md": markdown(p)})


def register(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    municipality: options.Municipality = None,
    data: options.Data = None,
    purpose: Purpose = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where they go.")] = Path("process"),
    at: At = None,
    lang: options.Language = "nl",
    as_json: options.Json = False,
) -> None:
    """Entries for the register of processing (GDPR art. 30) and the Algoritmeregister, within its fields and limits."""
    import json

    from pipelines.export import register as plain

    def files(p: Process, stem: str) -> dict[str, str]:
        entry = plain.processing(p)
        return {
            f"{stem}.processing.{lang}.md": plain.processing_markdown(entry, lang),
            f"{stem}.processing.{lang}.json": json.dumps(entry, indent=2, ensure_ascii=False) + "\n",
            f"{stem}.algoritmeregister.{lang}.json": json.dumps(plain.algorithm(p), indent=2, ensure_ascii=False) + "\n",
        }

    _write(config, municipality, data, purpose, at, lang, out, as_json, files)


def citizen(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    municipality: options.Municipality = None,
    data: options.Data = None,
    purpose: Purpose = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where it goes.")] = Path("process"),
    at: At = None,
    lang: options.Language = "nl",
    as_json: options.Json = False,
) -> None:
    """The page for citizens in plain words: what is counted, why, who sees it, how long (one HTML file)."""
    from pipelines.export.citizen import html

    _write(config, municipality, data, purpose, at, lang, out, as_json, lambda p, stem: {f"{stem}.{lang}.html": html(p)})


def _write(
    config: Path, municipality: list[str] | None, data: Path | None, purpose: str | None, at: str | None, lang: str, out: Path,
    as_json: bool, make: Callable[[Process, str], dict[str, str]],
) -> None:  # fmt: skip
    """Make the files of each municipality asked for and write them. Raises :class:`Problems` where no review covers the purpose."""
    from pipelines import start
    from pipelines.cli import common
    from pipelines.export import process

    moment = common.moment(at) or common.now()
    files: dict[str, str] = {}
    for slug in common.slugs(config, municipality):
        p = process.of(*start.ready(config, slug, data), moment, lang, purpose)
        files |= make(p, f"{slug}.{p.state.purpose}")
    out.mkdir(parents=True, exist_ok=True)
    paths: list[Any] = []
    for name, content in files.items():
        (out / name).write_text(content, encoding="utf-8")
        paths.append(out / name)
    if as_json:
        common.dump(paths)
    else:
        print("\n".join(common.text("written", lang, path=path) for path in paths))
