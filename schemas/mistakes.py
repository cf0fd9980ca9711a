"""Turn pydantic's findings into sentences for whoever wrote the file: where, what is wrong, what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

Loc = tuple[str | int, ...]
Mistake = tuple[Loc, str, str]

_UNKNOWN, _ABSENT = "unknown key", "this key is required"
_NEEDED = {
    "string_type": ("text is needed", "Put it in quotes."),
    "model_type": ("keys and values are needed", "Write `key: value` lines below it, indented."),
    "model_attributes_type": ("keys and values are needed", "Write `key: value` lines below it, indented."),
    "dict_type": ("keys and values are needed", "Write `key: value` lines below it, indented."),
    "tuple_type": ("a list is needed", "Write [a, b], or one `- item` a line."),
    "list_type": ("a list is needed", "Write [a, b], or one `- item` a line."),
    "int_type": ("a whole number is needed", "Write for example 15."),
    "int_parsing": ("a whole number is needed", "Write for example 15."),
    "int_from_float": ("a whole number is needed", "Write for example 15."),
    "float_type": ("a number is needed", "Write for example 2.15."),
    "float_parsing": ("a number is needed", "Write for example 2.15."),
    "bool_type": ("true or false is needed", "Write true or false."),
    "bool_parsing": ("true or false is needed", "Write true or false."),
    "date_type": ("a day is needed", "Write it as 2026-04-27."),
    "date_parsing": ("a day is needed", "Write it as 2026-04-27, a day that exists."),
    "date_from_datetime_parsing": ("a day is needed", "Write it as 2026-04-27, a day that exists."),
    "date_from_datetime_inexact": ("a day is needed", "Write it as 2026-04-27, without a time."),
}


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """``Did you mean `x`?`` when something near is known; else what is known, after ``otherwise``."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"Did you mean `{near[0]}`?"
    listed = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"{otherwise} Known here: {listed or 'none'}.".strip()


def explain(model: type[BaseModel], data: Any, error: ValidationError) -> list[Mistake]:
    """One (location, what, fix) per mistake, in the order of the file. Of a choice between shapes the best try is told."""
    found: dict[Loc, list[Mistake]] = {}
    for one in error.errors(include_url=False):
        loc = _in_file(data, one["loc"], one["type"])
        found.setdefault(loc, []).append(_mistake(model, loc, dict(one)))
    deepest = [loc for loc in found if not any(other[: len(loc)] == loc and other != loc for other in found)]
    told = [_merged(found[loc]) for loc in deepest]
    # A key that is missing because it was misspelt is one mistake, not two.
    meant = {(loc[:-1], fix) for loc, what, fix in told if what == _UNKNOWN}
    return [m for m in told if not (m[1] == _ABSENT and (m[0][:-1], f"Did you mean `{m[0][-1]}`?") in meant)]


def _in_file(data: Any, loc: Loc, kind: str) -> Loc:
    """The location as it stands in the file: without the names pydantic adds for branches of a choice."""
    kept: list[str | int] = []
    for place, part in enumerate(loc):
        last_and_absent = kind == "missing" and place == len(loc) - 1
        if (isinstance(data, dict) and part in data) or (isinstance(data, list) and isinstance(part, int)):
            data = data[part]  # type: ignore[index]
        elif not last_and_absent:
            continue
        kept.append(part)
    return tuple(kept)


def _merged(options: list[Mistake]) -> Mistake:
    """Several findings at one place (a choice none of whose branches fits) as one."""
    loc, what, fix = options[0]
    others = [text for _, _, text in options[1:] if text != fix]
    return loc, what, " Or: ".join([fix, *dict.fromkeys(others)])


def _mistake(model: type[BaseModel], loc: Loc, error: dict[str, Any]) -> Mistake:
    kind = error["type"]
    if kind == "extra_forbidden":
        if error.get("input") is None and " " in str(loc[-1]):  # half a sentence: {nl: Hitte, 31 graden}
            return loc, _UNKNOWN, "A text with a comma in it stands in quotes between braces."
        return loc, _UNKNOWN, did_you_mean(str(loc[-1]), known_keys(model, loc[:-1]))
    if kind == "missing":
        return loc, _ABSENT, f"Add `{error['loc'][-1]}:`."
    return loc, *_wrong_value(kind, error.get("input"), error.get("ctx", {}), str(error["msg"]))


def _wrong_value(kind: str, value: Any, context: dict[str, Any], message: str) -> tuple[str, str]:
    """What is wrong with a value, and the fix."""
    shown = _shown(value)
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", context["expected"]) or [context["expected"]]
        return f"{shown} is not known here", did_you_mean(str(value), allowed)
    if kind.startswith("union_tag"):
        key = str(context["discriminator"]).strip("'")
        return f"`{key}` does not say which shape this is", f"Write `{key}:` with {context.get('expected_tags', 'a known one')}."
    if kind == "string_pattern_mismatch":
        return f"{shown} does not have the right form", f"It must match {context['pattern']}."
    if kind in _NEEDED:
        needed, fix = _NEEDED[kind]
        return f"{needed}, not {shown}", fix
    what, _, fix = message.removeprefix("Value error, ").rstrip(".").partition(" | ")
    return what if fix else f"{shown}: {what}", fix or "Correct the value."


def _shown(value: Any) -> str:
    """A value short enough for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, dict | list | tuple):
        return "a list" if not isinstance(value, dict) else "keys and values"
    text = str(value)
    return f"`{text if len(text) <= 60 else text[:57] + '…'}`"


def known_keys(model: type[BaseModel], loc: Loc) -> list[str]:
    """Keys allowed at ``loc``, found by following field annotations; empty when they cannot be told."""
    current: Any = model
    for part in loc:
        if isinstance(part, int):
            continue
        options = [m for m in _models(current) if part in m.model_fields or _by_alias(m, part)]
        if not options:
            continue
        current = options[0].model_fields[_by_alias(options[0], part) or part].annotation
    return sorted({f.alias or name for m in _models(current) for name, f in m.model_fields.items()})


def _by_alias(model: type[BaseModel], alias: str | int) -> str | None:
    return next((name for name, f in model.model_fields.items() if f.alias == alias), None)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """All models inside an annotation such as ``dict[str, Band | None]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for arg in getattr(annotation, "__args__", ()) for m in _models(arg)]
