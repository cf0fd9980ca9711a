"""The documents of a package, in Markdown and in both languages: how-to, checklist, purposes with their decisions, reviews, going live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from indicators.card import Card
from pipelines import track
from pipelines.track import TrackState
from pipelines.track import page as track_page
from pipelines.track import text as track_text
from pipelines.track.say import say as track_say
from pipelines.track.stored import Stored, Version
from pipelines.transfer import split
from pipelines.transfer.say import say
from schemas import questions
from schemas.config import Config
from schemas.settings import format_duration

HOWTO = Path(__file__).with_name("howto")
_BOX = {"done": "[x]", "missing": "[ ]", "overdue": "[!]"}


def files(
    config: Config, cards: Mapping[str, Card], states: Sequence[TrackState], there: Stored | None, about: Mapping[str, object]
) -> dict[str, str]:
    """All documents by name. ``about``: day, release, file, unzipped and hash, for the texts that name them."""
    found: dict[str, str] = {}
    for lang in ("nl", "en"):
        found[f"README.{lang}.md"] = _howto(config, about, lang)
        found[f"checklist.{lang}.md"] = _page(_checklist(config, cards, states, about, lang))
        for name in config.purposes:
            found[f"documents/purpose-{name}.{lang}.md"] = _page(_purpose(config, name, lang))
        found[f"documents/reviews.{lang}.md"] = _page(_reviews(config, lang))
        found[f"documents/decisions.{lang}.md"] = _page(_decisions(config, cards, there, str(about["hash"]), lang))
        found[f"documents/track.{lang}.html"] = track_page.html(states, lang)
    return found


def _page(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _howto(config: Config, about: Mapping[str, object], lang: str) -> str:
    text = (HOWTO / f"README.{lang}.md").read_text(encoding="utf-8")
    town = config.municipality
    parts = {**about, "town": getattr(town.name, lang), "slug": town.municipality, "k": town.k}
    for key, value in parts.items():
        text = text.replace("{" + key + "}", str(value))
    return text


def _checklist(
    config: Config, cards: Mapping[str, Card], states: Sequence[TrackState], about: Mapping[str, object], lang: str
) -> Iterator[str]:
    yield f"# {say('checklist', lang, town=config.municipality.name.model_dump())}"
    yield ""
    yield say("checklist_intro", lang, day=about["day"])
    for state in states:
        yield from ("", f"## {say('track_of', lang, purpose=state.title.model_dump())}", "", track_text.tally(state, lang))
        for number, step in enumerate(state.steps, 1):
            yield from ("", f"### {number}. {getattr(step.step.title, lang)}", "", f"*{getattr(step.step.question, lang)}*", "")
            yield from _items(step, state, lang)
        yield from ("", f"### {say('concerns', lang)}", "")
        if not state.concerns:
            yield say("no_concerns", lang)
        for concern in state.concerns:
            head, *rest = track_text.concern_lines(concern, state, lang)
            yield from (f"- {head}", *(f"  {line.strip()}" for line in rest))
    yield from ("", f"## {say('what_is_generic', lang)}")
    found = split.lines(config, cards)
    for kind in ("generic", "confirm", "specific"):
        yield from ("", f"### {say(f'head_{kind}', lang)}", "")
        yield from (f"- {say(line.text, lang, **line.parts)} (`{line.where}`)" for line in found if line.kind == kind)


def _items(step: track.StepState, state: TrackState, lang: str) -> Iterator[str]:
    for item in step.items:
        yield f"- {_BOX[item.state]} {track_text.item_line(item, lang)}"
        for found in item.found:
            yield f"  - {track.told(found, lang)} (`{found.where}`)"
        if item.state != "done":
            yield f"  - → {getattr(item.do, lang)}"
    if step.agreed:
        yield f"- [x] {track_say('agreed', lang, names=track_text.agreed(step, state, lang))}"
    if step.waiting:
        names = ", ".join(track_text.named(role, state, lang) for role in step.waiting)
        yield f"- [ ] {track_say('to_agree', lang, names=names)}"


def _purpose(config: Config, name: str, lang: str) -> Iterator[str]:
    purpose, town = config.purposes[name], config.municipality
    yield f"# {say('purpose_title', lang, title=purpose.title.model_dump())}"
    yield from ("", say("purpose_intro", lang, town=town.name.model_dump()))
    yield from (
        "",
        f"**{say('effect', lang)}.** {getattr(purpose.desired_effect, lang)}",
        "",
        f"**{say('questions', lang)}**",
        "",
    )
    yield from (f"- {getattr(question, lang)}" for question in purpose.questions)
    yield from ("", f"**{say('datasets', lang)}:** {', '.join(purpose.datasets)}")
    yield from ("", f"**{say('indicators', lang)}:** {', '.join(purpose.indicators)}")
    yield from ("", say("floor", lang, floor=purpose.k_floor))
    adopted = next(p for p in town.purposes if p.purpose == name)
    yield from ("", f"## {say('decision_of', lang, town=town.name.model_dump())}", "", "| | |", "|---|---|")
    told = {
        "legal_basis": adopted.legal_basis, "dpia": f"{adopted.dpia.reference} ({adopted.dpia.date})", "decided_on": adopted.decided_on,
        "review_by": adopted.review_by, "k": adopted.k, "retention": format_duration(adopted.retention),
        "audience": ", ".join(adopted.audience), "owner": adopted.owner,
    }  # fmt: skip
    yield from (f"| {say(key, lang)} | {_cell(value)} |" for key, value in told.items())
    for review in config.reviews.reviews if config.reviews else ():
        if review.purpose == name:
            yield from ("", f"## {say('review_head', lang, version=review.version, day=review.reviewed_on)}", "")
            roles = ", ".join(s.role for s in review.signed)
            yield say("signed", lang, roles=roles, day=review.reviewed_on, review=review.review_by)
            topics = {q.question: getattr(q.topic, lang) for q in questions.questions().questions}
            for question, answer in review.answers.items():
                yield from ("", f"**{topics.get(question, question)}.** {getattr(answer, lang)}")


def _reviews(config: Config, lang: str) -> Iterator[str]:
    yield from (f"# {say('reviews', lang)}", "", say("reviews_intro", lang), "")
    yield from _table([say(key, lang) for key in ("review_by", "what", "owner", "reason")], sorted(_dated(config)))


def _dated(config: Config) -> Iterator[tuple[date, str, str, str]]:
    for adopted in config.municipality.purposes:
        yield adopted.review_by, adopted.purpose, adopted.owner, adopted.dpia.reference
    for entry in config.municipality.thresholds:
        where = entry.event or entry.place or entry.place_type or config.municipality.municipality
        yield entry.review_by, f"{entry.indicator} ({where})", entry.owner, entry.reason


def _decisions(config: Config, cards: Mapping[str, Card], there: Stored | None, content: str, lang: str) -> Iterator[str]:
    yield from (
        f"# {say('decisions', lang, town=config.municipality.name.model_dump())}",
        "",
        say("decisions_intro", lang, hash=content),
        "",
    )
    if there is None:
        yield say("no_decisions", lang)
    else:
        head = [say(key, lang) for key in ("version", "how", "from", "by", "reason", "review")]
        yield from _table(head, (_version(v, lang) for v in there.versions))
    yield from ("", f"## {say('own_thresholds', lang)}", "")
    rows = []
    for number, entry in enumerate(config.municipality.thresholds):
        for key, value in split.threshold_values(config, cards, number):
            rows.append((key, value, entry.owner, entry.decided_on, entry.review_by, entry.reason))
    yield from _table([say(key, lang) for key in ("what", "value", "owner", "decided_on", "review_by", "reason")], rows)


def _version(row: Version, lang: str) -> Sequence[object]:
    begin = f"{row.effective_from:%Y-%m-%d %H:%M}Z" if row.effective_from else say("from_start", lang)
    review = f"{row.reviewed_by}, {row.reviewed_at:%Y-%m-%d}: {row.review_note}" if row.reviewed_at else row.review_by or ""
    return row.config_version, say(f"how_{row.how}", lang), begin, row.accepted_by or "", row.accepted_because or "", review


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    yield from (f"| {' | '.join(_cell(value) for value in row)} |" for row in rows)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
