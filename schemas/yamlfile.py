"""Read a YAML file into a pydantic model, keeping the line of every key.

The line numbers serve two readers: whoever made a mistake (``file:line key: what. fix``) and whoever asks
which line decided a threshold. Unknown keys are errors with a "did you mean".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from schemas import mistakes, yamlsafe
from schemas.problems import Problem, Problems

Path_ = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)
_TODO = re.compile(r"TODO\b[\s:;,.-]*(.*)", re.DOTALL)


class Document:
    """A parsed YAML file: plain ``data`` and ``line(path)`` for the line (from 1) on which a key stands."""

    def __init__(self, file: str, data: Any, lines: dict[Path_, int]):
        self.file, self.data, self._lines = file, data, lines

    def line(self, path: Path_) -> int:
        """Line of the key at ``path``, or of its nearest parent that stands in the file."""
        for length in range(len(path), -1, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 1

    def problem(self, path: Path_, what: str, fix: str) -> Problem:
        """A :class:`Problem` located at ``path``."""
        return Problem(self.file, self.line(path), ".".join(str(p) for p in path), what, fix)


def read_text(path: Path, shown: str) -> str:
    """The text of a UTF-8 file (a byte order mark is left out). Raises :class:`Problems` when it cannot be read."""
    try:
        if path.stat().st_size > yamlsafe.MAX_BYTES:
            what = f"larger than {yamlsafe.MAX_BYTES // 2**20} MB"
            raise Problems([Problem(shown, 0, "", what, "Keep data out of config; simplify the drawings of places.")])
        raw = path.read_bytes()
        return raw.decode("utf-8-sig")
    except FileNotFoundError:
        raise Problems([Problem(shown, 0, "", "this file does not exist", "Create it or correct the name.")]) from None
    except UnicodeDecodeError as error:
        utf16 = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
        line = 1 if utf16 else raw.count(b"\n", 0, error.start) + 1
        what = "not UTF-8 but UTF-16" if utf16 else f"not UTF-8 (byte {error.start})"
        raise Problems([Problem(shown, line, "", what, "Save the file as UTF-8.")]) from None
    except OSError as error:
        what = f"this file cannot be read ({error.strerror})"
        raise Problems([Problem(shown, 0, "", what, "Give the name of a readable file.")]) from None


def read(path: Path, shown_as: str | None = None) -> Document:
    """Read one YAML file. Raises :class:`Problems` when it is not YAML, not UTF-8, or repeats a key."""
    shown = shown_as or str(path)
    return parse(read_text(path, shown), shown)


def parse(text: str, shown: str) -> Document:
    """Parse YAML text; ``shown`` is the file name used in messages."""
    try:
        yamlsafe.scan(text, shown)
    except yaml.MarkedYAMLError as error:
        raise Problems([_not_yaml(shown, error)]) from None
    except yaml.reader.ReaderError as error:
        raise Problems([_unreadable(text, shown, error)]) from None
    try:
        loader = yamlsafe.Loader(text)
    except yaml.reader.ReaderError as error:
        raise Problems([_unreadable(text, shown, error)]) from None
    try:
        node = loader.get_single_node()
        if node is None:
            raise Problems([Problem(shown, 1, "", "the file is empty", "Fill it in, or remove it.")])
        lines: dict[Path_, int] = {(): 1}
        repeated = list(_walk(node, (), lines))
        if repeated:
            raise Problems(
                Problem(shown, line, ".".join(map(str, key)), "this key stands twice", "Keep one of them.")
                for key, line in repeated
            )
        return Document(shown, loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        raise Problems([_not_yaml(shown, error)]) from None
    except ValueError as error:
        raise Problems([Problem(shown, 0, "", f"not readable as YAML: {error}", "Put odd values in quotes.")]) from None
    finally:
        loader.dispose()


def _not_yaml(shown: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 0
    return Problem(shown, line, "", f"not readable as YAML: {error.problem}", "Check indentation, colons and quotes.")


def _unreadable(text: str, shown: str, error: yaml.reader.ReaderError) -> Problem:
    line = text.count("\n", 0, error.position) + 1
    return Problem(shown, line, "", "a character that YAML does not allow", "Remove it, or save the file as plain UTF-8 text.")


def _walk(node: yaml.Node, path: Path_, lines: dict[Path_, int]) -> Iterator[tuple[Path_, int]]:
    """Note the line of each key and item below ``node``; yield keys that stand twice in one mapping."""
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key = (*path, _key(key_node))
            if key in lines:
                yield key, key_node.start_mark.line + 1
            lines[key] = key_node.start_mark.line + 1
            yield from _walk(value_node, key, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*path, index)] = item.start_mark.line + 1
            yield from _walk(item, (*path, index), lines)


def _key(node: yaml.Node) -> str:
    return str(node.value)


def build(model: type[Model], document: Document) -> Model:
    """Make ``model`` from a document. Raises :class:`Problems`, one per mistake, each with its line.

    A value that is TODO, or begins with it, is a decision that nobody took yet: it is named as such, whatever its key asks for.
    """
    if not isinstance(document.data, dict):
        raise Problems([document.problem((), "expected keys and values", "Start with `key: value` lines.")])
    undecided = dict(_undecided(document.data, ()))
    told = [document.problem(where, "still to be decided (TODO)", fix) for where, fix in undecided.items()]
    try:
        made = model.model_validate(document.data)
    except ValidationError as error:
        found = mistakes.explain(model, document.data, error)
        told += [document.problem(*mistake) for mistake in found if not _below(mistake[0], undecided)]
    else:
        if not told:
            return made
    raise Problems(sorted(told, key=lambda p: p.line) if undecided else told)


def _undecided(data: Any, at: Path_) -> Iterator[tuple[Path_, str]]:
    """Where a value is still to be decided, with what stands behind TODO."""
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _undecided(value, (*at, key))
    elif isinstance(data, str) and (found := _TODO.match(data)):
        yield at, found[1][:1].upper() + found[1][1:] or "Write what holds here in its place."


def is_undecided(value: Any) -> bool:
    """Whether a value is TODO, or begins with it."""
    return isinstance(value, str) and _TODO.match(value) is not None


def _below(where: Path_, undecided: Iterable[Path_]) -> bool:
    """Whether a mistake is of a value that is undecided, or of the choice that it stands in."""
    return any(where == path[: len(where)] or path == where[: len(path)] for path in undecided if where)


def load(model: type[Model], path: Path, shown_as: str | None = None) -> tuple[Model, Document]:
    """:func:`read` and :func:`build` in one step."""
    document = read(path, shown_as)
    return build(model, document), document
