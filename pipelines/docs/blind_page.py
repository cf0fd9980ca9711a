"""The page "what a town cannot see": for the municipalities of a config folder, in each language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from indicators.grammar import Card
from pipelines import blind
from pipelines.blind import Row
from pipelines.docs import markdown
from pipelines.docs.markdown import code, table
from pipelines.docs.say import LANGUAGES, say
from schemas.config import Config, load, municipalities

FOLDER = "docs/reference"


def files(config_dir: Path, cards: Mapping[str, Card]) -> dict[str, str]:
    """The page in each language, with a section for each municipality. Raises :class:`schemas.problems.Problems`."""
    towns = [load(config_dir, slug) for slug in municipalities(config_dir)]
    told = [(town, blind.spots(town, cards)) for town in towns]
    return {f"{FOLDER}/blind.{lang}.md": page(told, lang) for lang in LANGUAGES}


def page(told: Sequence[tuple[Config, list[Row]]], lang: str) -> str:
    """The page for these municipalities."""
    other = next(one for one in LANGUAGES if one != lang)
    head = f"# {say('blind', lang)}\n\n{say('other_language', lang, file=f'blind.{other}.md')}\n\n{say('blind_note', lang)}\n\n"
    return markdown.MADE + head + "".join(section(config, rows, lang) for config, rows in told)


def section(config: Config, rows: list[Row], lang: str) -> str:
    """What one municipality cannot see, by kind."""
    town = config.municipality
    said = f"## {getattr(town.name, lang)} (`{town.municipality}`)\n\n"
    if not rows:
        return f"{said}{say('blind_none', lang)}\n\n"
    lines: list[list[str | None]] = []
    for kind, group in groupby(rows, key=lambda r: str(r["blind_spot"])):
        told = [_line(config, row, lang) for row in group]
        title = f"**{say(f'blind_{kind}', lang)}** ({len(told)})"
        lines += [[title if number == 0 else None, *line] for number, line in enumerate(told)]
    return said + table([say(f"col_{name}", lang) for name in ("blind", "what", "where", "valid")], lines)


def _line(config: Config, row: Row, lang: str) -> list[str | None]:
    since = row["valid_from"] and f"{row['valid_from'].astimezone(config.tz):%Y-%m-%d}"
    return [row[f"explanation_{lang}"], code(f"{row['file']}:{row['line']}"), since]
