"""The situation board: one self-contained HTML page made from a published file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pipelines.board import around, page, queries
from pipelines.board.say import LANGUAGES, Voice
from pipelines.published import connect
from schemas.problems import Problem, Problems

#: Length of the strips, in hours before the moment of publication.
STRIP_HOURS = 8


def write(
    published: Path, out: Path, *, lang: str = "nl", at: datetime, municipality: str | None = None, look: page.Look | None = None
) -> Path:
    """Write the board of ``published`` (an ``indicators.duckdb``) as seen at ``at`` to the file ``out``; returns ``out``.

    Without ``municipality`` the board shows all municipalities of the file. The page replaces an earlier one in one
    stroke. Raises :class:`Problems` for a language or municipality that is not there, ValueError for an ``at`` without
    time zone.
    """
    return _replace(out, html(published, lang=lang, at=at, municipality=municipality, look=look))


def write_both(published: Path, out: Path, *, lang: str = "nl", at: datetime, municipality: str | None = None,
               played: Mapping[str, str] | None = None
) -> list[Path]:  # fmt: skip
    """Write the board in ``lang`` to ``out`` and in the other language beside it, each with a link to the other.

    ``board/index.html`` and ``board/index.en.html``, say. ``played``: what is said of a replayed evening, by language. Returns what was written.
    """
    _language(lang)
    other = next(name for name in LANGUAGES if name != lang)
    beside = out.with_name(f"{out.stem}.{other}{out.suffix}")
    pages = ((lang, out, beside.name), (other, beside, out.name))
    return [
        write(
            published,
            path,
            lang=tongue,
            at=at,
            municipality=municipality,
            look=page.Look(sibling=sibling, played=(played or {}).get(tongue)),
        )
        for tongue, path, sibling in pages
    ]


def keep(published: Path, at: datetime) -> str | None:
    """Draw ``board/index.html`` and ``board/index.en.html`` beside a published file; says what went wrong, None when nothing did.

    A run is done once it has published: a board that cannot be drawn does not make it fail. The last one stays and tells its age.
    """
    try:
        write_both(published, published.parent / "board" / "index.html", at=at)
    except Exception as error:
        return f"The board could not be drawn, the last one stays: {type(error).__name__}: {error}"
    return None


def played(lang: str, title: str, speed: float | None) -> str:
    """What a board says that shows a replayed evening: that it is no live picture."""
    voice = Voice(lang)
    parts = [voice.text("played"), title, voice.text("played_speed", n=voice.number(speed)) if speed else ""]
    return " · ".join(part for part in parts if part)


def html(published: Path, *, lang: str, at: datetime, municipality: str | None = None, look: page.Look | None = None) -> str:
    """The page as text; see :func:`write`."""
    if at.tzinfo is None:
        raise ValueError("`at` has no time zone")
    _language(lang)
    con = connect(published)
    try:
        scope = queries.Scope(_chosen(queries.municipalities(con), municipality, published), page.begin_of(at, STRIP_HOURS), at)
        return page.render(queries.read(con, scope), around.read(con, scope), scope, lang, published.name, look)
    finally:
        con.close()


def _language(lang: str) -> None:
    if lang not in LANGUAGES:
        what = f"`{lang}` is not a language of the board"
        raise Problems([Problem("board", 0, "lang", what, f"Use {' or '.join(LANGUAGES)}.")])


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
