"""Words, numbers and moments of an explanation in one language, on one local clock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.explain.found import Explanation
from schemas import words, yamlfile

DASH = "–"


@cache
def _texts() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/explain/texts.yaml").data
    return found


class Say:
    """Everything of an explanation that depends on language and clock."""

    def __init__(self, lang: str, zone: ZoneInfo):
        self.lang, self.zone = lang, zone

    def text(self, key: str, **values: object) -> str:
        """A text of ``texts.yaml``, filled in."""
        return _texts()[key][self.lang].format(**values)

    def word(self, group: str, code: str) -> str:
        """The word for a code."""
        return words.word(group, code, self.lang)

    def number(self, value: Any, digits: int | None = None) -> str:
        """A number with the decimal mark of the language; a dash when there is none."""
        if value is None:
            return DASH
        text = f"{float(value):.{6 if digits is None else digits}f}"
        text = text.rstrip("0").rstrip(".") if digits is None else text
        return text.replace(".", ",") if self.lang == "nl" else text

    def share(self, value: float | None) -> str:
        """A share as a percentage, never rounded up to whole: 99.96 % is not 100 %."""
        if value is None:
            return DASH
        percent = self.number(int(value * 1000 + 1e-9) / 10)
        return f"{percent} %" if self.lang == "nl" else f"{percent}%"

    def moment(self, value: datetime | date | None) -> str:
        """A moment on the local clock, to the minute."""
        if value is None:
            return DASH
        return f"{value.astimezone(self.zone):%Y-%m-%d %H:%M}" if isinstance(value, datetime) else value.isoformat()

    def clock(self, value: datetime) -> str:
        """Day and time on the local clock, short."""
        return f"{value.astimezone(self.zone):%d-%m %H:%M}"

    def hour(self, value: datetime) -> str:
        """Time on the local clock."""
        return f"{value.astimezone(self.zone):%H:%M}"

    def because(self, status: str, reason: str | None) -> str:
        """The reason in parentheses, where it says more than the status."""
        return f" ({self.word('reason', reason)})" if reason and reason != status else ""

    def amount(self, row: dict[str, Any], k: int, digits: int | None, unit: str) -> str:
        """The value of a row of ``indicator_values``, or in words why there is none."""
        if row["value"] is not None:
            return self.number(row["value"], digits) + unit
        if row["status"] == "suppressed":
            return words.word("situation_note", "withheld", self.lang).format(k=k)
        return self.word("status", row["status"])


def indent(texts: Iterable[str], depth: int = 1) -> list[str]:
    """Lines moved in by two spaces a step."""
    return ["  " * depth + text for text in texts]


def unit_of(found: Explanation) -> str:
    """The unit with a space before it; nothing for ratios."""
    unit = found.card["unit"]
    return "" if unit in ("-", "ratio") else f" {unit}"
