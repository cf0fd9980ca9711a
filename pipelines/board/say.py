"""The board's voice: texts, codes, numbers and moments in one language."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from schemas import words, yamlfile

LANGUAGES = ("nl", "en")
#: Non-breaking space: a number stays with its unit.
NBSP = "\u00a0"


@cache
def texts() -> dict[str, dict[str, str]]:
    """All texts of the board by key, then language."""
    return yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/board/texts.yaml").data  # type: ignore[no-any-return]


class Voice:
    """Says things in ``lang``. Raises KeyError for a text that the dictionary does not hold."""

    def __init__(self, lang: str):
        self.lang = lang

    def text(self, key: str, **parts: object) -> str:
        """The text of ``key`` with its parts filled in."""
        return texts()[key][self.lang].format(**parts)

    def has(self, key: str) -> bool:
        """Whether the dictionary holds ``key``."""
        return key in texts()

    def code(self, group: str, code: str | None) -> str:
        """The word for a code; a code of a later release is shown as it stands, because a board must not fail on it."""
        if code is None:
            return ""
        return words.word(group, code, self.lang) if code in words.codes(group) else code

    def letter(self, level: str) -> str:
        """One letter for a level."""
        return self.text(f"letter_{level}")

    def number(self, value: float | None, digits: int | None = None) -> str:
        """A number as written in this language. ``digits`` None leaves out trailing zeros."""
        if value is None:
            return "–"
        plain = f"{value:,.{digits}f}" if digits is not None else f"{value:,.6f}".rstrip("0").rstrip(".")
        return plain.translate(str.maketrans(",.", ".,")) if self.lang == "nl" else plain

    def percent(self, share: float | None) -> str:
        """A share (0–1) in whole per cent, rounded down so that 99.6 % never reads as complete."""
        return "–" if share is None else f"{int(share * 100 + 1e-9)}{NBSP}%"

    def duration(self, minutes: float | None) -> str:
        """Minutes as ``45 min``, ``1 h 30 min`` or ``2 d 3 h``; a negative length is none."""
        if minutes is None:
            return "–"
        whole = max(0, int(minutes))
        hours, rest = divmod(whole, 60)
        if hours >= 48:
            said = self.text("days", d=hours // 24, h=hours % 24)
        elif hours:
            said = self.text("hours", h=hours, m=rest) if rest else self.text("whole_hours", h=hours)
        else:
            said = self.text("minutes", m=rest)
        return said.replace(" ", NBSP)


class Clock:
    """Local wall-clock words around the moment ``at``; another day than that of ``at`` is named."""

    def __init__(self, zone: ZoneInfo, at: datetime, voice: Voice):
        self.zone, self.at, self._voice = zone, at.astimezone(zone), voice

    def time(self, moment: datetime | None) -> str:
        """``21:15``, with weekday or date when it is another day."""
        if moment is None:
            return "–"
        local = moment.astimezone(self.zone)
        away = (self.at.date() - local.date()).days
        if away == 0:
            return f"{local:%H:%M}"
        day = self._weekday(local) if 0 < away < 7 else self._date(local)
        return f"{day} {local:%H:%M}".replace(" ", NBSP)

    def full(self, moment: datetime) -> str:
        """``Sat 20 Sep 2025 22:15``."""
        local = moment.astimezone(self.zone)
        return f"{self._weekday(local)} {self._date(local)} {local.year} {local:%H:%M}".replace(" ", NBSP)

    def _weekday(self, local: datetime) -> str:
        return self._voice.text("weekdays").split()[local.weekday()]

    def _date(self, local: datetime) -> str:
        return f"{local.day} {self._voice.text('months').split()[local.month - 1]}"
