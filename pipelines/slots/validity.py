"""When the places of a town were there: a place has no slot outside its periods (decision 0021)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise

from schemas.config import Config

_EVER, _NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_Gap = tuple[str, datetime, datetime]


def there(config: Config, span: tuple[datetime, datetime], place: str, moment: str) -> str:
    """SQL: an ANTI JOIN that leaves out the rows at moments in which their place was not there.

    ``place`` and ``moment`` name columns of the rows, which all lie in ``span``. Empty where every place was there all the time.
    """
    gaps, opens, closes = _gaps(config)
    if opens >= span[1] and closes <= span[0]:
        return ""
    found = [f"('{slug}', {_at(low)}, {_at(high)})" for slug, low, high in gaps if low < span[1] and high > span[0]]
    if not found:
        return ""
    named = f"(VALUES {', '.join(found)}) gone(place, low, high)"
    return f"ANTI JOIN {named} ON gone.place = {place} AND {moment} >= gone.low AND {moment} < gone.high"


def _at(moment: datetime) -> str:
    text = {_EVER: "-infinity", _NEVER: "infinity"}.get(moment) or moment.isoformat()
    return f"TIMESTAMPTZ '{text}'"


@lru_cache(maxsize=16)
def _gaps(config: Config) -> tuple[tuple[_Gap, ...], datetime, datetime]:
    """All gaps, the first moment at which one opens, and the last at which one closes: most spans lie between, of long ago and never."""
    gaps = tuple(gap for place in config.place_ids for gap in _of(config, place))
    opens = min((low for _, low, _ in gaps if low != _EVER), default=_NEVER)
    return gaps, opens, max((high for _, _, high in gaps if high != _NEVER), default=_EVER)


def _of(config: Config, place: str) -> Iterator[_Gap]:
    """(place, from, until) of the stretches in which a place is not there."""
    periods = config.rows_of(place)
    yield place, _EVER, periods[0].place.valid_from
    for earlier, later in pairwise(periods):
        if earlier.until and earlier.until < later.place.valid_from:
            yield place, earlier.until, later.place.valid_from
    if periods[-1].until:
        yield place, periods[-1].until, _NEVER
