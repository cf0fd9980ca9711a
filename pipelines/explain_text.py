"""An explanation: what it holds, and how it reads, as one sentence with the numbers and as lines of text."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from indicators.card import Card
from schemas import words
from schemas.config import Config
from schemas.settings import BANDS


@dataclass
class Row:
    """One observation behind a value, and where it stands in the supplier's file. ``value`` is text: "<15" when withheld."""

    source: str
    interval_start: datetime
    measure: str
    value: str
    status: str
    delivery: str | None
    file_row: int | None
    file_check: str


@dataclass
class Explanation:
    """Everything behind one value of an indicator; ``agrees`` says whether recomputing gave the stored row."""

    situation: dict[str, Any] | None
    value: dict[str, Any]
    sentence: dict[str, str]
    formula: str
    settings: dict[str, Any]
    inputs: dict[str, Any]
    thresholds: dict[str, Any]
    threshold_source: str
    rows: list[Row]
    baseline: list[dict[str, Any]]
    path: list[dict[str, Any]]
    recomputed: dict[str, Any]
    agrees: bool
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def sentence(config: Config, card: Card, value: dict[str, Any], inputs: dict[str, Any]) -> dict[str, str]:
    """Place, value, unit and level in words."""
    name = next((r.place.name for r in config.rows_of(value["place"])), value["place"])
    clock = value["interval_start"].astimezone(config.tz)
    given = ", ".join(f"{n} = {'?' if v is None else v}" for n, v in inputs.items())
    said = {}
    for lang in ("nl", "en"):
        level = words.word("level", value["level"], lang)
        number = (
            f"{value['value']:.{card.digits}f}{'' if card.unit == '-' else ' ' + card.unit}"
            if value["value"] is not None
            else words.word("status", value["status"], lang)
        )
        why = f" ({words.word('reason', value['reason'], lang)})" if value["reason"] else ""
        title = getattr(card.title, lang)
        said[lang] = f"{name}, {clock:%Y-%m-%d %H:%M}: {title} {number}, {level}{why}. {given}."
    return said


def lines(explanation: Explanation, config: Config, lang: str) -> list[str]:
    """The explanation as text."""
    nl = lang == "nl"
    out = []
    if explanation.situation:
        situation = explanation.situation
        out += [f"{situation['situation_id']}: {words.word('safety_risk', situation['safety_risk'], lang)}, "
                f"{words.word('level', situation['peak_level'], lang)}", f"  {situation[f'explanation_{lang}']}", ""]  # fmt: skip
    out += [
        explanation.sentence[lang],
        "",
        "formule:" if nl else "formula:",
        *(f"  {line}" for line in explanation.formula.splitlines()),
    ]
    out += ["waarden:" if nl else "values:", *(f"  {n} = {v}" for n, v in (explanation.inputs | explanation.settings).items())]
    if explanation.baseline:
        out.append("basislijn:" if nl else "baseline:")
        out += [f"  {words.word('day_type', b['day_type'], lang)}: " + ", ".join(f"{n} {v:g}" for n, v in b.items() if isinstance(v, int | float))
                for b in explanation.baseline]  # fmt: skip
    out.append("drempels:" if nl else "thresholds:")
    for name in (b for b in BANDS if b in explanation.thresholds):
        band = explanation.thresholds[name]
        out.append(f"  {words.word('level', name, lang)}: {band['enter']:g} ({'uit' if nl else 'exit'} {band['exit']:g}, "
                   f"{band['for_minutes']:g} min / {band['keep_for_minutes']:g} min), {band['layer']}: {band['file']}:{band['line']}")  # fmt: skip
    out.append("rijen:" if nl else "rows:")
    for row in explanation.rows:
        where = f"{row.delivery}:{row.file_row}" if row.delivery and row.file_row else row.delivery or "-"
        clock = row.interval_start.astimezone(config.tz)
        out.append(
            f"  {clock:%H:%M} {row.measure} = {row.value or '-'} [{words.word('status', row.status, lang)}] {where} ({row.file_check})"
        )
    out.append("pad:" if nl else "path:")
    for slot in explanation.path:
        clock = slot["interval_start"].astimezone(config.tz)
        number = "-" if slot["value"] is None else format(slot["value"], "g")
        why = f" ({words.word('reason', slot['reason'], lang)})" if slot["reason"] else ""
        out.append(f"  {clock:%d-%m %H:%M} {number} {words.word('level', slot['level'], lang)}{why}")
    out += explanation.notes
    verdict = ("herberekend: gelijk", "herberekend: NIET gelijk") if nl else ("recomputed: agrees", "recomputed: does NOT agree")
    return [*out, "", verdict[0] if explanation.agrees else verdict[1]]
