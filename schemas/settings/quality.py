"""Known faults in data: flagged ranges, and how the detectors that propose them are set."""

from __future__ import annotations

from datetime import date
from typing import Literal, get_args

from pydantic import Field, field_validator, model_validator

from schemas.settings.base import Instant, Interval, RoleId, Slug, Strict

Effect = Literal["outage", "no_level", "no_baseline", "note"]
EFFECTS: tuple[str, ...] = get_args(Effect)


class Flag(Strict):
    """An entry of the register: what is known about the data of a source, at places, for a stretch of time.

    Without ``places`` it holds for all places of the source, without ``measures`` for all measures. ``effect``: ``no_level``
    (what came is not judged: level unknown, reason ``flagged``; it enters no baseline either), ``no_baseline`` (true, but not
    ordinary: the local days it touches enter no baseline), ``outage`` (what is missing is a declared outage; a value that
    comes still counts), ``note`` (only told). ``hours`` narrows it to a stretch of the local clock, of each day of the range.
    ``owner`` is a role.
    """

    source: Slug
    places: tuple[Slug, ...] = ()
    measures: tuple[str, ...] = ()
    from_: Instant = Field(alias="from")
    to: Instant
    hours: str | None = Field(default=None, pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d$")
    effect: tuple[str, ...] = Field(min_length=1, description="any of: no_level, no_baseline, outage, note")
    reason: str = Field(min_length=4)
    owner: RoleId
    decided_on: date | None = None

    @field_validator("effect")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = set(value) - set(EFFECTS)
        if unknown:
            told = f"unknown effect {', '.join(sorted(unknown))}"
            raise ValueError(f"{told} | Use no_level, no_baseline, outage or note.")
        return value

    @model_validator(mode="after")
    def _whole_days(self) -> Flag:
        if self.hours and "no_baseline" in self.effect and "no_level" not in self.effect:
            fix = "Leave `hours` out: a day that was not ordinary stays out as a whole. Or say no_level."
            raise ValueError(f"no_baseline for some hours of the day | {fix}")
        return self

    @property
    def unjudged(self) -> bool:
        """Whether what came in the range gets no level."""
        return "no_level" in self.effect

    @property
    def unusual(self) -> bool:
        """Whether the local days of the range enter no baseline: what may not be judged may not be compared with either.

        Of a flag of certain hours only what came in those hours stays out, if it is not judged.
        """
        return not self.hours and (self.unjudged or "no_baseline" in self.effect)

    def covers(self, source: str, place: str, measure: str | None = None) -> bool:
        """Whether it is about a measure (or any) of a source at a place, at whatever time."""
        about = source == self.source and (not self.places or place in self.places)
        return about and (measure is None or not self.measures or measure in self.measures)


class _Detector(Strict):
    """``on: false`` silences it. ``effect`` is what a proposal asks for."""

    on: bool = True
    effect: tuple[Effect, ...] = ("no_level", "no_baseline")


class SuddenZeros(_Detector):
    """Zeros, or no rows, where the place is never so quiet: a run whose baselines' p10 add up to ``min_expected``.

    As stated in the domain facts (50 passages, 30 minutes, n ≥ 9). Where the place has been quieter than its baseline over
    the day before, less is expected in proportion: a lockdown is no outage.
    """

    min_expected: float = Field(default=50, gt=0)
    min_duration: Interval = Field(default="30min", validate_default=True)
    min_values: int = Field(default=9, ge=1)


class Gone(_Detector):
    """A place of which nothing comes: for ``min_duration`` of hours that are never so quiet (as for sudden zeros).

    Or for a whole local day, while others of the source did come and the place had on at least ``min_days`` of the seven before.
    What is missing is never read as calm, so this can wait longer than zeros: sensors that stop at dusk would be told each day.
    """

    effect: tuple[Effect, ...] = ("outage", "no_baseline")
    min_duration: Interval = Field(default="6h", validate_default=True)
    min_days: int = Field(default=5, ge=1, le=7)


class Frozen(_Detector):
    """The same count over and over: so often that chance would do it less than once in 10^``rarity`` stretches.

    How often a count repeats itself by chance follows from its size (Poisson) and from how often it does at that place; and it
    lasts twice as long as any count of the place in the 28 days before (of which a week must be known): a quiet garage counts 1
    for hours. It lasts for ``min_duration`` and ``min_cells`` at least; a stock, which may well stand still, for
    ``min_duration_stock``.
    """

    rarity: float = Field(default=7, gt=0)
    min_cells: int = Field(default=4, ge=3)
    min_duration: Interval = Field(default="1h", validate_default=True)
    min_duration_stock: Interval = Field(default="12h", validate_default=True)


class CounterDump(_Detector):
    """One huge count after a gap of ``min_gap``: what a counter saved up and let go at once.

    Huge is ``times`` the place's own p95 of 84 days, and ``times`` both neighbours that are known.
    """

    min_gap: Interval = Field(default="2h", validate_default=True)
    times: float = Field(default=2, gt=1)


class NightZeros(_Detector):
    """A sensor that is off at night and says 0: hours that are never anything else, next to hours that hardly ever are 0.

    Over the ``days`` before: a block of ``min_hours`` clock hours in which at most ``most_seen`` of the counts are above zero,
    next to an hour (one hour of passage between them allowed) in which at least ``least_beside`` are. A quiet street fades:
    it has hours in between.
    """

    days: int = Field(default=21, ge=7, le=84)
    min_hours: int = Field(default=4, ge=2, le=16)
    most_seen: float = Field(default=0.01, ge=0, lt=1)
    least_beside: float = Field(default=0.8, gt=0, le=1)


class Sums(_Detector):
    """Parts that do not make their declared total (``sums:`` of a source) in ``min_rows`` rows of a local day or more."""

    effect: tuple[Effect, ...] = ("note",)
    min_rows: int = Field(default=3, ge=1)


class Detectors(Strict):
    """How faults in the data are looked for; what is found is only proposed (``drukte flags list``)."""

    sudden_zeros: SuddenZeros = SuddenZeros()
    gone: Gone = Gone()
    frozen: Frozen = Frozen()
    counter_dump: CounterDump = CounterDump()
    night_zeros: NightZeros = NightZeros()
    sums: Sums = Sums()
