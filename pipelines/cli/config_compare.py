"""The verb ``config diff``: two configurations side by side."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from pipelines.compare import Comparison, Difference
    from pipelines.compare.facts import Fact
    from pipelines.compare.sides import Side


def diff(
    one: Annotated[str, typer.Argument(metavar="A", help="A municipality (slug), a config folder, or FOLDER:SLUG.")],
    other: Annotated[
        str | None, typer.Argument(metavar="[B]", help="The same; left out with --generic, --rev or --in-force.")
    ] = None,
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: Annotated[str | None, typer.Option("--municipality", metavar="SLUG", help="Which one of a folder.")] = None,
    generic: Annotated[bool, typer.Option("--generic", help="Against what would hold had the town decided nothing.")] = False,
    rev: Annotated[list[str] | None, typer.Option("--rev", metavar="R", help="Against a git revision; twice: those two.")] = None,
    in_force: Annotated[bool, typer.Option("--in-force", help="The version in force in --workspace against the files.")] = False,
    page: Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Write a page (HTML) too.")] = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """What two configurations share and where they differ: generic, specific, and without a stated reason.

    Two towns, two folders, two git revisions, the version in force against the files, or a town against the generic.
    """
    from pipelines import compare
    from pipelines.cli import common
    from pipelines.compare import sides
    from pipelines.faults import UsageError

    if sum((other is not None, generic, bool(rev), in_force)) != 1:
        raise UsageError("config diff compares two things: name B, or one of --generic, --rev R and --in-force.")
    with ExitStack() as aside:
        if rev:
            folders = [aside.enter_context(sides.at_revision(config, r)) for r in rev[:2]]
            slug = municipality or one
            found = [sides.side(f"{folder}:{slug}", folder, slug, f"{slug} {r}") for folder, r in zip(folders, rev, strict=False)]
            if len(found) == 1:
                found.append(sides.side(one, config, municipality, f"{slug} now"))
            made = compare.two(found[0], found[1])
        elif in_force:
            made = compare.two(_in_force(config, workspace, one), sides.side(one, config, municipality, f"{one} files"))
        elif generic:
            made = compare.with_generic(*sides.side(one, config, municipality))
        else:
            made = compare.two(sides.side(one, config, municipality), sides.side(str(other), config, municipality))
    if page is not None:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(_page(made, lang), encoding="utf-8")
    if as_json:
        common.dump(made.as_json())
        return
    print("\n".join(_told(made, lang)))
    if page is not None:
        print(common.text("written", lang, path=page))


def _in_force(config: Path, workspace: Path, slug: str) -> Side:
    """The version that is in force now."""
    from pipelines import lock, versions
    from pipelines.cli import common
    from pipelines.store import Store

    common.published(workspace)
    with lock.hold(workspace, 30.0), Store(workspace) as store:
        now = versions.in_force(store, config, slug, None, common.now())
    number = now.version.number if now.version else 0
    return f"{slug} version {number}", now.config, now.cards


def _groups(made: Comparison) -> list[tuple[str, list[Difference]]]:
    return [(kind, list(found)) for kind, found in groupby(made.differences, key=lambda d: d.kind)]


def _told(made: Comparison, lang: str) -> list[str]:
    from pipelines.cli.common import text

    same = {kind: len(list(found)) for kind, found in groupby(made.same, key=lambda f: f.kind)}
    unexplained = sum(d.unexplained for d in made.differences)
    lines = [
        text("diff_head", lang, a=made.a, b=made.b, same=len(made.same), differ=len(made.differences), unexplained=unexplained)
    ]
    for kind, found in _groups(made):
        lines += ["", text("diff_kind", lang, kind=text(f"kind_{kind}", lang), same=same.get(kind, 0), differ=len(found))]
        for difference in found:
            mark = f"   ! {text('diff_unexplained', lang)}" if difference.unexplained else ""
            lines.append(f"  {difference.key}{mark}")
            for title, fact in ((made.a, difference.a), (made.b, difference.b)):
                lines.append(f"    {title}: {_fact(fact, lang)}")
    return lines


def _fact(fact: Fact | None, lang: str) -> str:
    from pipelines.cli.common import text

    if fact is None:
        return "-"
    where = f"  [{text('specific' if fact.specific else 'generic', lang)}{f': {fact.file}:{fact.line}' if fact.line else ''}]"
    by = "  " + ": ".join(filter(None, (fact.owner, fact.reason))) if fact.owner or fact.reason else ""
    return f"{fact.value}{where}{by}"


def _page(made: Comparison, lang: str) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from pipelines.cli import common

    environment = Environment(loader=PackageLoader("pipelines.compare", "."), autoescape=True, undefined=StrictUndefined)
    unexplained = sum(d.unexplained for d in made.differences)

    def said(key: str, **values: object) -> str:
        return common.text(key, lang, **values)

    return environment.get_template("page.html.j2").render(
        c=made, groups=_groups(made), lang=lang, t=said, unexplained=unexplained
    )
