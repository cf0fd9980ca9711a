"""Files made from the cards, contracts and settings: reference pages with drawings, and JSON Schemas for editors.

One module a kind of page, each with ``files()``: path below the repository → content, the same bytes every time. A new kind
of page is a module and a line in :func:`files`. ``drukte docs`` writes them, ``--check`` compares.
"""

from __future__ import annotations

from pathlib import Path

from indicators import kpi
from pipelines import start
from pipelines.docs import blind_page, catalogue_page, dictionary, editor_schemas, indicator_page, kpi_page, lineage, sample_towns

ROOT = Path(__file__).resolve().parents[2]
#: Where nothing but generated files stands: one that is no longer made is taken away.
ONLY_GENERATED = "docs/reference"


def files(root: Path = ROOT) -> dict[str, str]:
    """All generated files, by path below ``root``; the config folder of ``root`` is read for its municipalities."""
    cards = start.cards(root / "config")
    parts = [
        *(indicator_page.files(card) for card in cards.values()),
        catalogue_page.files(cards),
        lineage.files(cards),
        kpi_page.files(kpi.catalogue()),
        dictionary.files(),
        blind_page.files(root / "config", cards),
        sample_towns.files(root / "config", cards),
        editor_schemas.files(),
    ]
    return {name: text for part in parts for name, text in part.items()}


def stale(made: dict[str, str], root: Path = ROOT) -> list[str]:
    """Those that are missing or differ under ``root``, and those that stand there and are no longer made."""
    differing = [name for name, text in made.items() if _text(root / name) != text]
    there = (path.relative_to(root).as_posix() for path in sorted((root / ONLY_GENERATED).rglob("*")) if path.is_file())
    return differing + [name for name in there if name not in made]


def write(root: Path = ROOT) -> list[str]:
    """Write what is stale, remove what is no longer made; returns the names."""
    made = files(root)
    changed = stale(made, root)
    for name in changed:
        path = root / name
        if name in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
