"""The house itself: imports run one way, no circles, no name of ours in a dependency, generated files up to date."""

import ast
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("schemas", "indicators", "pipelines")


def modules():
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
    }


def imports(path):
    """Modules of ours that a file imports, also inside functions: (module, names)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((a.name, []) for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import; packages are imported by their folder names"
            yield node.module, [a.name for a in node.names]


def test_imports_run_one_way():
    wrong = [
        f"{name} imports {target}"
        for name, path in modules().items()
        for target, _ in imports(path)
        if (there := target.split(".")[0]) in ROOMS and ROOMS.index(there) > ROOMS.index(name.split(".")[0])
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circular_imports():
    known = modules()
    edges = {
        name: {
            candidate
            for target, names in imports(path)
            for candidate in (target, *(f"{target}.{n}" for n in names))
            if candidate in known and candidate != name and not name.startswith(candidate + ".")
        }
        for name, path in known.items()
    }
    done: set[str] = set()

    def visit(name, trail):
        assert name not in trail, " → ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for target in sorted(edges[name]):
                visit(target, [*trail, name])
            done.add(name)

    for name in edges:
        visit(name, [])


def test_no_dependency_brings_a_package_of_our_name():
    clashes = [
        f"{d.metadata['Name']}: {file}"
        for d in metadata.distributions()
        if d.metadata["Name"] != "drukte"
        for file in d.files or ()
        if file.parts[0] in (*ROOMS, "config")
    ]
    assert not clashes


def test_files_stay_short():
    long = {
        str(p.relative_to(ROOT)): n for p in modules().values() if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long


def test_generated_files_are_up_to_date():
    from pipelines import docs

    assert docs.stale(docs.files()) == [], "run `drukte docs`"


def test_every_column_has_a_meaning_and_every_table_a_key():
    from schemas import vocabulary
    from schemas.results import TABLES

    for table in TABLES.values():
        for column in (*table.columns, *table.key):
            meaning = vocabulary.columns()[column]
            assert meaning.nl and meaning.en
        assert set(table.key) <= set(table.columns), table.name


@pytest.mark.parametrize(
    "group", ["level", "state", "status", "reason", "safety_risk", "measure", "end_reason", "delivery_state"]
)
def test_every_code_has_words_in_both_languages(group):
    from schemas import words

    assert all(words.word(group, code, lang) for code in words.codes(group) for lang in ("nl", "en"))
