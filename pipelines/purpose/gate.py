"""The gate of purpose binding (rule 23, docs/decisions/0024): a use that no review covers does not run, and nothing of it leaves the house.

Where nobody has reviewed anything yet a municipality tries out, loudly marked, inside its own workspace. Once there is a review, it
is the measure: what takes protection away (k, audience, retention, a purpose not reviewed) is refused everywhere; what only adds
(a dataset, column, indicator, place) can be tried on history, and is refused live. A card of one's own that was not reviewed is
left out of live runs, so that adding one does not stop an evening.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from indicators.card import Card
from indicators.chosen import is_own
from pipelines.notes import Note
from pipelines.purpose import say
from pipelines.purpose.state import State, states
from schemas.config import Config
from schemas.problems import Outside, Problems

Verb = Literal["run", "backfill", "replay"]


@dataclass(frozen=True)
class Admitted:
    """What a run may go by: the cards that were reviewed, how each purpose stands, and what a person must know of it."""

    cards: Mapping[str, Card]
    states: tuple[State, ...]
    notes: tuple[Note, ...]


def admit(config: Config, cards: Mapping[str, Card], at: datetime, verb: Verb) -> Admitted:
    """What a run of ``verb`` at a moment (aware) may go by. Raises :class:`Problems`, all :class:`Outside`, for what it may not."""
    found = states(config, cards, at)
    left_out = _left_out(config, found) if verb == "run" else ()
    problems = [p for state in found for p in _refused(config, state, verb, left_out, trial=_on_trial(found))]
    problems += _only_further(config, cards, found)
    if problems:
        raise Problems(problems)
    kept = {name: card for name, card in cards.items() if name not in left_out} if left_out else cards
    notes = [note for state in found for note in say.notes(state, verb, left_out)]
    return Admitted(kept, tuple(found), tuple(notes))


def refuse(config: Config, cards: Mapping[str, Card], at: datetime, verb: Verb) -> None:
    """Raises :class:`Problems` where a run of ``verb`` would be refused."""
    admit(config, cards, at, verb)


def leaves_the_house(config: Config, cards: Mapping[str, Card], at: datetime, purpose: str | None = None) -> State:
    """The state of the purpose under which something may leave the house (the first adopted, if none is named).

    Raises :class:`Problems` when no review covers it, and when it is not adopted.
    """
    found = states(config, cards, at)
    state = next((s for s in found if purpose in (None, s.purpose)), None)
    if state is None:
        what = f"purpose `{purpose}` is not adopted here"
        fix = f"Adopt it under `purposes`, and have it reviewed: {say.to_decide()}."
        raise Problems([_outside(config, ("purposes",), what, fix)])
    if not state.covered:
        what, fix = say.why_not(state)
        raise Problems([_outside(config, _where(config, state), f"nothing of `{state.purpose}` leaves the house: {what}", fix)])
    return state


def _on_trial(found: list[State]) -> bool:
    return all(state.standing in ("unreviewed", "unsigned") for state in found)


def _left_out(config: Config, found: list[State]) -> tuple[str, ...]:
    """Own cards that were not reviewed, where nothing else goes beyond the review."""
    own = [b.what for s in found if s.standing == "void" for b in s.beyond if b.kind == "indicator" and is_own(config, b.what)]
    return tuple(dict.fromkeys(own))


def _refused(config: Config, state: State, verb: Verb, left_out: tuple[str, ...], *, trial: bool) -> list[Outside]:
    if state.covered or trial:
        return []
    if verb != "run" and (state.standing == "expired" or (state.standing == "void" and not state.weakened)):
        return []
    if state.standing == "void" and all(b.what in left_out for b in state.beyond):
        return []
    what, fix = say.why_not(state)
    return [_outside(config, _where(config, state), f"`{state.purpose}` may not be used as it stands: {what}", fix)]


def _only_further(config: Config, cards: Mapping[str, Card], found: list[State]) -> list[Outside]:
    """Signals of further purposes that the first does not know: in its file nobody could say what opened a situation."""
    first = set(found[0].used.indicators)
    problems = []
    for state in found[1:]:
        for name in state.used.indicators:
            if cards[name].role == "signal" and name not in first:
                what = (
                    f"`{name}` opens situations, and only `{state.purpose}` names it, not the first purpose `{found[0].purpose}`"
                )
                fix = "Situations of two purposes would mix. Have the first purpose name it too, or use a workspace of its own for this one."
                problems.append(_outside(config, _where(config, state), what, fix))
    return problems


def _where(config: Config, state: State) -> tuple[str | int, ...]:
    return ("purposes", config.municipality.purposes.index(state.adoption))


def _outside(config: Config, path: tuple[str | int, ...], what: str, fix: str) -> Outside:
    problem = config.document.problem(path, what, fix)
    return Outside(problem.file, problem.line, problem.key, problem.what, problem.fix)
