"""The review of a purpose: what was asked and answered, who signed, and exactly what was looked at (rule 23).

A review covers what it names. What goes beyond it makes it void: a dataset, column, indicator or place added, k lowered, the audience
or the retention widened. Less of anything stays covered, and thresholds, texts and contacts are no part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import Field, field_validator, model_validator

from schemas.settings.base import Duration, RoleId, Slug, Strict, Text, format_duration

SHORTEST = 20  # characters of an answer; less than a sentence says nothing

Kind = Literal["dataset", "column", "indicator", "place", "k", "zero", "audience", "retention"]
#: What a change adds to the use, and what takes protection away.
ADDS: tuple[Kind, ...] = ("dataset", "column", "indicator", "place")


@dataclass(frozen=True)
class Beyond:
    """One thing that lies beyond a review: ``what`` names it; of a number or length ``was`` is what the review covers."""

    kind: Kind
    what: str
    was: str = ""


class Use(Strict):
    """What a municipality uses for a purpose.

    ``datasets``: dataset → its columns that sources deliver; ``allowed_datasets`` and ``allowed_indicators``: what the generic
    purpose names, in use or not; ``retention``: per class of data.
    """

    datasets: dict[str, tuple[str, ...]]
    indicators: tuple[str, ...]
    allowed_datasets: tuple[str, ...]
    allowed_indicators: tuple[str, ...]
    places: tuple[str, ...]
    k: int = Field(ge=1)
    withhold_zero: bool = False
    audience: tuple[str, ...] = Field(min_length=1)
    retention: dict[str, Duration]

    @property
    def fingerprint(self) -> str:
        """16 hex characters over all of it, whatever the order in which it is written."""
        plain = {k: _sorted(v) for k, v in self.model_dump(mode="json").items()}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]

    def beyond(self, reviewed: Use) -> list[Beyond]:
        """What of this use lies beyond what was reviewed; empty when the review covers it."""
        return list(dict.fromkeys([*self._added(reviewed), *self._weakened(reviewed)]))

    def _added(self, reviewed: Use) -> Iterator[Beyond]:
        for name in _more((*self.datasets, *self.allowed_datasets), (*reviewed.datasets, *reviewed.allowed_datasets)):
            yield Beyond("dataset", name)
        for name, columns in self.datasets.items():
            if name not in reviewed.datasets and name in reviewed.allowed_datasets:
                yield Beyond("dataset", name)
            for column in _more(columns, reviewed.datasets.get(name, columns)):
                yield Beyond("column", f"{name}.{column}")
        for name in [*_more(self.indicators, reviewed.indicators), *_more(self.allowed_indicators, reviewed.allowed_indicators)]:
            yield Beyond("indicator", name)
        for name in _more(self.places, reviewed.places):
            yield Beyond("place", name)

    def _weakened(self, reviewed: Use) -> Iterator[Beyond]:
        if self.k < reviewed.k:
            yield Beyond("k", str(self.k), str(reviewed.k))
        if reviewed.withhold_zero and not self.withhold_zero:
            yield Beyond("zero", "false", "true")
        for name in _more(self.audience, reviewed.audience):
            yield Beyond("audience", name)
        for name, length in self.retention.items():
            if length > reviewed.retention[name]:
                yield Beyond("retention", f"{name} {format_duration(length)}", format_duration(reviewed.retention[name]))


def _more(now: tuple[str, ...], then: tuple[str, ...]) -> list[str]:
    known = set(then)
    return [name for name in now if name not in known]


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {k: _sorted(v) for k, v in value.items()}
    return sorted(value) if isinstance(value, list) else value


class Signature(Strict):
    """A role that signed off, and when."""

    role: RoleId
    signed_on: date


class Review(Strict):
    """One review of one purpose. ``questions``: version of the list that was answered (schemas/questions.yaml).

    ``fingerprint`` belongs to ``covers``: a record whose two do not agree was changed by hand and counts for nothing.
    """

    purpose: Slug
    version: int = Field(ge=1)
    reviewed_on: date
    review_by: date
    questions: int = Field(ge=1)
    signed: tuple[Signature, ...] = Field(min_length=1)
    answers: dict[Slug, Text]
    covers: Use
    fingerprint: str = Field(pattern="^[0-9a-f]{16}$")

    @field_validator("answers")
    @classmethod
    def _says_something(cls, answers: dict[str, Text]) -> dict[str, Text]:
        for name, answer in answers.items():
            for lang in ("nl", "en"):
                if len(getattr(answer, lang)) < SHORTEST:
                    fix = f"Answer it in a sentence of {SHORTEST} characters or more; say why when it does not apply."
                    raise ValueError(f"the {lang} answer to `{name}` says too little | {fix}")
        return answers

    @model_validator(mode="after")
    def _as_it_was_signed(self) -> Review:
        if self.covers.fingerprint != self.fingerprint:
            what = "`covers` is not what was signed: its fingerprint differs"
            raise ValueError(f"{what} | Take the change back, or review anew: drukte purpose review.")
        if self.review_by <= self.reviewed_on:
            raise ValueError("review_by is not after reviewed_on | Choose a later review date.")
        return self


class Reviews(Strict):
    """``config/reviews/<municipality>.yaml``: all reviews of a municipality, oldest first; the last one of a purpose counts."""

    municipality: Slug
    reviews: tuple[Review, ...] = Field(min_length=1)

    def of(self, purpose: str) -> Review | None:
        """The review of a purpose that counts."""
        return next((r for r in reversed(self.reviews) if r.purpose == purpose), None)
