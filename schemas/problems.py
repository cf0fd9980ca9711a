"""What went wrong in a file a person wrote, said so that the person can mend it.

A :class:`Problem` names file, line, key, what is wrong and what to do. Nothing in the house raises a bare
message about config or cards: it raises :class:`Problems`, which holds them all at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake in a config file or card. ``line`` counts from 1; 0 means the file as a whole."""

    file: str
    line: int
    key: str
    what: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        return f"{place}:{key} {self.what}. {self.fix}".rstrip()


@dataclass(frozen=True)
class Outside(Problem):
    """Not a slip but a use that no review covers: the gate refuses it (rule 23). ``fix`` says what a review would have to decide."""


class Problems(Exception):
    """All mistakes found in one reading; never empty."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = list(problems)
        super().__init__("\n".join(str(p) for p in self.problems))

    @property
    def refused(self) -> bool:
        """Whether nothing is wrong but the use itself."""
        return all(isinstance(p, Outside) for p in self.problems)
