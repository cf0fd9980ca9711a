"""Which status stands where several apply (rule 5): the one home of the order, for what runs in SQL and in Python.

``flagged`` is known inside only: a row came and the register of faults refuses it; it is published as ``invalid``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# Of several rows or sources for one thing the first that applies counts.
FIRST = ("ok", "flagged", "invalid", "outage", "suppressed", "missing")
KNOWN = ("ok", "suppressed")
# Several things that make one number (inputs of a card, places, cells) are ok only where all are; else the same order, so that
# what is withheld says so before what is missing (decision 0008).
TOGETHER = (*FIRST[1:], FIRST[0])


def together(statuses: Iterable[str]) -> str:
    """The status of one number made of several things."""
    return min(statuses, key=TOGETHER.index)


def together_sql(columns: Sequence[str]) -> str:
    """:func:`together` of columns of a row."""
    whens = " ".join(f"WHEN '{status}' IN ({', '.join(columns)}) THEN '{status}'" for status in TOGETHER[:-1])
    return f"CASE {whens} ELSE '{TOGETHER[-1]}' END" if len(columns) > 1 else columns[0]


def aggregate_sql(when_all_ok: str = "ok") -> str:
    """:func:`together` of the column ``status`` over the rows of a group."""
    whens = " ".join(f"WHEN bool_or(status = '{status}') THEN '{status}'" for status in TOGETHER[:-1])
    return f"CASE {whens} ELSE '{when_all_ok}' END"


def first_sql(column: str) -> str:
    """A number to order by, so that the status that counts comes first."""
    return f"list_position({list(FIRST)}, {column})"
