"""The situation board: one self-contained HTML page made from a published file."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from pipelines.board import page, queries
from pipelines.board.say import LANGUAGES
from pipelines.published import connect
from schemas.problems import Problem, Problems

#: Length of the strips, in hours before the moment of publication.
STRIP_HOURS = 8


def write(published: Path, out: Path, *, lang: str = "nl", at: datetime, municipality: str | None = None) -> Path:
    """Write the board of ``published`` (an ``indicators.duckdb``) as seen at ``at`` to the file ``out``; returns ``out``.

    Without ``municipality`` the board shows all municipalities of the file. The page replaces an earlier one in one
    stroke. Raises :class:`Problems` for a language or municipality that is not there, ValueError for an ``at`` without
    time zone.
    """
    if at.tzinfo is None:
        raise ValueError("`at` has no time zone")
    if lang not in LANGUAGES:
        what = f"`{lang}` is not a language of the board"
        raise Problems([Problem("board", 0, "lang", what, f"Use {' or '.join(LANGUAGES)}.")])
    con = connect(published)
    try:
        scope = queries.Scope(_chosen(queries.municipalities(con), municipality, published), page.begin_of(at, STRIP_HOURS), at)
        html = page.render(queries.read(con, scope), scope, lang, published.name)
    finally:
        con.close()
    return _replace(out, html)


def _chosen(known: list[str], wanted: str | None, published: Path) -> tuple[str, ...]:
    if wanted is None and known:
        return tuple(known)
    if wanted in known:
        return (str(wanted),)
    what = f"municipality `{wanted}` is not in this file" if wanted else "this file holds no municipality"
    fix = f"It holds {', '.join(known)}." if known else "Run `drukte run` first."
    raise Problems([Problem(published.name, 0, "municipality", what, fix)])


def _replace(out: Path, html: str) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".{out.name}.{os.getpid()}")
    aside.write_text(html, encoding="utf-8")
    aside.replace(out)
    return out
