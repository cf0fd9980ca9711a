"""A draft of a source declaration, decided: what the file does not tell, told by whoever knows the supplier.

The draft stays text, so that its comments stay. A decision names a key as it stands there (``time.stamps``, or ``stamps`` for one that is
open); it may also replace what was read from the file, or add a key below one that is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

import yaml

from pipelines.faults import UsageError
from schemas.mistakes import did_you_mean

_KEY = re.compile(r"^(\s*)([A-Za-z_]+):[ \t]*(.*)$")
_DECIDED = "   # decided; the file does not tell"

Ask = Callable[[str, list[str]], str | None]


def decide(
    text: str, decisions: Mapping[str, str], ask: Ask | None, ids: Callable[[list[str]], dict[str, str]], timezone: str
) -> tuple[str, tuple[str, ...]]:
    """The text with decisions taken, and the keys that are still open. Raises :class:`UsageError` for one that fits nothing.

    ``ids``: the ids in columns with a place each, for the map when it is decided which columns say where. ``timezone``: the clock of a
    time without offset.
    """
    return _Deciding(text, dict(decisions), ask, ids, timezone).done()


class _Deciding:
    def __init__(
        self, text: str, decisions: dict[str, str], ask: Ask | None, ids: Callable[[list[str]], dict[str, str]], timezone: str
    ):
        self.lines, self.decisions, self.ask, self.ids, self.timezone = text.splitlines(), decisions, ask, ids, timezone
        self.where: list[str] = []
        self.left: list[str] = []
        self.keys: list[str] = []
        self.out: list[str] = []

    def done(self) -> tuple[str, tuple[str, ...]]:
        parents: list[tuple[int, str]] = []
        number = 0
        while number < len(self.lines):
            line = self.lines[number]
            number += 1
            found = _KEY.match(line)
            if not found:
                self.out.append(line)
                continue
            parents = [p for p in parents if p[0] < len(found[1])] + [(len(found[1]), found[2])]
            key = ".".join(k for _, k in parents)
            self.keys.append(key)
            if self._line(key, found, self.lines[number:]):
                while number < len(self.lines) and _inside(self.lines[number], len(found[1])):
                    number += 1  # the block that the decision stands for
        self._added()
        return "\n".join(self._not_ignored()) + "\n", tuple(self.left)

    def _line(self, key: str, found: re.Match[str], rest: list[str]) -> bool:
        """Put out one key; True when a decision replaces the block below it."""
        indent, name, value = found.groups()
        is_open = re.match(r"TODO\b", value) is not None
        given = self.decisions.pop(key, None)
        if given is None and is_open:
            given = self.decisions.pop(name, None)
        follows = key == "place.map" and bool(self.where)
        if given is None and follows:
            given = yaml.safe_dump(self.ids(self.where), default_flow_style=True, allow_unicode=True, width=100_000).strip()
        if given is None and is_open and self.ask:
            question = value.partition("#")[2].strip().removesuffix("candidates:").rstrip("; ")
            given = self.ask(f"{key} ({question})" if question else key, _candidates(rest))
        if given is None:
            self.left += [key] if is_open else []
            self.out.append(found[0])
            return False
        self.out.append(f"{indent}{name}: {_readable(given)}{_DECIDED}")
        if key == "time.columns":
            self._clock(given, _candidates(rest))
        if key == "place.columns":
            self.where = [c.strip(" '\"") for c in given.strip("[] ").split(",")]
        return not is_open or follows

    def _clock(self, given: str, candidates: list[str]) -> None:
        """Format and clock follow from which column is the time: the draft read the other candidate."""
        form = next((c.partition(" as ")[2].strip() for c in candidates if c.split(" as ")[0].strip() == given.strip()), "")
        if not form:
            return
        self.decisions.setdefault("time.format", f'"{form}"' if "%" in form else form)
        clock = "utc" if form.startswith("epoch") else "offset" if "%z" in form else "local"
        self.decisions.setdefault("time.clock", clock)
        if self.decisions["time.clock"] == "local":
            self.decisions.setdefault("time.timezone", self.timezone)

    def _added(self) -> None:
        """Keys that the draft does not have, below one that it has."""
        for key, value in self.decisions.items():
            parent, _, name = key.rpartition(".")
            if parent not in self.keys or not re.fullmatch(r"[a-z_]+", name):
                raise UsageError(
                    f"--decide {key}: there is no such key in the draft. {did_you_mean(key, self.left or self.keys)}"
                )
            at = next(i for i, line in enumerate(self.out) if re.match(rf"^{parent}:", line))
            self.out.insert(at + 1, f"  {name}: {_readable(value)}{_DECIDED}")

    def _not_ignored(self) -> list[str]:
        """What says where is no longer to be ignored."""
        names = "|".join(map(re.escape, self.where)) or "(?!)"
        return [
            re.sub(rf"(?<=[\[ ])(?:{names})(?:, |(?=\]))", "", line) if line.startswith("ignore:") else line for line in self.out
        ]


def _readable(value: str) -> str:
    """A value as it was given, in quotes when YAML would not read it otherwise (``%d-%m-%Y``)."""
    try:
        yaml.safe_load(value)
    except yaml.YAMLError:
        return json.dumps(value, ensure_ascii=False)
    return value


def choices(text: str) -> dict[str, list[str]]:
    """What a draft leaves open, by key, with the candidates that stand below it."""
    lines, parents, found = text.splitlines(), list[tuple[int, str]](), dict[str, list[str]]()
    for number, line in enumerate(lines):
        if is_key := _KEY.match(line):
            parents = [p for p in parents if p[0] < len(is_key[1])] + [(len(is_key[1]), is_key[2])]
            if re.match(r"TODO\b", is_key[3]):
                asks = [is_key[3].partition("#")[2].strip()] if "candidates:" not in is_key[3] else []
                found[".".join(k for _, k in parents)] = asks + _candidates(lines[number + 1 :])
    return found


def _inside(line: str, depth: int) -> bool:
    return bool(line.strip()) and len(line) - len(line.lstrip()) > depth and not line.lstrip().startswith("#")


def _candidates(lines: list[str]) -> list[str]:
    found = []
    for line in lines:
        inside = re.match(r"^\s*#   (.*)$", line)
        if not inside:
            break
        found.append(inside[1])
    return found
