"""The development track of a municipality: for each adopted purpose the steps of ``steps.yaml``, what shows them, what is missing or
overdue, who agreed; and the concerns of stakeholders, answered or not.

What can be looked up is looked up; only the rest is asked for in the town's own ``track.yaml``. Nothing here judges a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from indicators.card import Card
from pipelines.track.evidence import FINDERS, Found, Known
from pipelines.track.read import Own, own_of
from pipelines.track.say import say
from pipelines.track.steps import Item, Step, steps
from pipelines.track.stored import Stored
from schemas.config import Config
from schemas.settings.base import Text
from schemas.settings.track import Agreement, Document, StepTaken

State = Literal["done", "missing", "overdue"]


@dataclass(frozen=True)
class Shown:
    """One item of a step: what shows it. ``late``: the day by which something of it had to be done or looked at again."""

    title: Text
    found: tuple[Found, ...]
    late: date | None
    do: Text

    @property
    def state(self) -> State:
        """Done when something shows it and nothing of that is overdue."""
        return "overdue" if self.late else "done" if self.found else "missing"


@dataclass(frozen=True)
class StepState:
    """One step of one initiative. ``waiting``: roles that are to agree and did not."""

    step: Step
    items: tuple[Shown, ...]
    agreed: tuple[Agreement, ...]
    waiting: tuple[str, ...]
    due: date | None
    today: date

    @property
    def state(self) -> State:
        """The worst of its items; also overdue when it was promised for a day that has passed."""
        states = {item.state for item in self.items} | ({"missing"} if self.waiting else set())
        if "overdue" in states or ("missing" in states and self.due and self.due < self.today):
            return "overdue"
        return "missing" if "missing" in states else "done"


@dataclass(frozen=True)
class Concern:
    """A stakeholder's concern with everything that followed on it; it never goes away. ``lines``: (what, by, on, text)."""

    number: int
    purpose: str | None
    step: str | None
    lines: tuple[tuple[str, str, date, str], ...]
    today: date

    @property
    def open(self) -> bool:
        """Whether the last word is not an answer."""
        return self.lines[-1][0] != "answered"

    @property
    def late(self) -> date | None:
        """The day by which an open concern had to be answered, when that has passed."""
        by = self.lines[-1][2] + timedelta(days=steps().answer_within_days)
        return by if self.open and by < self.today else None


@dataclass(frozen=True)
class TrackState:
    """The track of one initiative of one municipality, as of a local day."""

    municipality: str
    town: Text
    purpose: str
    title: Text
    today: date
    steps: tuple[StepState, ...]
    concerns: tuple[Concern, ...]
    names: Mapping[str, Text]
    with_workspace: bool

    def of(self, state: State) -> list[StepState]:
        """Steps in one state."""
        return [step for step in self.steps if step.state == state]


def tracks(
    config: Config, cards: Mapping[str, Card], at: datetime, there: Stored | None = None, purpose: str | None = None
) -> list[TrackState]:
    """The track of each adopted purpose (or of one), as of ``at``. ``there``: what a workspace shows, read up to the same moment.

    Raises :class:`Problems` for mistakes in the town's own files.
    """
    own = own_of(config)
    slug, today = config.municipality.municipality, at.astimezone(config.tz).date()
    names = {**config.municipality.roles, **own.track.stakeholders}
    made = []
    for number, adopted in enumerate(config.municipality.purposes):
        if purpose in (None, adopted.purpose):
            known = Known(config, cards, own, there, at, adopted, number)
            concerns = tuple(c for c in _concerns(own, today) if c.purpose in (None, adopted.purpose))
            title = config.purposes[adopted.purpose].title
            made.append(
                TrackState(
                    slug,
                    config.municipality.name,
                    adopted.purpose,
                    title,
                    today,
                    tuple(_steps(known)),
                    concerns,
                    names,
                    there is not None,
                )
            )
    return made


def _steps(known: Known) -> Iterator[StepState]:
    own = {i.purpose: (n, i.steps) for n, i in enumerate(known.own.track.initiatives)}
    number, taken = own.get(known.adopted.purpose, (0, {}))
    for step in steps().steps:
        said = taken.get(step.step, StepTaken())
        agreed = tuple(a for a in said.agreed if a.on <= known.today)
        waiting = tuple(role for role in said.agree if role not in {a.by for a in agreed})
        items = tuple(_item(known, step, item, said, number) for item in step.items)
        yield StepState(step, items, agreed, waiting, said.due, known.today)


def _item(known: Known, step: Step, item: Item, said: StepTaken, number: int) -> Shown:
    found = list(FINDERS[item.find](known)) if item.find else []
    for place, document in enumerate(said.evidence.get(item.item, ())):
        if document.on <= known.today:
            where = known.own.at("initiatives", number, "steps", step.step, "evidence", item.item, place)
            found.append(_document(document, where))
    late = [f.review_by for f in found if f.review_by and f.review_by < known.today]
    if not found and said.due and said.due < known.today:
        late = [said.due]
    return Shown(item.title, tuple(found), min(late, default=None), item.do)


def _document(document: Document, where: str) -> Found:
    parts = {"what": document.what, "where": document.where, "day": document.review_by}
    return Found("document_review" if document.review_by else "document", parts, where, document.by, document.review_by)


def _concerns(own: Own, today: date) -> Iterator[Concern]:
    log = [entry for entry in own.concerns.log if entry.on <= today]
    for number in sorted({entry.concern for entry in log}):
        entries = [entry for entry in log if entry.concern == number]
        lines = tuple((e.what, e.by, e.on, e.text) for e in entries)
        yield Concern(number, entries[0].purpose, entries[0].step, lines, today)


def told(found: Found, lang: str) -> str:
    """A piece of evidence as a sentence."""
    return say(found.text, lang, **{key: part[lang] if isinstance(part, dict) else part for key, part in found.parts.items()})


def as_json(state: TrackState) -> dict[str, Any]:
    """Plain data, texts in both languages."""
    return {
        "municipality": state.municipality, "purpose": state.purpose, "as_of": state.today, "with_workspace": state.with_workspace,
        "steps": [_step_json(step) for step in state.steps],
        "concerns": [
            {"concern": c.number, "purpose": c.purpose, "step": c.step, "state": "open" if c.open else "answered", "overdue_since": c.late,
             "lines": [{"what": what, "by": by, "on": on, "text": text} for what, by, on, text in c.lines]}
            for c in state.concerns
        ],
    }  # fmt: skip


def _step_json(step: StepState) -> dict[str, Any]:
    return {
        "step": step.step.step, "state": step.state, "due": step.due, "agreed": [a.model_dump(mode="json") for a in step.agreed],
        "still_to_agree": step.waiting,
        "items": [
            {"item": item.item, "state": shown.state, "late_since": shown.late,
             "evidence": [{"nl": told(f, "nl"), "en": told(f, "en"), "where": f.where, "by": f.by} for f in shown.found]}
            for item, shown in zip(step.step.items, step.items, strict=True)
        ],
    }  # fmt: skip
