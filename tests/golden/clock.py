"""Times as a story tells them: ``19:00``, ``sat 19:00``, ``02:00 CET``, on the clock of the town, after a given moment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

TOLD = re.compile(r"(?:(mon|tue|wed|thu|fri|sat|sun) )?(\d{2}):(\d{2})(?: ([A-Z]{3,4}))?")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Clock:
    """The clock of a story, which begins on a day and lasts at most a fortnight."""

    def __init__(self, day: date, zone: ZoneInfo):
        self.day, self.zone = day, zone

    def at(self, told: str, not_before: datetime | None = None) -> datetime:
        """The first moment (UTC) that a told time can mean, from the first day or ``not_before`` on. Raises ValueError."""
        found = TOLD.fullmatch(told)
        if not found:
            raise ValueError(f"`{told}` is not a time such as 19:00, sat 19:00 or 02:00 CET")
        weekday, hour, minute, zone = found.groups()
        for moment in self._candidates(time(int(hour), int(minute))):
            local = moment.astimezone(self.zone)
            fits = (zone in (None, local.tzname())) and (weekday is None or DAYS[local.weekday()] == weekday)
            if fits and (not_before is None or moment >= not_before):
                return moment
        raise ValueError(f"`{told}` does not come any more in the fortnight from {self.day} on")

    def _candidates(self, clock: time) -> Iterator[datetime]:
        """Moments at which the town's clock shows this time, in order; an hour that is skipped has none, one that comes twice two."""
        for number in range(15):
            naive = datetime.combine(self.day + timedelta(days=number), clock)
            moments = {naive.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
            yield from sorted(m for m in moments if m.astimezone(self.zone).replace(tzinfo=None) == naive)

    def tell(self, moment: datetime) -> str:
        """A moment as people say it: weekday only after the first day, the zone only where an hour comes twice."""
        local = moment.astimezone(self.zone)
        day = "" if local.date() == self.day else f"{DAYS[local.weekday()]} "
        twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
        return f"{day}{local:%H:%M}" + (f" {local:%Z}" if twice else "")
