"""From a card to one SELECT: the same text for a tick, a backfill, a worked example and ``explain``.

The text is written for people too. Names that depend on an input stand twice, ``…_low`` and ``…_high``: the least and
the most the value can be. For a measured count both are equal; for a withheld one (rule 8) they are its bounds, and
what both ends agree on is known. A condition that may or may not hold then holds at the end nearer to danger only.

cell → term (``let`` and formula) → met (rounded; conditions) → checked (is there a value?) → reach (bands) → the row
"""

from __future__ import annotations

from functools import cached_property
from itertools import product

from sqlglot import exp

from indicators import card_check, formula, judged
from indicators.grammar import Card
from schemas.settings import BANDS
from schemas.yamlfile import Path_

ENDS = ("low", "high")
PASSED_THROUGH = (
    "municipality", "place", "place_kind", "source", "interval_start", "interval_end", "local_date", "local_time", "coverage",
    "confidence", "threshold_source", "config_hash",
)  # fmt: skip
LEVEL = "CASE WHEN obstacle IS NOT NULL OR level_low <> level_high THEN 'unknown' ELSE level_low END"


def columns(card: Card) -> dict[str, str]:
    """Columns ``cells`` must have for this card, with their DuckDB types (more are allowed and not read)."""
    passed = dict.fromkeys(PASSED_THROUGH, "VARCHAR")
    passed |= {"interval_start": "TIMESTAMPTZ", "interval_end": "TIMESTAMPTZ", "local_date": "DATE", "local_time": "TIME",
               "coverage": "DOUBLE", "confidence": "DOUBLE", "status": "VARCHAR", "interval_minutes": "INTEGER"}  # fmt: skip
    numbers = {f"{name}_{end}": "DECIMAL(18,6)" for name in card.inputs for end in ENDS}
    others = (*card.attributes, *card.parameters, *card.baseline, *(f"{b}_{edge}" for b in BANDS for edge in ("enter", "exit")))
    return passed | numbers | dict.fromkeys(others, "DOUBLE")


def sql(card: Card, cells: str = "cells") -> str:
    """The SELECT over ``cells``, a table name or a parenthesised query with :func:`columns`.

    Gives ``PASSED_THROUGH`` and indicator, raw_value (not rounded), value, value_low, value_high, unit, level, status,
    reason, judged (see :mod:`indicators.judged`) and definition_hash; one row for each row of ``cells``.
    """
    key = id(card), cells
    if key not in _KEPT:
        while len(_KEPT) >= _KEEP:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[key] = card, _sql(card, cells)  # with the card, so that its id cannot come to mean another
    return _KEPT[key][1]


_KEPT: dict[tuple[int, str], tuple[Card, str]] = {}
_KEEP = 128


def _sql(card: Card, cells: str) -> str:
    writer = _Writer(card)
    return f"""{_with(writer, cells)}
SELECT
    {", ".join(PASSED_THROUGH)},
    '{card.id}' AS indicator,
    CASE WHEN has_value AND measured THEN raw_low END AS raw_value,
    CASE WHEN has_value AND measured THEN ranked.value_low END AS value,
    CASE WHEN has_value THEN ranked.value_low END AS value_low,
    CASE WHEN has_value THEN ranked.value_high END AS value_high,
    '{card.unit}' AS unit,
    {LEVEL} AS level,
    CASE
        WHEN obstacle IS NOT NULL AND input_status = 'ok' THEN 'missing'
        WHEN not_applicable THEN 'not_applicable'
        ELSE input_status
    END AS status,
    CASE
        {writer.reason}
    END AS reason,
    ({writer.judged})::SMALLINT AS judged,
    '{card.definition_hash}' AS definition_hash
FROM ranked"""


def steps(card: Card, cells: str = "cells") -> str:
    """The WITH part of :func:`sql`: its last table ``ranked`` has every step between input and level as a column (explain)."""
    return _with(_Writer(card), cells)


def _with(writer: _Writer, cells: str) -> str:
    card = writer.card
    return f"""-- {card.id}, version {card.version}: {card.title.en}
WITH cell AS (
    -- what was counted, what is known of the place, and the edges in force
    SELECT
        {writer.cell}
    FROM {cells}
),
term AS (
    -- the formula of the card
    SELECT *,
        {writer.term}
    FROM cell
),
met AS (
    -- the value is rounded once, here: the number shown is the number judged; + 0.0 makes -0.0 plain 0
    -- does the card apply, does the value matter, which caps hold
    SELECT *,
        {writer.met}
    FROM term
),
checked AS (
    -- why there is no value; NULL when there is one
    SELECT *,
        CASE
            {writer.obstacle}
        END AS obstacle
    FROM met
),
reach AS (
    -- per band: at or beyond enter, strictly inside exit, turned on at once
    SELECT *,
        {writer.reach}
    FROM checked
),
ranked AS (
    SELECT *,
        {writer.ranked}
    FROM reach
)"""


class _Writer:
    """The parts of the text that depend on the card."""

    def __init__(self, card: Card):
        self.card = card
        found = {path: formula.parse_expression(text, names, kind) for path, text, kind, names in card_check.expressions(card)}
        self.expressions = found
        self.varying = {*card.inputs, card_check.VALUE}  # names that differ between the two ends
        for name in card.let:
            if found["let", name].names & self.varying:
                self.varying.add(name)

    def at(self, path: Path_, end: str) -> str:
        """The expression at ``path`` as it stands at one end of what the value can be."""
        other = {"low": "high", "high": "low"}
        ends = {name: f"{name}_{end}" for name in self.varying}
        ends |= {name: f"{name}_{other[end]}" for name, given in self.card.inputs.items() if given.monotone == "down"}
        return formula.render(self.expressions[path].tree, ends, self.maybe_unknown)

    def _everywhere(self, path: Path_) -> list[str]:
        """The condition at ``path`` for every combination of ends of what it reads, each text once.

        The value need not go the way of the condition: of two counts the sum may be large where the ratio is small. So at
        the two ends of the value alone a condition could seem settled that is not.
        """
        tree, names = self._inlined[path], {column.name for column in self._inlined[path].find_all(exp.Column)}
        reads = [name for name in (*self.card.inputs, card_check.VALUE) if name in names]
        if len(reads) < 2 or len(self.card.inputs) == 1:
            return list(dict.fromkeys(self.at(path, end) for end in ENDS))
        choices = [dict(zip(reads, ends, strict=True)) for ends in product(ENDS, repeat=len(reads))]
        ends = [{name: f"{name}_{end}" for name, end in choice.items()} for choice in choices]
        return [formula.render(tree, names, self.card.optional) for names in ends]

    @cached_property
    def _inlined(self) -> dict[Path_, exp.Expr]:
        """Expressions with the ``let`` names written out."""
        found: dict[Path_, exp.Expr] = {}
        for path, expression in self.expressions.items():
            lets = {str(p[1]): tree for p, tree in found.items() if p[0] == "let"}
            found[path] = formula.written_out(expression.tree, lets)
        return found

    def _surely(self, path: Path_) -> str:
        return " AND ".join(f"({text})" for text in self._everywhere(path))

    def _perhaps(self, path: Path_) -> str:
        return " OR ".join(f"({text})" for text in self._everywhere(path))

    def _worse(self, end: str) -> bool:
        """Whether this is the end of the value nearer to danger."""
        return end == ("high" if self.card.direction == "up" else "low")

    @cached_property
    def maybe_unknown(self) -> set[str]:
        """Optional names, and the ``let`` names made with them."""
        found = set(self.card.optional)
        for name in self.card.let:
            if self.expressions["let", name].names & found:
                found.add(name)
        return found

    @cached_property
    def cell(self) -> str:
        counts = [f"{name}_{end}::DOUBLE AS {name}_{end}" for name in self.card.inputs for end in ENDS]
        numbers = (*self.card.attributes, *self.card.parameters, *self.card.baseline, "interval_minutes")
        edges = [f"{band}_{edge}" for band in BANDS for edge in ("enter", "exit")]
        return _list([", ".join(PASSED_THROUGH), "status AS input_status", *counts, *(f"{n}::DOUBLE AS {n}" for n in numbers),
                      ", ".join(edges)])  # fmt: skip

    @cached_property
    def term(self) -> str:
        lines = []
        for name in self.card.let:
            if name in self.varying:
                lines += [f"{self.at(('let', name), end)} AS {name}_{end}" for end in ENDS]
            else:
                lines.append(f"{self.at(('let', name), 'low')} AS {name}")
        return _list([*lines, *(f"({self.at(('formula',), end)})::DOUBLE AS raw_{end}" for end in ENDS)])

    @cached_property
    def obstacle(self) -> str:
        """Branches of a CASE, the first that holds counts; its result is the reason."""
        lines = ["WHEN input_status NOT IN ('ok', 'suppressed') THEN input_status",
                 f"WHEN (coverage >= {self.card.min_coverage}) IS NOT TRUE THEN 'coverage'"]  # fmt: skip
        for index, condition in enumerate(self.card.requires):
            lines.append(f"WHEN ({self._surely(('requires', index, 'that'))}) IS NOT TRUE THEN '{condition.reason}'")
        wanted = [name for name in self.card.inputs if name not in self.card.optional]
        unbounded = _any_null([f"{name}_{end}" for name in wanted for end in ENDS])
        lines.append(f"WHEN {unbounded} THEN CASE input_status WHEN 'suppressed' THEN 'suppressed' ELSE 'missing' END")
        if needed := self.needed:
            lines.append(f"WHEN {_any_null(needed)} THEN 'attribute_missing'")
        if self.card.applies_when:  # without a condition no value is needed, whatever it would be
            lines.append("WHEN NOT applies_low AND NOT applies_high THEN NULL")
        open_ends = [f"{n}_low <> {n}_high" for n, given in self.card.inputs.items() if given.monotone == "none"]
        if open_ends:  # the value goes neither way with this input: its bounds bound nothing
            lines.append(f"WHEN {' OR '.join(open_ends)} THEN 'undecided'")
        open_ = [f"{condition}_{end} IS NULL" for condition in self._needed_conditions for end in ENDS]
        lines.append(f"WHEN {' OR '.join(['(isfinite(raw_low) AND isfinite(raw_high)) IS NOT TRUE', *open_])} THEN 'undefined'")
        return "\n            ".join(lines)

    @cached_property
    def needed(self) -> list[str]:
        """Numbers of place, settings and baseline without which nothing can be said (``requires`` speaks for itself).

        Without this, greatest(NULL, 1) would be 1 and a comparison with NULL would count as calm.
        """
        used: set[str] = set()
        for path, expression in reversed(self.expressions.items()):
            if path[0] in ("formula", "applies_when", "material") or (path[0] == "let" and path[1] in used):
                used |= expression.names
        declared = (*self.card.attributes, *self.card.parameters, *self.card.baseline)
        return [name for name in declared if name in used and name not in self.card.optional]

    @property
    def _material(self) -> list[str]:
        return [f"material_{index}" for index in range(len(self.card.material))]

    @property
    def _needed_conditions(self) -> list[str]:
        """Without all of these no band can hold: the slot is calm."""
        return [*(["applies"] if self.card.applies_when else []), *self._material]

    @cached_property
    def met(self) -> str:
        lines = [f"round(raw_{end}, {self.card.digits}) + 0.0 AS value_{end}" for end in ENDS]
        for end in ENDS:
            holds, other = (self._perhaps, self._surely) if self._worse(end) else (self._surely, self._perhaps)
            if self.card.applies_when:
                lines.append(f"{holds(('applies_when',))} AS applies_{end}")
            lines += [f"{holds(('material', i, 'that'))} AS {name}_{end}" for i, name in enumerate(self._material)]
            lines += [f"({other(('caps', i, 'when'))}) IS TRUE AS capped_{i}_{end}" for i in range(len(self.card.caps))]
        return _list(lines)

    @cached_property
    def reach(self) -> str:
        lines = []
        for band in BANDS:
            for end in ENDS:
                can = self._can_hold(band, end)
                cannot = f"NOT ({' AND '.join(can)}) OR " if can else ""
                calm = f"(value_{end} {self._sign('<')} {band}_exit) IS TRUE"
                lines.append(f"{' AND '.join(['obstacle IS NULL', *can, self._beyond(band, end)])} AS reach_{band}_{end}")
                lines.append(f"obstacle IS NULL AND ({cannot}{calm}) AS calm_{band}_{end}")
                lines.append(f"{self._at_once(band, end)} AS once_{band}_{end}")
        return _list(lines)

    def _can_hold(self, band: str, end: str) -> list[str]:
        """Conditions without which the band cannot hold here: without one it is not reached, and calm."""
        caps = [f"NOT capped_{i}_{end}" for i, cap in enumerate(self.card.caps) if cap.at not in BANDS[BANDS.index(band) :]]
        return [*(f"{condition}_{end}" for condition in self._needed_conditions), *caps]

    def _at_once(self, band: str, end: str) -> str:
        for place_type, bands in self.card.bands.items():
            if band in bands and bands[band].at_once:
                return f"reach_{band}_{end} AND ({self._surely(('bands', place_type, band, 'at_once'))}) IS TRUE"
        return "FALSE"

    def _beyond(self, band: str, end: str) -> str:
        return f"(value_{end} {self._sign('>=')} {band}_enter) IS TRUE"

    def _sign(self, upward: str) -> str:
        return upward if self.card.direction == "up" else {">=": "<=", "<": ">"}[upward]

    @cached_property
    def ranked(self) -> str:
        def level(end: str) -> str:
            whens = " ".join(f"WHEN reach_{band}_{end} THEN '{band}'" for band in reversed(BANDS))
            return f"CASE {whens} ELSE 'normal' END AS level_{end}"

        applies = "obstacle IS NULL AND NOT applies_low AND NOT applies_high" if self.card.applies_when else "FALSE"
        return _list([*(level(end) for end in ENDS), f"{applies} AS not_applicable",
                      "obstacle IS NULL AND NOT not_applicable AS has_value",
                      f"{self.measured} AS measured"])  # fmt: skip

    @property
    def measured(self) -> str:
        """An observation may be a range although nothing is withheld: a class, a part that is not known."""
        return "input_status = 'ok' AND raw_low = raw_high"

    @cached_property
    def reason(self) -> str:
        """Branches of a CASE: why there is no value, else what is open, else what took a level away."""
        lines = [
            "WHEN obstacle IS NOT NULL THEN obstacle",
            "WHEN not_applicable THEN 'not_applicable'",
            "WHEN level_low <> level_high THEN 'undecided'",
            "WHEN input_status = 'suppressed' THEN 'suppressed'",
            "WHEN NOT measured THEN 'range'",
        ]
        lines += [f"WHEN NOT {n}_low THEN '{c.reason}'" for n, c in zip(self._material, self.card.material, strict=True)]
        for index, cap in enumerate(self.card.caps):
            above = BANDS[BANDS.index(cap.at) + 1 :] if cap.at in BANDS else BANDS
            beyond = " OR ".join(self._beyond(band, "low") for band in above)
            lines.append(f"WHEN capped_{index}_low AND ({beyond}) THEN '{cap.reason}'")
        return "\n        ".join(lines)

    @cached_property
    def judged(self) -> str:
        return judged.encode_sql("obstacle IS NOT NULL")


def _list(lines: list[str]) -> str:
    return ",\n        ".join(lines)


def _any_null(names: list[str]) -> str:
    return " OR ".join(f"{name} IS NULL" for name in names)
