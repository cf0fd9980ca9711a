"""Reading YAML: every mistake comes with file, line, key and what to do, and nothing a person can write crashes it."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import mistakes, yamlfile
from schemas.problems import Problem, Problems
from schemas.settings.base import Duration, Slug, Strict
from tests.evidence import count


class _Inner(Strict):
    color: Literal["red", "green"]
    size: int
    wait: Duration = "15min"


class _Other(Strict):
    weight: float


class _Model(Strict):
    name: str
    inner: _Inner | None = None
    choice: Literal["none"] | _Other = "none"
    items: tuple[_Inner, ...] = ()
    named: dict[Slug, _Inner] = {}  # noqa: RUF012
    flag: bool = False


def _problems(text: str) -> list[Problem]:
    with pytest.raises(Problems) as caught:
        yamlfile.build(_Model, yamlfile.parse(text, "f.yaml"))
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "line", "key", "what", "fix"),
    [
        ("nam: x\nname: y\n", 1, "nam", "unknown key", "Did you mean `name`?"),
        ("name: x\ninner:\n  color: red\n  size: 1\n  zzz: 1\n", 5, "inner.zzz", "unknown key", "Known here: color, size, wait."),
        ("inner: {color: red, size: 1}\n", 1, "name", "this key is required", "Add `name:`."),
        (
            "name: x\nitems:\n  - color: red\n    size: 1\n  - color: red\n",
            5,
            "items.1.size",
            "this key is required",
            "Add `size:`.",
        ),
        ("name: 12\n", 1, "name", "text is needed, not `12`", "Put it in quotes."),
        ("name:\n", 1, "name", "text is needed, not nothing", "Put it in quotes."),
        ("name: x\ninner:\n  color: grene\n  size: 1\n", 3, "inner.color", "`grene` is not known here", "Did you mean `green`?"),
        (
            "name: x\ninner:\n  color: red\n  size: many\n",
            4,
            "inner.size",
            "a whole number is needed, not `many`",
            "Write for example 15.",
        ),
        (
            "name: x\ninner: 3\n",
            2,
            "inner",
            "keys and values are needed, not `3`",
            "Write `key: value` lines below it, indented.",
        ),
        ("name: x\nitems: red\n", 2, "items", "a list is needed, not `red`", "Write [a, b], or one `- item` a line."),
        (
            "name: x\ninner:\n  color: red\n  size: 1\n  wait: 1 hour\n",
            5,
            "inner.wait",
            "`1 hour` is not a duration",
            "Write for example 90s",
        ),
        (
            "name: x\nnamed:\n  Not A Slug: {color: red, size: 1}\n",
            3,
            "named.Not A Slug",
            "is not a slug",
            "Use a-z, 0-9 and '-'",
        ),
        ("name: x\nflag: perhaps\n", 2, "flag", "true or false is needed, not `perhaps`", "Write true or false."),
        ("- a\n- b\n", 1, "", "expected keys and values", "Start with `key: value` lines."),
    ],
)
def test_a_wrong_value_is_told_with_line_key_and_fix(text: str, line: int, key: str, what: str, fix: str) -> None:
    (problem,) = _problems(text)
    assert (problem.file, problem.line, problem.key) == ("f.yaml", line, key)
    assert what in problem.what
    assert fix in problem.fix


def test_of_a_choice_between_shapes_the_one_that_was_tried_is_told() -> None:
    (problem,) = _problems("name: x\nchoice:\n  weigth: 3\n  weight: 2\n")
    assert (problem.line, problem.key, problem.fix) == (3, "choice.weigth", "Did you mean `weight`?")
    (problem,) = _problems("name: x\nchoice: nothing\n")
    assert problem.key == "choice"
    assert "none" in problem.fix
    assert "key: value" in problem.fix


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    found = _problems("flag: 7\ninner:\n  color: blue\n  length: 2\n")
    assert sorted(p.key for p in found) == ["flag", "inner.color", "inner.length", "inner.size", "name"]


def test_a_required_key_that_was_misspelt_is_one_mistake() -> None:
    assert [(p.key, p.fix) for p in _problems("nam: x\n")] == [("nam", "Did you mean `name`?")]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("name: x\nname: y\n", 2, "this key stands twice"),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", 4, "this key stands twice"),
        ("name: [1, 2\nother: 3\n", 2, "not readable as YAML"),
        ("name: x\n\tother: y\n", 2, "not readable as YAML"),
        ("name: 'x\n", 2, "not readable as YAML"),
        ("", 1, "the file is empty"),
        ("# only a comment\n", 1, "the file is empty"),
        ("name: x\nbad: \x07\n", 2, "a character that YAML does not allow"),
        ("name: !!python/object:os.system x\n", 1, "not readable as YAML"),
    ],
)
def test_text_that_is_no_yaml_is_told_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(Problems) as caught:
        yamlfile.parse(text, "f.yaml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("f.yaml", line)
    assert what in problem.what
    assert problem.fix


def test_a_day_that_does_not_exist_is_text_and_norway_is_not_false() -> None:
    document = yamlfile.parse("day: 2026-02-30\nat: 2026-06-20T16:00:00+02:00\ncountry: NO\nright: true\n", "f.yaml")
    assert document.data == {"day": "2026-02-30", "at": "2026-06-20T16:00:00+02:00", "country": "NO", "right": True}


def test_a_file_that_is_not_there_or_not_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("name: Zürich".encode("latin-1"))
    for name, what in (("absent.yaml", "does not exist"), ("latin.yaml", "not UTF-8"), (".", "cannot be read")):
        with pytest.raises(Problems) as caught:
            yamlfile.read(tmp_path / name, f"config/{name}")
        assert what in caught.value.problems[0].what
        assert caught.value.problems[0].file == f"config/{name}"


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfname: x\n")
    model, _ = yamlfile.load(_Model, tmp_path / "a.yaml")
    assert model.name == "x"


def test_the_line_of_a_key_that_is_not_there_is_that_of_its_parent() -> None:
    document = yamlfile.parse("a: 1\nb:\n  c:\n    d: 2\n", "f.yaml")
    assert [document.line(p) for p in [("b", "c", "d"), ("b", "c", "x"), ("b", "x", "y"), ("x",)]] == [4, 3, 2, 1]


_SCALARS = st.one_of(st.integers(-9, 9), st.booleans(), st.text(string.ascii_lowercase, min_size=1, max_size=5))
_TREES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_lowercase, min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=count(60, 2000), deadline=None)
@given(st.dictionaries(st.text(string.ascii_lowercase, min_size=1, max_size=4), _TREES, min_size=1, max_size=4))
def test_every_key_is_found_on_the_line_it_stands_on(tree: dict[str, object]) -> None:
    text = yaml.safe_dump(tree, default_flow_style=False)
    document, lines = yamlfile.parse(text, "f.yaml"), text.splitlines()
    assert document.data == tree

    def walk(node: object, path: yamlfile.Path_) -> None:
        if isinstance(node, dict):
            for key, inner in node.items():
                shown = lines[document.line((*path, key)) - 1].lstrip("- ").replace("'", "")
                assert shown.startswith(f"{key}:")
                walk(inner, (*path, key))
        elif isinstance(node, list):
            for index, inner in enumerate(node):
                walk(inner, (*path, index))

    walk(tree, ())


@settings(max_examples=count(60, 2000), deadline=None)
@given(st.text(max_size=60))
def test_no_text_crashes_the_reader(text: str) -> None:
    try:
        yamlfile.build(_Model, yamlfile.parse(text, "f.yaml"))
    except Problems as problems:
        assert all(p.what for p in problems.problems)


def test_did_you_mean_lists_what_is_known_when_nothing_is_near() -> None:
    assert mistakes.did_you_mean("densty", ["density", "occupancy"]) == "Did you mean `density`?"
    assert mistakes.did_you_mean("zzz", ["b", "a"], "Add it.") == "Add it. Known here: a, b."
    assert mistakes.did_you_mean("zzz", []) == "Known here: none."


def test_half_a_sentence_as_a_key_says_to_quote_it() -> None:
    from schemas.settings.base import Text

    with pytest.raises(Problems) as caught:
        yamlfile.build(Text, yamlfile.parse("{nl: Hitte, 31 graden, en: Heat}", "f.yaml"))
    (told,) = caught.value.problems
    assert (told.what, told.fix) == ("unknown key", "A text with a comma in it stands in quotes between braces.")
