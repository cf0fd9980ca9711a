"""A sound configuration, and the many ways in which a person (or an attacker) breaks one of its files.

:data:`KINDS` apply to every YAML file, :data:`ONE_OFF` to one. Each case says which file is blamed, a text on the line that is told
(None: the file as a whole), a key, and a part of the message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.indicators import a_card
from tests.pipelines.broken_one_file import CARD, MARK, ONE_OFF, PURPOSE, TOWN, ZONES
from tests.schemas import a_config


@dataclass(frozen=True)
class Case:
    """``change`` gives the broken content of ``file`` (None: take the file away); the message is told of ``blamed``."""

    name: str
    file: str
    change: Callable[[str], str | bytes | None]
    key: str
    what: str
    blamed: str


def write(folder: Path) -> Path:
    """The sound configuration: the small town with a card of its own."""
    config = a_config.write(folder)
    own = a_card.PLAIN.replace("id: crowding", "id: town.crowding", 1)
    (config / "indicators").mkdir()
    (config / CARD).write_text(own, encoding="utf-8")
    return config


def break_(config: Path, case: Case) -> int:
    """Break one file as the case says; returns the line (from 1) that must be told, 0 for the file as a whole."""
    path = config / case.file
    broken = case.change(path.read_text(encoding="utf-8"))
    if broken is None:
        path.unlink()
        return 0
    raw = broken if isinstance(broken, bytes) else broken.encode()
    at = raw.find(MARK.encode())
    at = at if at >= 0 else raw.find(MARK.encode("utf-16-le"))
    path.write_bytes(raw.replace(MARK.encode(), b"").replace(MARK.encode("utf-16-le"), b""))
    return raw[:at].count(b"\n") + 1 if at >= 0 else 0


def _swap(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text, f"{old!r} does not stand in the file"
        return text.replace(old, new, 1)

    return change


def _end(text: str, more: str) -> str:
    return text.rstrip("\n") + "\n" + more


def _bomb() -> str:
    names = "abcdefghij"
    steps = [f"{b}: &{b} [{', '.join(['*' + a] * 10)}]" for a, b in pairwise(names)]
    return "\n".join([f"a: &a [{', '.join(['lol'] * 10)}]{MARK}", *steps]) + "\n"


# (kind, change, key, part of the message): for each YAML file.
KINDS: list[tuple[str, Callable[[str], str | bytes | None], str, str]] = [
    ("empty", lambda t: MARK, "", "the file is empty"),
    ("only a comment", lambda t: f"# nothing yet{MARK}\n", "", "the file is empty"),
    ("a list instead of keys", lambda t: f"- a{MARK}\n- b\n", "", "expected keys and values"),
    ("a sentence instead of keys", lambda t: f"see the other file{MARK}\n", "", "expected keys and values"),
    ("a tab for indentation", lambda t: _end(t, f"extra:\n\t{MARK}a: 1\n"), "", "not readable as YAML"),
    ("a bracket left open", lambda t: f"{t}extra: [1, 2\nmore:{MARK} 3\n", "", "not readable as YAML"),
    ("two documents", lambda t: _end(t, f"---{MARK}\na: 1\n"), "", "another document"),
    ("a key twice", lambda t: _end(t, f"extra: 1\nextra: 2{MARK}\n"), "extra", "stands twice"),
    ("an unknown key", lambda t: _end(t, f"colour: red{MARK}\n"), "colour", "unknown key"),
    ("an alias", lambda t: _end(t, f"x: *y{MARK}\n"), "", "an alias (`*y`) has no place"),
    ("an anchor", lambda t: _end(t, f"x: &y 1{MARK}\n"), "", "an anchor (`&y`) has no place"),
    ("a merge key", lambda t: _end(t, f"<<: {{a: 1}}{MARK}\n"), "<<", "unknown key"),
    ("a bomb of aliases", lambda t: _bomb(), "", "an anchor (`&a`) has no place"),
    ("an object of Python", lambda t: _end(t, f"x: !!python/object/apply:os.system [touch {MARK}proof]\n"), "", "a tag (`!!python"),
    ("a module of Python", lambda t: _end(t, f"x: !!python/module:subprocess{MARK}\n"), "", "a tag (`!!python/module"),
    ("a tag of one's own", lambda t: _end(t, f"x: !include{MARK} other.yaml\n"), "", "a tag (`!include`) has no place"),
    ("binary content", lambda t: _end(t, f"x: !!binary{MARK} aGk=\n"), "", "a tag (`!!binary`)"),
    ("a control character", lambda t: _end(t, f'x: "a\\0b"{MARK}\n'), "", "a control character has no place"),
    ("a bell in the text", lambda t: _end(t, f"x: \x07{MARK}\n"), "", "a character that YAML does not allow"),
    ("nested without end", lambda t: _end(t, f"x: {MARK}{'[' * 5000}\n"), "", "nesting of more than"),
    ("Latin-1", lambda t: _end(t, f"x: caf\u00e9\n{MARK}").encode("latin-1", "ignore").replace(b"caf", MARK.encode() + b"caf"), "", "not UTF-8"),
    ("UTF-16", lambda t: (MARK + t).encode("utf-16"), "", "UTF-16"),
    ("a picture", lambda t: b"\x89PNG\r\n\x1a\n\x00\x00", "", "not UTF-8"),
]  # fmt: skip
FILES = (TOWN, ZONES, PURPOSE, CARD)


def cases() -> Iterator[Case]:
    """Every kind of mistake in every file, and those of one file."""
    for file in FILES:
        for kind, change, key, what in KINDS:
            yield Case(f"{kind}, in {file}", file, change, key, what, file)
    for file in (ZONES, PURPOSE):
        key = "purposes.0.purpose" if file == PURPOSE else "sources.0"
        yield Case(f"not there: {file}", file, lambda _: None, key, "there is no", TOWN)
    for name, file, old, new, key, what in ONE_OFF:
        if new is None:
            yield Case(name, file, lambda t: t.encode("utf-16"), key, what, file)
        else:
            yield Case(name, file, _swap(old, new), key, what, file)
