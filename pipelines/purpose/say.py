"""How a purpose stands, in words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pipelines.notes import Note
from pipelines.purpose.state import State
from schemas import yamlfile
from schemas.questions import questions
from schemas.settings.review import ADDS, Beyond


def notes(state: State, verb: str, left_out: tuple[str, ...]) -> Iterator[Note]:
    """What every run says of a purpose; nothing while a review covers it and its date is far."""
    told = {"purpose": state.purpose, "day": state.review_by, "until": state.keeps_until, "owner": state.adoption.owner}
    if state.adoption.grace:
        told["owner"] = state.adoption.grace.owner
    if state.standing == "void":
        own = [b for b in state.beyond if b.what in left_out]
        if own and verb == "run":
            yield _note("left_out", names=", ".join(b.what for b in own), **told)
        else:
            yield _note("tried_out", names=listed(state.beyond, "en"), names_nl=listed(state.beyond, "nl"), **told)
    elif state.standing != "reviewed":
        yield _note(state.standing, **told)


def why_not(state: State) -> tuple[str, str]:
    """(what is wrong, what to do) of a purpose that no review covers, in English as all mistakes are."""
    if state.standing in ("unreviewed", "unsigned"):
        what = (
            "no review of it was signed"
            if state.review is None
            else f"its owner `{state.adoption.owner}` has not signed the review"
        )
        return what, f"A review would have to decide: {to_decide()}. Run `drukte purpose review`."
    if state.standing == "expired":
        what = f"its review date {state.review_by} has passed, and its grace ended on {state.keeps_until}"
        return what, "Review it anew: `drukte purpose review`, and write the new review_by."
    assert state.review
    what = f"the review of {state.review.reviewed_on} does not cover {listed(state.beyond, 'en')}"
    added = [b for b in state.beyond if b.kind in ADDS]
    asks = f"A review would have to decide whether {listed(tuple(added) or state.beyond, 'en')} is needed, in proportion, and for whom."
    return what, f"{asks} Run `drukte purpose review`, or take it out."


def to_decide() -> str:
    """What a review decides, in one breath: the topics of the questions."""
    return ", ".join(q.topic.en.lower() for q in questions().questions)


def listed(beyond: tuple[Beyond, ...], lang: str, most: int = 8) -> str:
    """``indicator `growth`, k 10 (reviewed: 15)``."""
    told = [text(f"beyond_{b.kind}", lang, what=b.what, was=b.was) for b in beyond[:most]]
    if len(beyond) > most:
        told.append(text("more", lang, n=len(beyond) - most))
    return ", ".join(told)


def _note(kind: str, **values: object) -> Note:
    nl = {**values, "names": values.get("names_nl", values.get("names"))}
    return Note(kind, text(kind, "nl", **nl), text(kind, "en", **values))


def text(key: str, lang: str, **values: object) -> str:
    """A text of ``texts.yaml`` in a language, filled in."""
    return _texts()[key][lang].format(**values)


@cache
def _texts() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/purpose/texts.yaml").data
    return found
