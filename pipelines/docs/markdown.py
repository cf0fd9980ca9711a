"""Markdown for the generated pages: tables that hold any text, and the line that says where a page comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MADE = "<!-- made by `drukte docs` from the cards and contracts; change those, not this page -->\n\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; None is an empty cell. Empty text when there are no rows."""
    found = [[cell(value) for value in row] for row in rows]
    if not found:
        return ""
    lines = [list(head), ["---"] * len(head), *found]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def cell(value: object) -> str:
    """A text that stays in its cell: no line breaks, no bars."""
    return "" if value is None else " ".join(str(value).split()).replace("|", "\\|")


def code(text: str) -> str:
    """A name or expression in fixed width."""
    return f"`{text}`"


def one_line(text: str) -> str:
    """A folded text on one line."""
    return " ".join(text.split())


def bullets(items: Iterable[str]) -> str:
    """A list; empty text when there is nothing in it."""
    found = "".join(f"- {one_line(item)}\n" for item in items)
    return f"{found}\n" if found else ""
