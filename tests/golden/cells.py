"""Compare two tellings cell by cell."""

from __future__ import annotations

Cells = dict[tuple[str, str, str], str]  # (section, row, column) → cell


def cells(text: str) -> Cells:
    """The cells of a telling. Rows are named by their first columns (place, indicator and what; or a number), carried down."""
    found: Cells = {}
    for part in text.split("\n## ")[1:]:
        title, *lines = part.rstrip("\n").split("\n")
        header, *body = [line.split(" | ") for line in lines if " | " in line] or [[]]
        columns = [column.strip() for column in header]
        named = 3 if title.startswith("levels") else 2 if title.startswith("sentences") else 1
        above = [""] * named
        for line in body:
            row = line + [""] * (len(columns) - len(line))  # empty cells at the end of a line were trimmed away
            above = [own.strip() or before for own, before in zip(row, above, strict=False)]
            for column, cell in zip(columns[named:], row[named:], strict=True):
                found[title, " ".join(above), column] = cell.rstrip()  # a space in front may be a slot without a row
    return found


def differences(expected: str, actual: str) -> list[str]:
    """One line a cell that differs, or a whole table that came or went; empty when the tellings are the same."""
    old, new = cells(expected), cells(actual)
    sections = [dict.fromkeys(key[0] for key in side) for side in (old, new)]
    found = [f"{name}: the table is gone" for name in sections[0] if name not in sections[1]]
    found += [f"{name}: the table is new" for name in sections[1] if name not in sections[0]]
    for key in dict.fromkeys([*old, *new]):
        section, row, column = key
        if old.get(key) != new.get(key) and all(section in side for side in sections):
            found.append(f"{section} › {row} › {column}: expected {_shown(old, key)}, is {_shown(new, key)}")
    if not found and expected != actual:
        found.append("the layout or the head of the text differs, no cell does")
    return found


def _shown(table: Cells, key: tuple[str, str, str]) -> str:
    return f"`{table[key]}`" if key in table else "nothing there"
