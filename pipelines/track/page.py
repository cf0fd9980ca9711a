"""Tracks as one self-contained page: side by side where there are several, then each in full with its concerns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pipelines.track import StepState, TrackState, told
from pipelines.track import text as in_words
from pipelines.track.say import say
from pipelines.track.steps import steps

STYLE = Path(__file__).with_name("page.css")


class Voice:
    """What a template of a page with tracks needs, in one language."""

    def __init__(self, lang: str):
        self.lang = lang

    def names(self) -> dict[str, Any]:
        """Names of the template."""
        return {
            "lang": self.lang, "style": Markup(STYLE.read_text(encoding="utf-8")), "steps": steps().steps, "badge": self.badge,
            "t": lambda key, **values: say(key, self.lang, **values), "told": lambda found: told(found, self.lang),
            "code": code, "lacking": self.lacking, "waiting": self.waiting, **{
                name: partial(self._worded, getattr(in_words, name))
                for name in ("tally", "agreed", "named", "concern_lines")
            },
        }  # fmt: skip

    def _worded(self, function: Any, *values: Any) -> Any:
        return function(*values, self.lang)

    def badge(self, state: str) -> Markup:
        """A state as a mark with words: colour is never the only sign."""
        return Markup('<span class="badge {}">{}</span>').format(state, f"{in_words.SIGNS[state]} {say(state, self.lang)}")

    def waiting(self, step: StepState, state: TrackState) -> str:
        """Who still has to agree."""
        return ", ".join(in_words.named(role, state, self.lang) for role in step.waiting)

    def lacking(self, step: StepState, state: TrackState) -> str:
        """What a step lacks, in one line."""
        return in_words.lacking(step, state, self.lang)


def code(text: str) -> Markup:
    """A text in which what stands between backticks is shown as something to type."""
    parts = [
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(text.split("`"))
    ]
    return Markup("").join(parts)


def environment(package: str = "pipelines.track") -> Environment:
    """Templates of a package, everything escaped."""
    made = Environment(loader=PackageLoader(package, "."), autoescape=True, undefined=StrictUndefined)
    made.trim_blocks = made.lstrip_blocks = True
    return made


def html(states: Sequence[TrackState], lang: str) -> str:
    """The page."""
    first = states[0]
    title = (
        say("title", lang, town=getattr(first.town, lang), purpose=getattr(first.title, lang))
        if len(states) == 1
        else say("compare_title", lang)
    )
    return environment().get_template("page.html.j2").render(states=states, title=title, **Voice(lang).names())
