"""Types that every settings file shares: strict models, slugs, durations, instants, texts in two languages."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

SLUG = re.compile(r"[a-z0-9-]{1,63}")
_DURATION = re.compile(r"(\d{1,9})\s*(s|min|h|d)", re.ASCII)
_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_LONGEST = timedelta(days=36_525)  # a century

LEVELS = ("normal", "elevated", "high", "critical")
BANDS = LEVELS[1:]


class Strict(BaseModel):
    """Base of all settings: unknown keys are errors, values are frozen once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, str_strip_whitespace=True, allow_inf_nan=False)


class Text(Strict):
    """A text in Dutch and English; both are required."""

    nl: str
    en: str


def _slug(value: str) -> str:
    if not SLUG.fullmatch(value):
        raise ValueError(f"`{value}` is not a slug | Use a-z, 0-9 and '-', at most 63 characters.")
    return value


def parse_duration(value: Any) -> timedelta:
    """``90s``, ``15min``, ``2h`` or ``84d`` as a timedelta; anything else is a ValueError."""
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(str(value).strip())
    if not found:
        raise ValueError(f"`{value}` is not a duration | Write for example 90s, 15min, 2h or 84d.")
    seconds = int(found[1]) * _UNITS[found[2]]
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"`{value}` is longer than a century | Write for example 365d.")
    return timedelta(seconds=seconds)


def format_duration(value: timedelta) -> str:
    """The shortest form :func:`parse_duration` reads back."""
    seconds = int(value.total_seconds())
    unit = next(u for u in ("d", "h", "min", "s") if seconds % _UNITS[u] == 0 and (seconds or u == "min"))
    return f"{seconds // _UNITS[unit]}{unit}"


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("a duration over zero is needed | Write for example 15min.")
    return value


def _instant(value: Any) -> datetime:
    """An instant with its offset, as UTC. A naive time is refused: it would mean another moment elsewhere."""
    if isinstance(value, date) and not isinstance(value, datetime):
        raise ValueError(f"`{value}` is a day, not an instant | Write it with time and offset: {value}T00:00+01:00.")
    if not isinstance(value, datetime):
        try:
            value = datetime.fromisoformat(str(value))
        except ValueError:
            raise ValueError(f"`{value}` is not an instant | Write 2026-04-27T18:00+02:00.") from None
    assert isinstance(value, datetime)
    if value.tzinfo is None:
        raise ValueError(f"`{value}` has no offset | Add it: {value.isoformat()}+02:00 (or Z for UTC).")
    if not 1900 <= value.year <= 2200:
        raise ValueError(f"the year of `{value.isoformat()}` is no year of ours | Correct it; leave an end out to mean: no end.")
    return value.astimezone(UTC)


# What an editor is told: our durations and instants are not those of JSON Schema's formats.
_SLUG_SCHEMA = {"type": "string", "pattern": "^[a-z0-9-]{1,63}$"}
_DURATION_SCHEMA = {"type": "string", "pattern": "^[0-9]{1,9} *(s|min|h|d)$", "examples": ["90s", "15min", "2h", "365d"]}
_INSTANT_SCHEMA = {
    "type": "string", "examples": ["2026-04-27T18:00+02:00"],
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})$",
}  # fmt: skip

Slug = Annotated[str, AfterValidator(_slug), WithJsonSchema(_SLUG_SCHEMA)]
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(_DURATION_SCHEMA),
]
Interval = Annotated[Duration, AfterValidator(_positive)]
Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema(_INSTANT_SCHEMA)]
RoleId = Slug
