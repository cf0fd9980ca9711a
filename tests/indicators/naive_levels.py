"""Rules 13-16 and 19 again, written as a person would: one place, one slot at a time, plain Python. Oracle only."""

from __future__ import annotations

from dataclasses import dataclass, field

REACHED, REACHED_UNKNOWN, CALM, CALM_UNKNOWN, AT_ONCE = 1, 2, 4, 8, 16
UNKNOWN = REACHED_UNKNOWN | CALM_UNKNOWN
BETWEEN = 0  # inside enter, not yet inside exit


def pack(bands: list[int]) -> int:
    """Bits per band, lowest first, in one number."""
    return sum(bits << 5 * i for i, bits in enumerate(bands))


@dataclass(frozen=True)
class Slot:
    """A row: minutes long, with the bits per band and the minutes of for / keep_for in force per band."""

    start: int
    minutes: int
    bands: tuple[int, int, int]
    for_: tuple[int, int, int]
    keep: tuple[int, int, int]

    @property
    def end(self) -> int:
        return self.start + self.minutes * 60


@dataclass
class Machine:
    on: bool = False
    since: int | None = None
    counted: list[Slot] = field(default_factory=list)  # the slots of the run under way

    def take(self, slot: Slot, band: int) -> int | None:
        """Returns the start of the run that released the band, if this slot did."""
        bits = slot.bands[band]
        known = not bits & (CALM_UNKNOWN if self.on else REACHED_UNKNOWN)
        hit = bool(bits & (CALM if self.on else REACHED))
        if self.counted:
            blind = (slot.start if known else slot.end) - self.counted[-1].end
            if blind > 2 * slot.minutes * 60:
                self.counted = []
        if known:
            self.counted = [*self.counted, slot] if hit else []
        if not known:
            hit = False
        minutes = sum(s.minutes for s in self.counted)
        if not self.on and (bits & AT_ONCE or (hit and minutes >= slot.for_[band])):
            self.on, self.since, self.counted = True, (self.counted or [slot])[0].start, []
        elif self.on and hit and minutes >= slot.keep[band]:
            left = self.counted[0].start
            self.on, self.since, self.counted = False, None, []
            return left
        return None


@dataclass
class Place:
    """Three machines; what :class:`indicators.levels.Held` says, slot by slot."""

    machines: list[Machine] = field(default_factory=lambda: [Machine() for _ in range(3)])

    def take(self, slot: Slot | None) -> tuple[int, int, int]:
        left = [0, 0, 0] if slot is None else [m.take(slot, b) or 0 for b, m in enumerate(self.machines)]
        held = max((b + 1 for b, m in enumerate(self.machines) if m.on), default=0)
        starts = [m.since if m.on else m.counted[0].start for m in self.machines if m.on or m.counted]
        return held, min(starts, default=0), max(left)
