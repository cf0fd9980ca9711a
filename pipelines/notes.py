"""What a person must know of what a run goes by, in Dutch and English."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """``kind`` is the key of its text."""

    kind: str
    nl: str
    en: str
