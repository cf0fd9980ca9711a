"""A track as lines of text, and several side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipelines.track import Concern, Shown, StepState, TrackState, told
from pipelines.track.say import say
from pipelines.track.steps import steps, titles
from schemas.settings.base import Text

MARKS = {"done": "+", "missing": "-", "overdue": "!"}
SIGNS = {"done": "✓", "missing": "○", "overdue": "!"}  # on a page


def lines(state: TrackState, lang: str) -> list[str]:
    """The whole track of one initiative."""
    head = say("title", lang, town=_in(state.town, lang), purpose=_in(state.title, lang))
    found = [f"{head} ({say('as_of', lang, day=state.today)})", tally(state, lang)]
    if not state.with_workspace:
        found.append(say("no_workspace", lang))
    for number, step in enumerate(state.steps, 1):
        found += [
            "",
            f"{MARKS[step.state]} {number}. {_in(step.step.title, lang)}: {say(step.state, lang)}",
            *_step(step, state, lang),
        ]
    found += ["", say("concerns", lang)]
    if not state.concerns:
        found.append(f"  {say('no_concerns', lang)}")
    for concern in state.concerns:
        found += [f"  {line}" for line in concern_lines(concern, state, lang)]
    return found


def tally(state: TrackState, lang: str) -> str:
    """How many steps are done, and which are overdue."""
    parts = [say("tally", lang, done=len(state.of("done")), all=len(state.steps))]
    if late := state.of("overdue"):
        parts.append(say("tally_overdue", lang, names=", ".join(_in(s.step.title, lang) for s in late)))
    return "; ".join(parts)


def _step(step: StepState, state: TrackState, lang: str) -> Iterator[str]:
    for item in step.items:
        yield f"    {MARKS[item.state]} {item_line(item, lang)}"
        for found in item.found:
            by = f", {found.by}" if found.by else ""
            yield f"        {told(found, lang)}  [{found.where}{by}]"
        if item.state != "done":
            yield f"        → {_in(item.do, lang)}"
    if step.waiting:
        yield f"    {MARKS['missing']} {say('to_agree', lang, names=', '.join(named(r, state, lang) for r in step.waiting))}"
        yield f"        → {say('agreement_do', lang)}"
    if step.agreed:
        yield f"    {MARKS['done']} {say('agreed', lang, names=agreed(step, state, lang))}"
    if step.due and step.state != "done":
        yield f"      {say('due', lang, day=step.due)}"


def item_line(item: Shown, lang: str) -> str:
    """An item with its state."""
    late = f" ({say('late_since', lang, day=item.late)})" if item.late else f" ({say('missing', lang)})" if not item.found else ""
    return f"{_in(item.title, lang)}{late}"


def agreed(step: StepState, state: TrackState, lang: str) -> str:
    """Who agreed with a step, and when."""
    return ", ".join(f"{named(a.by, state, lang)} ({a.on})" for a in step.agreed)


def named(role: str, state: TrackState, lang: str) -> str:
    """A role or group in words."""
    return _in(state.names[role], lang) if role in state.names else role


def concern_lines(concern: Concern, state: TrackState, lang: str) -> list[str]:
    """A concern with all that followed on it."""
    found = []
    for what, by, on, text in concern.lines:
        who = named(by, state, lang)
        if what == "raised":
            about = f", {say('concern_about', lang, step=titles(lang)[concern.step])}" if concern.step else ""
            late = f" · {say('late_since', lang, day=concern.late)}" if concern.late else ""
            now = say("open" if concern.open else "answered", lang)
            found.append(f"{say('concern_head', lang, n=concern.number, who=who, day=on)}{about} · {now}{late}")
            found.append(f"    {text}")
        else:
            key = "answer_by" if what == "answered" else "reopened_by"
            found += [f"    {say(key, lang, who=who, day=on)}", f"      {text}"]
    return found


def side_by_side(states: Sequence[TrackState], lang: str) -> list[list[str]]:
    """A row a step and a column a track: its state, and who still has to agree; the last row counts open concerns."""
    rows = [["", *(f"{s.municipality} · {s.purpose}" for s in states)]]
    for number, step in enumerate(steps().steps):
        rows.append([f"{number + 1}. {_in(step.title, lang)}", *(_cell(s.steps[number], s, lang) for s in states)])
    rows.append([say("open_concerns", lang), *(str(sum(c.open for c in s.concerns)) for s in states)])
    return rows


def lacking(step: StepState, state: TrackState, lang: str) -> str:
    """What a step lacks, in one line; empty when it is done."""
    found = [_in(item.title, lang) for item in step.items if item.state != "done"]
    found += [say("agreement", lang, names=", ".join(named(r, state, lang) for r in step.waiting))] if step.waiting else []
    return "; ".join(found)


def _cell(step: StepState, state: TrackState, lang: str) -> str:
    told_ = lacking(step, state, lang)
    return f"{MARKS[step.state]} {say(step.state, lang)}{': ' + told_ if told_ else ''}"


def _in(text: Text, lang: str) -> str:
    return str(getattr(text, lang))
