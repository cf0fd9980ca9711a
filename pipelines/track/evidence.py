"""Evidence that is looked up: in settings, cards, the log of concerns and the workspace. A function an item, named in ``steps.yaml``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from indicators import kpi
from indicators.card import Card
from indicators.chosen import chosen
from pipelines.purpose.state import State, states
from pipelines.screen import prose
from pipelines.track.read import Own, paths
from pipelines.track.stored import Stored, Version
from pipelines.versions import bundle
from schemas.config import Config
from schemas.settings import format_duration
from schemas.settings.purpose import Adoption


@dataclass(frozen=True)
class Found:
    """A piece of evidence: a text of ``texts.yaml`` with its parts (one that is a dict is in two languages), where it stands, who answers
    for it, and the day by which it had to be looked at again.
    """

    text: str
    parts: Mapping[str, Any]
    where: str
    by: str | None = None
    review_by: date | None = None


@dataclass(frozen=True)
class Known:
    """What evidence is looked up in, as of ``at``."""

    config: Config
    cards: Mapping[str, Card]
    own: Own
    stored: Stored | None
    at: datetime
    adopted: Adoption
    number: int

    @property
    def today(self) -> date:
        """The town's local day."""
        return self.at.astimezone(self.config.tz).date()

    @cached_property
    def standing(self) -> State:
        """How the purpose stands: reviewed or not."""
        return next(s for s in states(self.config, self.cards, self.at) if s.purpose == self.adopted.purpose)

    @property
    def reviewed_at(self) -> str:
        """The file of reviews."""
        return f"{self.config.folder.name}/reviews/{self.config.municipality.municipality}.yaml"

    def line(self, *path: str | int) -> str:
        """``file:line`` of a key of the municipality's file."""
        return f"{self.config.file}:{self.config.document.line(path)}"

    def at_purpose(self, key: str) -> str:
        """``file:line`` of a key of the adopted purpose."""
        return self.line("purposes", self.number, key)

    @cached_property
    def used(self) -> dict[str, Card]:
        """The cards in use that serve this purpose."""
        listed = self.config.purposes[self.adopted.purpose].indicators
        return {n: c for n, c in chosen(self.config, self.cards).items() if n in listed or self.adopted.purpose in c.purposes}


Finder = Callable[[Known], Iterator[Found]]


def effect(known: Known) -> Iterator[Found]:
    purpose = known.config.purposes[known.adopted.purpose]
    document = known.config.purpose_documents[known.adopted.purpose]
    parts = {"title": purpose.title.model_dump(), "effect": purpose.desired_effect.model_dump()}
    yield Found("effect", parts, f"{document.file}:{document.line(('desired_effect',))}")


def adopted(known: Known) -> Iterator[Found]:
    yield Found("adopted", {"day": known.adopted.decided_on}, known.at_purpose("decided_on"), known.adopted.owner)


def indicators(known: Known) -> Iterator[Found]:
    if known.used:
        yield Found("indicators", {"n": len(known.used), "names": ", ".join(known.used)}, known.line("indicators"))


def output_kpis(_: Known) -> Iterator[Found]:
    yield from _kpis("output")


def outcome_kpis(_: Known) -> Iterator[Found]:
    yield from _kpis("outcome")


def _kpis(kind: str) -> Iterator[Found]:
    names = [name for name, declared in kpi.catalogue().items() if declared.kind == kind]
    if names:
        yield Found("kpis", {"names": ", ".join(names)}, "indicators/kpis")


def roles(known: Known) -> Iterator[Found]:
    named = known.config.municipality.roles
    yield Found("roles_found", {"names": ", ".join(named)}, known.line("roles"))


def groups(known: Known) -> Iterator[Found]:
    named = known.own.track.stakeholders
    if named:
        parts = {"names": {lang: ", ".join(getattr(text, lang) for text in named.values()) for lang in ("nl", "en")}}
        yield Found("groups", parts, known.own.at("stakeholders"))


def heard(known: Known) -> Iterator[Found]:
    log = [e for e in known.own.concerns.log if e.purpose in (None, known.adopted.purpose) and e.on <= known.today]
    raised = {e.concern for e in log if e.what == "raised"}
    answered = {e.concern for e in log if e.what == "answered"}
    yield from _answer(known, "stakeholders")
    if raised:
        yield Found("heard", {"n": len(raised), "answered": len(raised & answered)}, known.own.concerns_file)


def ethics(known: Known) -> Iterator[Found]:
    yield from _answer(known, "ethics-by-design")


def _answer(known: Known, question: str) -> Iterator[Found]:
    """What the review of the purpose answers to a question; a review that is void answered it for another use."""
    review = known.standing.review
    if review and known.standing.covered and question in review.answers and review.reviewed_on <= known.today:
        yield Found("answer", {"text": review.answers[question].model_dump(), "day": review.reviewed_on}, known.reviewed_at)


def purpose_review(known: Known) -> Iterator[Found]:
    review = known.standing.review
    if review and known.standing.covered and review.reviewed_on <= known.today:
        parts = {"day": review.reviewed_on, "roles": ", ".join(s.role for s in review.signed), "review": known.standing.review_by}
        yield Found("purpose_review", parts, known.reviewed_at, review_by=known.standing.review_by)


def sources(known: Known) -> Iterator[Found]:
    listed = known.config.purposes[known.adopted.purpose].datasets
    for name, source in known.config.sources.items():
        if source.dataset in listed:
            document = known.config.source_documents[name]
            parts = {"name": name, "supplier": source.supplier, "licence": source.licence}
            yield Found("source", parts, f"{document.file}:{document.line(('supplier',))}")


def places(known: Known) -> Iterator[Found]:
    rows = known.config.places
    if rows:
        yield Found("places", {"n": len(known.config.place_ids)}, f"{rows[0].file}:{rows[0].line}")


def measured(known: Known) -> Iterator[Found]:
    if known.stored and known.stored.measured:
        first, last = known.stored.measured
        yield Found("measured", {"first": first, "last": last}, "data_quality")


def legal_basis(known: Known) -> Iterator[Found]:
    yield Found("legal_basis", {"text": known.adopted.legal_basis}, known.at_purpose("legal_basis"), known.adopted.owner)


def dpia(known: Known) -> Iterator[Found]:
    told = known.adopted.dpia
    parts = {"text": told.reference, "day": told.date, "review": known.adopted.review_by}
    yield Found("dpia", parts, known.at_purpose("dpia"), known.adopted.owner, known.adopted.review_by)


def small_groups(known: Known) -> Iterator[Found]:
    floor = known.config.purposes[known.adopted.purpose].k_floor
    parts = {"k": known.adopted.k, "floor": floor, "days": format_duration(known.adopted.retention)}
    yield Found("small_groups", parts, known.at_purpose("k"), known.adopted.owner)


def tried(known: Known) -> Iterator[Found]:
    if known.stored and known.stored.ran:
        first, last = known.stored.ran
        yield Found("tried", {"first": f"{first:%Y-%m-%d}", "last": f"{last:%Y-%m-%d}"}, "runs")


def outcome(known: Known) -> Iterator[Found]:
    if known.stored and known.stored.last_outcome:
        yield Found("outcome", {"last": f"{known.stored.last_outcome:%Y-%m-%d}"}, "outcomes")


def _accepted(known: Known) -> list[Version]:
    return [v for v in (known.stored.versions if known.stored else ()) if v.decided]


def in_force(known: Known) -> Iterator[Found]:
    for version in _accepted(known)[-1:]:
        parts = {
            "number": version.config_version,
            "day": f"{version.effective_from:%Y-%m-%d}",
            "reason": version.accepted_because,
        }
        yield Found("in_force", parts, "config_versions", version.accepted_by)


def reviewed(known: Known) -> Iterator[Found]:
    accepted = _accepted(known)
    urgent = [v for v in accepted if v.how == "urgent"]
    if accepted and not urgent:
        yield Found("nothing_urgent", {}, "config_versions")
    for version in urgent:
        parts = {"number": version.config_version}
        if version.reviewed_at:
            told = {**parts, "day": f"{version.reviewed_at:%Y-%m-%d}"}
            yield Found("reviewed", told, "config_versions", version.reviewed_by)
        else:
            told = {**parts, "day": version.review_by}
            yield Found("not_reviewed", told, "config_versions", version.accepted_by, version.review_by)


def owner(known: Known) -> Iterator[Found]:
    role = known.adopted.owner
    yield Found("owner", {"text": known.config.municipality.roles[role].model_dump()}, known.at_purpose("owner"), role)


def review(known: Known) -> Iterator[Found]:
    told = {"what": known.adopted.purpose, "day": known.adopted.review_by}
    yield Found("review", told, known.at_purpose("review_by"), known.adopted.owner, known.adopted.review_by)
    for number, entry in enumerate(known.config.municipality.thresholds):
        if entry.indicator in known.used and entry.review_by < known.today:
            where = entry.place or entry.event or entry.place_type or known.config.municipality.municipality
            parts = {"what": f"{entry.indicator} ({where})", "day": entry.review_by}
            yield Found("review", parts, known.line("thresholds", number, "review_by"), entry.owner, entry.review_by)


def clean(known: Known) -> Iterator[Found]:
    if not prose.problems(texts(known.config), codes(known.config)):
        yield Found("clean", {}, known.config.file)


FINDERS: dict[str, Finder] = {f.__name__: f for f in (
    effect, adopted, indicators, output_kpis, outcome_kpis, roles, groups, heard, sources, places, measured, legal_basis, dpia, small_groups,
    ethics, purpose_review,
    tried, outcome, in_force, reviewed, owner, review, clean,
)}  # fmt: skip


def texts(config: Config) -> dict[str, str]:
    """All files of a municipality as texts, by the name that messages show: settings, own cards, track and concerns."""
    files = {f"{config.folder.name}/{name}": content for name, content in own_files(config).items()}
    return {name: content.decode("utf-8-sig") for name, content in files.items()}


def own_files(config: Config) -> dict[str, bytes]:
    """The files that are a municipality's, by name below the config folder: what a version keeps without cards of other towns, its track,
    and the stories of its alerts.
    """
    slug = config.municipality.municipality
    files = bundle.gather(config).files
    files = {n: c for n, c in files.items() if not n.startswith("indicators/") or n.startswith(f"indicators/{slug}.")}
    for path in (*paths(config.folder, slug), *sorted((config.folder / "alerts" / slug).glob("*.yaml"))):
        if path.is_file():
            files[path.relative_to(config.folder).as_posix()] = path.read_bytes()
    return dict(sorted(files.items()))


def codes(config: Config) -> set[str]:
    """Codes of a config that only look like something: ids of suppliers, references of assessments, slugs, the sender of alerts."""
    found = {key for source in config.sources.values() for key in source.place.ids}
    return {
        *found,
        config.municipality.alerts.sender,
        *config.place_ids,
        *(p.dpia.reference for p in config.municipality.purposes),
    }
