"""Judge stored values again by other edges, with the very text that judged them first (:mod:`indicators.evaluate`).

A stored row holds what the formula gave and why there was no value, so that cells need not be read and computed again. Where
it does not tell whether a condition of the card held, the row is *open*: it has to be computed from its inputs. That is so

- for a withheld value or a range that is not calm, of a card with conditions: they may hold at one end only;
- where a band is reached that a condition over the inputs turns on at once, or is not calm where one may cap it.
"""

from __future__ import annotations

from functools import cached_property

from indicators.evaluate import ENDS, LEVEL, _Writer
from indicators.grammar import Card
from schemas.settings import BANDS

KEPT = ("place", "source", "interval_start", "interval_end", "value", "coverage", "confidence", "config_hash", "level_before")


def numbers(card: Card) -> tuple[str, ...]:
    """Numbers of the settings that the text of :func:`sql` reads beside the edges."""
    return tuple(sorted(_Rejudging(card).cap_names & {*card.attributes, *card.parameters}))


def may_be_open(card: Card) -> bool:
    """Whether there are values of the card that the stored row does not tell how to judge."""
    return bool(_Rejudging(card).stirs)


def sql(card: Card, rows: str) -> str:
    """The SELECT over ``rows``: ``KEPT``, value_low, value_high, status, reason and interval_minutes of stored values, the edges
    ``<band>_enter`` and ``<band>_exit`` to judge by, :func:`numbers`, and other_value: the settings give another value.

    Gives ``KEPT``, status, level, reason, judged (see :mod:`indicators.judged`) and is_open; what is said of an open row does not count.
    """  # fmt: skip
    writer = _Rejudging(card)
    return f"""WITH met AS (SELECT *, {writer.met} FROM (SELECT {writer.cell} FROM {rows})),
reach AS (SELECT *, {writer.reach} FROM met),
ranked AS (SELECT *, {writer.ranked} FROM reach)
SELECT {", ".join(KEPT)}, input_status AS status, {LEVEL} AS level, CASE {writer.reason} END AS reason, ({writer.judged})::SMALLINT AS judged,
    {writer.open} AS is_open
FROM ranked"""


class _Rejudging(_Writer):
    """The parts of the text that differ from those of the first judgement: conditions are read from the stored row."""

    @cached_property
    def cap_names(self) -> frozenset[str]:
        """Names that the caps read."""
        found = (e.names for path, e in self.expressions.items() if path[0] == "caps")
        return frozenset().union(*found)

    def _told(self, index: int) -> bool:
        """Whether the settings and the value tell whether a cap holds."""
        known = {*self.card.attributes, *self.card.parameters, "interval_minutes", "value"} - set(self.card.optional)
        return set(self.expressions["caps", index, "when"].names) <= known

    @cached_property
    def cell(self) -> str:
        edges = [f"{band}_{edge}" for band in BANDS for edge in ("enter", "exit")]
        settings = [f"{name}::DOUBLE AS {name}" for name in sorted({*numbers(self.card), "interval_minutes"})]
        return ", ".join(
            [
                *KEPT,
                "other_value",
                "value_low",
                "value_high",
                "status AS input_status",
                "reason AS stored_reason",
                *settings,
                *edges,
            ]
        )

    @cached_property
    def met(self) -> str:
        lines = [
            "CASE WHEN value_low IS NULL AND input_status <> 'not_applicable' THEN coalesce(stored_reason, 'undefined') END AS obstacle"
        ]
        for end in ENDS:
            if self.card.applies_when:
                lines.append(f"input_status <> 'not_applicable' AS applies_{end}")
            for name, condition in zip(self._material, self.card.material, strict=True):
                lines.append(f"stored_reason IS DISTINCT FROM '{condition.reason}' AS {name}_{end}")
            for index in range(len(self.card.caps)):
                holds = f"({self.at(('caps', index, 'when'), end)}) IS TRUE" if self._told(index) else "FALSE"
                lines.append(f"{holds} AS capped_{index}_{end}")
        return ",\n        ".join(lines)

    @property
    def measured(self) -> str:
        return "value IS NOT NULL"

    def _at_once(self, band: str, end: str) -> str:
        del band, end
        return "FALSE"  # where it could be otherwise the row is open

    @cached_property
    def stirs(self) -> list[str]:
        """Conditions of which one must hold for the stored row not to tell how it is to be judged.

        Conditions of a card only take levels away: a row that is calm when all of them hold is calm anyhow.
        """
        untold = [cap.at for index, cap in enumerate(self.card.caps) if not self._told(index)]
        found = []
        for number, band in enumerate(BANDS):
            stirs = f"{band}_enter IS NOT NULL AND NOT (calm_{band}_low AND calm_{band}_high)"
            if any(at not in BANDS[number:] for at in untold):
                found.append(f"({stirs})")
            elif self.card.applies_when or self.card.material:
                found.append(f"(value IS NULL AND {stirs})")
            if any(band in bands and bands[band].at_once for bands in self.card.bands.values()):
                found += [f"reach_{band}_{end}" for end in ENDS]
        return found

    @cached_property
    def open(self) -> str:
        """Condition: the value is another, or the stored row does not tell how it is to be judged."""
        return f"other_value OR obstacle IS NULL AND NOT not_applicable AND ({' OR '.join(self.stirs) or 'FALSE'})"
