"""How each adopted purpose stands at a moment: reviewed, due, past its date, void, or never reviewed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from indicators.card import Card
from pipelines.purpose import use
from schemas.config import Config
from schemas.settings import Review
from schemas.settings.purpose import Adoption
from schemas.settings.review import ADDS, Beyond, Use

AHEAD = timedelta(days=60)  # a review that is due is told from then on

# reviewed: covered. due: covered, the date is near. grace: past its date, what runs goes on for a stated while. expired: past that too.
# void: something goes beyond the review. unsigned: the purpose's owner has not signed. unreviewed: there is no record.
Standing = Literal["reviewed", "due", "grace", "expired", "void", "unsigned", "unreviewed"]
COVERED: tuple[Standing, ...] = ("reviewed", "due", "grace")


@dataclass(frozen=True)
class State:
    """One adopted purpose at a moment. ``review_by``: the earlier of the review's and the adoption's; ``keeps_until``: last day of grace."""

    adoption: Adoption
    standing: Standing
    used: Use
    review: Review | None
    beyond: tuple[Beyond, ...]
    review_by: date
    keeps_until: date

    @property
    def purpose(self) -> str:
        """Its id."""
        return self.adoption.purpose

    @property
    def covered(self) -> bool:
        """Whether a review covers the use, its grace included."""
        return self.standing in COVERED

    @property
    def weakened(self) -> tuple[Beyond, ...]:
        """What takes protection away: it is never tried out first."""
        return tuple(b for b in self.beyond if b.kind not in ADDS)


def states(config: Config, cards: Mapping[str, Card], at: datetime) -> list[State]:
    """All adopted purposes in the order of the file, at a moment (aware)."""
    return [_state(config, cards, adoption, at) for adoption in config.municipality.purposes]


def _state(config: Config, cards: Mapping[str, Card], adoption: Adoption, at: datetime) -> State:
    used = use.of(config, cards, adoption)
    review = config.reviews.of(adoption.purpose) if config.reviews else None
    beyond = tuple(used.beyond(review.covers)) if review else ()
    review_by = min(adoption.review_by, review.review_by) if review else adoption.review_by
    keeps = _keeps_until(config, review_by + adoption.keeps_running)
    standing = _standing(adoption, review, beyond, review_by, keeps, at.astimezone(config.tz).date())
    return State(adoption, standing, used, review, beyond, review_by, keeps)


def _standing(
    adoption: Adoption,
    review: Review | None,
    beyond: tuple[Beyond, ...],
    review_by: date,
    keeps: date,
    today: date,
) -> Standing:
    if review is None:
        return "unreviewed"
    if adoption.owner not in {s.role for s in review.signed}:
        return "unsigned"
    if beyond:
        return "void"
    if today > review_by:
        return "grace" if today <= keeps else "expired"
    return "due" if today + AHEAD >= review_by else "reviewed"


def _keeps_until(config: Config, keeps: date) -> date:
    """The last day of grace: an event that is going on then is seen out, and so is one that begins meanwhile."""
    for event in sorted(config.municipality.events, key=lambda e: e.from_):
        begins, ends = event.from_.astimezone(config.tz).date(), event.to.astimezone(config.tz).date()
        if begins <= keeps < ends:
            keeps = ends
    return keeps
