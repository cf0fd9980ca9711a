"""The grammar of an indicator card: everything there is to say about one indicator, in one YAML file.

The card is the definition: its formula is what runs, its worked examples are its tests, its texts are what people
read. Here stands what a card may say; :mod:`indicators.card` reads cards, :mod:`indicators.card_check` checks what goes
beyond one field.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from schemas.settings import Band, Bands, Text
from schemas.settings.bands import BandName
from schemas.settings.base import Duration, Interval, RoleId, Slug, Strict
from schemas.settings.event import PhaseName
from schemas.settings.place import PlaceKind

ANY = "any"
# What a card made of other cards names as its input: the weighted severities of a municipality's chosen indicators, 0-1.
SEVERITY = "indicators.severity"
EDGE_DIGITS = 9  # an exit worked out from a margin is rounded here: 3.0 × 0.8 is 2.4, not 2.4000000000000004

# Fields that decide a number. Bands and parameter values are not among them: they are in force by layer, in config_hash.
COMPUTING = (
    "id", "version", "applies_to", "inputs", "attributes", "baseline", "optional", "let", "formula", "applies_when", "requires", "material",
    "caps", "missing_data", "min_coverage", "digits", "unit", "direction",
)  # fmt: skip
TEXTS = (
    "status", "title", "desired_effect", "question", "meaning", "limits", "follow_up", "owners", "mixes_kinds", "purposes",
    "references", "explanation", "replaces",
)  # fmt: skip


def _series(value: Any) -> Any:
    """A bare number in YAML as series text."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Series = Annotated[str, BeforeValidator(_series), WithJsonSchema({"type": ["string", "number"]})]


class FollowUp(Strict):
    """What follows a signal: a measure from the ladder, the role that acts, and the time the measure needs."""

    measure: str
    role: RoleId
    lead_time: Duration


class Owners(Strict):
    """Roles: who answers for the definition, who for acting on it."""

    definition: RoleId
    action: RoleId


class AppliesTo(Strict):
    """Where the card has rows at all. A place without one of ``attributes`` has none; phases None means any.

    ``place_types`` names, for a kind of place, the types the card is for; a kind that it does not name is not narrowed.

    ``max_interval``: where the interval in force is longer, the data are too coarse for the card, and there is no row.
    """

    kinds: tuple[PlaceKind, ...] = Field(min_length=1)
    place_types: dict[PlaceKind, tuple[str, ...]] = Field(default_factory=dict)
    phases: tuple[PhaseName, ...] | None = None
    attributes: tuple[str, ...] = ()
    max_interval: Interval | None = None


class Input(Strict):
    """A measure of a dataset, delivered or derived. Of several in ``from`` the first that is known at the place counts.

    ``monotone`` says which way the value goes when this input rises: it turns the bounds of a withheld count into
    bounds of the value. ``none``: neither way, so that a withheld count leaves the value open. ``ago`` takes the slot that
    began so much earlier.
    """

    from_: tuple[str, ...] = Field(alias="from", min_length=1)
    monotone: Literal["up", "down", "none"]
    ago: Interval | None = None


class Parameter(Strict):
    """A number a municipality may set: with a ``default``, or ``required: true`` where there is no sensible one."""

    default: float | None = None
    required: bool = False
    unit: str
    min: float
    max: float
    meaning: Text

    @model_validator(mode="after")
    def _given(self) -> Parameter:
        if self.required == (self.default is not None):
            raise ValueError("give a default or required: true, one of them | A parameter has a value or asks for one.")
        if self.default is not None and not self.min <= self.default <= self.max:
            raise ValueError(f"default {self.default} lies outside {self.min}-{self.max} | Correct the default or the range.")
        return self


class Condition(Strict):
    """``that`` must hold; ``reason`` is the code given where it does not."""

    that: str
    reason: str


class Cap(Strict):
    """Where ``when`` holds no level above ``at`` is given; ``reason`` is the code where that took a level away."""

    when: str
    at: Literal["normal", "elevated", "high"]
    reason: str


class Expect(Strict):
    """What an example should give, a series each; a column left out is not compared. ``_`` is: nothing there.

    ``keeps``: the highest band the slot would keep on (not strictly inside its exit). ``at_once``: the highest band
    it turns on at once. ``held``: the held level after ``for`` and ``keep_for``.
    """

    value: Series | None = None
    low: Series | None = None
    high: Series | None = None
    level: Series | None = None
    status: Series | None = None
    reason: Series | None = None
    keeps: Series | None = None
    at_once: Series | None = None
    held: Series | None = None

    def given(self) -> dict[str, str]:
        """Columns to compare, as written."""
        return {name: text for name in type(self).model_fields if (text := getattr(self, name)) is not None}


class Example(Strict):
    """A worked example that runs as a test (see :mod:`indicators.series` for the notation).

    The series of ``inputs`` have one token a slot; the others may also have a single token, which then holds for all.
    """

    name: str = Field(min_length=12, description="a sentence")
    place_type: str | None = None
    interval: Interval = Field(default="15min", validate_default=True)
    inputs: dict[str, Series] = Field(min_length=1)
    attributes: dict[str, Series] = Field(default_factory=dict)
    parameters: dict[str, Series] = Field(default_factory=dict)
    baseline: dict[str, Series] = Field(default_factory=dict)
    coverage: Series = "1"
    expect: Expect


class Equivalent(Strict):
    """A mutant that no example can tell from the card, and why that is so."""

    mutant: str
    because: str = Field(min_length=20)


class Card(Strict):
    """The grammar of a card; the fields are described in ``docs`` and by the four cards of the catalogue.

    Names usable in expressions: inputs, attributes, parameters, baseline columns, the ``let`` names before it, and
    ``interval_minutes``; in ``material``, ``caps`` and ``at_once`` also ``value`` (the rounded one, as judged).
    ``exit_margin`` is the share of ``enter`` at which a band is left when it states no ``exit`` of its own.
    ``optional``: inputs, attributes and baseline columns that may be unknown: a comparison that uses one that is does not
    hold. An optional input counts neither for the status nor for the coverage of a slot.
    A signal card for which no generic edge exists has no ``bands``: a municipality sets its own, and without them there is
    no row. Its worked examples then run with ``example_bands``.
    """

    id: str = Field(pattern=r"^([a-z0-9-]+\.)?[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    status: Literal["experimental", "stable", "deprecated"]
    replaces: str | None = None
    role: Literal["signal", "context"]
    safety_risk: str
    title: Text
    desired_effect: Text
    question: Text
    meaning: Text
    limits: Text
    follow_up: FollowUp
    owners: Owners
    applies_to: AppliesTo
    inputs: dict[str, Input] = Field(min_length=1)
    mixes_kinds: Text | None = None
    attributes: tuple[str, ...] = ()
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    baseline: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    let: dict[str, str] = Field(default_factory=dict)
    formula: str
    applies_when: str | None = None
    requires: tuple[Condition, ...] = ()
    material: tuple[Condition, ...] = ()
    caps: tuple[Cap, ...] = ()
    missing_data: Literal["unknown"] = "unknown"
    min_coverage: float = Field(gt=0, le=1)
    digits: int = Field(ge=0, le=6)
    unit: str
    direction: Literal["up", "down"]
    exit_margin: float = Field(gt=0, le=1)
    bands: dict[str, Bands]
    example_bands: dict[str, Bands] = Field(default_factory=dict)
    purposes: tuple[Slug, ...] = Field(min_length=1)
    references: tuple[str, ...] = Field(min_length=1)
    explanation: Text
    examples: tuple[Example, ...] = ()
    equivalent_mutants: tuple[Equivalent, ...] = ()

    def as_in_examples(self) -> Card:
        """The card with the bands its worked examples run with."""
        return self.model_copy(update={"bands": self.example_bands}) if self.example_bands else self

    def bands_for(self, place_type: str | None) -> Bands | None:
        """The card's own bands for a type of place, else those for any place; None when it has neither."""
        return self.bands.get(place_type or ANY) or self.bands.get(ANY)

    def exit_of(self, band: Band) -> float:
        """The exit edge of a band: its own, else the share ``exit_margin`` of ``enter`` (downward: enter ÷ margin)."""
        if band.exit is not None:
            return band.exit
        edge = band.enter * self.exit_margin if self.direction == "up" else band.enter / self.exit_margin
        return round(edge, EDGE_DIGITS)

    def at_once(self, name: BandName) -> str | None:
        """The condition that turns a band on without waiting; the same for all types of place."""
        return next((bands[name].at_once for bands in self.bands.values() if name in bands), None)

    @property
    def defaults(self) -> dict[str, float]:
        """Parameters that have a value by default."""
        return {name: p.default for name, p in self.parameters.items() if p.default is not None}

    @property
    def definition_hash(self) -> str:
        """16 hex characters over what decides a number; layout of the expressions does not count."""
        fields = {name: _plain(getattr(self, name)) for name in COMPUTING}
        fields["at_once"] = {name: self.at_once(name) for name in ("elevated", "high", "critical")}
        fields["parameters"] = {name: p.unit for name, p in self.parameters.items()}
        return _hash(fields)

    @property
    def text_hash(self) -> str:
        """16 hex characters over texts, contacts and references."""
        return _hash({name: _plain(getattr(self, name)) for name in TEXTS})


def _plain(value: Any) -> Any:
    """A field as plain JSON data, with runs of white space in texts made one space."""
    if isinstance(value, Strict):
        return _plain(value.model_dump(mode="json", by_alias=True))
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return " ".join(value.split()) if isinstance(value, str) else value


def _hash(fields: dict[str, Any]) -> str:
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
