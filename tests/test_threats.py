"""THREATS.md: every test it names exists; nothing gets round the gates; secrets come from the environment only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from pipelines import cli, start
from schemas import yamlfile
from schemas.problems import Problems
from tests.town import Town

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("schemas", "indicators", "pipelines")


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_every_test_that_threats_names_exists() -> None:
    text = (ROOT / "THREATS.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)
    assert len(named) >= 25
    for file, name in named:
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.M), f"{file}::{name}"
    for line in text.splitlines():
        if line.startswith("| ") and "---" not in line and not line.startswith("| Threat"):
            assert "`tests/" in line, line


def test_no_option_gets_round_a_gate() -> None:
    """No option, argument or variable is called as if it did; what skips a check for convenience is no option either."""
    wrong = re.compile(
        r"(?<!in[-_])force|bypass|skip|ignore|unsafe|insecure|no[-_]?(screen|gate|check|review|withhold)|allow|without[-_](screen|gate|review)",
        re.I,
    )

    def options(command: object, path: str) -> Iterator[tuple[str, str]]:
        for param in command.params:  # type: ignore[attr-defined]
            yield from ((path, name) for name in [param.name, *param.opts, *param.secondary_opts])
        for name, sub in getattr(command, "commands", {}).items():
            yield from options(sub, f"{path} {name}")

    found = list(options(get_command(cli.app), "drukte"))
    assert len(found) > 100
    assert not [(path, name) for path, name in found if wrong.search(name or "")]


def test_the_environment_is_read_in_few_places_and_decides_nothing_about_gates() -> None:
    read: dict[str, set[str]] = {}
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                read.setdefault(path.relative_to(ROOT).as_posix(), set()).add(node.attr)
    gates = (
        "pipelines/screen/",
        "pipelines/withhold",
        "pipelines/purpose/",
        "schemas/",
        "indicators/",
        "pipelines/export/",
        "pipelines/tick",
    )
    assert read and not [file for file in read if file.startswith(gates)]


def test_nothing_runs_text_as_code() -> None:
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "compile", "__import__"), path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                called = f"{node.func.value.id}.{node.func.attr}"
                assert called not in ("pickle.loads", "pickle.load", "yaml.load", "yaml.unsafe_load", "os.system"), path
            if isinstance(node, ast.keyword) and node.arg == "shell":
                assert isinstance(node.value, ast.Constant) and node.value.value is False, path


@pytest.mark.parametrize("text", [
    "a: !!python/object/apply:os.system ['true']\n", "a: !!python/name:os.system\n", "a: !include /etc/passwd\n",
    "a: &x [1]\nb: *x\n",
])  # fmt: skip
def test_yaml_tags_and_aliases_are_refused(text: str) -> None:
    with pytest.raises(Problems):
        yamlfile.parse(text, "x.yaml")


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "a/../../b", "x';DROP TABLE runs;--", "..\\b", "%2e%2e", "a\nb", ""]
)
def test_names_in_config_are_slugs_so_none_leads_elsewhere_or_into_sql(tmp_path: Path, name: str) -> None:
    import json

    town = Town(tmp_path)
    path = town.config_folder / "municipalities" / "tiny.yaml"
    good = path.read_text()
    for old in ("sources: [zones, gates]", "purpose: crowd-safety", "municipality: tiny"):
        key, _, _ = old.partition(": ")
        new = f"{key}: [{json.dumps(name)}]" if key == "sources" else f"{key}: {json.dumps(name)}"
        path.write_text(good.replace(old, new))
        with pytest.raises(Problems):
            start.ready(town.config_folder, "tiny")
    path.write_text(good)
    with pytest.raises(Problems):
        start.ready(town.config_folder, name)
    places = town.config_folder / "municipalities" / "tiny" / "places.geojson"
    places.write_text(places.read_text().replace('"place": "alley"', f'"place": {json.dumps(name)}'))
    with pytest.raises(Problems):
        start.ready(town.config_folder, "tiny")


def test_places_outside_the_config_folder_are_not_read(tmp_path: Path) -> None:
    town = Town(tmp_path)
    path = town.config_folder / "municipalities" / "tiny.yaml"
    (tmp_path / "elsewhere.geojson").write_text((town.config_folder / "municipalities/tiny/places.geojson").read_text())
    path.write_text(path.read_text().replace("places: tiny/places.geojson", "places: ../../elsewhere.geojson"))
    with pytest.raises(Problems, match="outside the config folder"):
        start.ready(town.config_folder, "tiny")


def test_no_secret_stands_in_config_or_code() -> None:
    secret = re.compile(r"(?i)(password|passwd|secret|api[_-]?key|bearer|authorization)\s*[:=]\s*['\"]?[A-Za-z0-9+/_-]{12,}")
    for folder in ("config", "schemas", "indicators", "pipelines"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".yaml", ".py", ".json", ".geojson") and path.is_file():
                assert not secret.search(path.read_text(encoding="utf-8")), path
