"""JSON Schema of every kind of config file: it holds for all samples, refuses what the house refuses, and editors can use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pipelines.docs import editor_schemas
from schemas import yamlfile
from tests.cli.conftest import Drukte, drukte  # noqa: F401  (a fixture)

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = {
    "municipality": "config/municipalities/*.yaml", "source": "config/sources/*.yaml", "purpose": "config/purposes/*.yaml",
    "track": "config/municipalities/*/track.yaml",
    "concerns": "config/municipalities/*/concerns.yaml",
    "places": "config/municipalities/*/places.geojson", "card": "indicators/catalogue/*.yaml", "kpi": "indicators/kpis/*.yaml",
}  # fmt: skip


def _validator(kind: str) -> Any:
    schema = json.loads(editor_schemas.files()[f"{editor_schemas.FOLDER}/{kind}.schema.json"])
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def _data(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.suffix == ".geojson" else yamlfile.read(path).data


def test_there_is_a_schema_for_every_kind_of_file_and_a_sample_of_each() -> None:
    kinds = {Path(name).name.removesuffix(".schema.json") for name in editor_schemas.files()}
    assert set(SAMPLES) <= kinds


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_sample_is_valid(kind: str) -> None:
    validator = _validator(kind)
    files = sorted(ROOT.glob(SAMPLES[kind]))
    assert files
    for file in files:
        found = [
            f"{file.name}: {'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in validator.iter_errors(_data(file))
        ]
        assert found == []


@pytest.mark.parametrize("kind", SAMPLES)
def test_an_unknown_key_is_refused(kind: str) -> None:
    file = sorted(ROOT.glob(SAMPLES[kind]))[0]
    assert list(_validator(kind).iter_errors({**_data(file), "colour": "red"}))


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("interval", "5min", "a quarter"),
        ("municipality", "my-town", "My Town"),
        ("holidays", "AU-VIC", "Australia"),
    ],
)
def test_an_editor_knows_our_forms(key: str, good: str, bad: str) -> None:
    data = _data(ROOT / "config/municipalities/waterdam.yaml")
    assert not list(_validator("municipality").iter_errors({**data, key: good}))
    assert list(_validator("municipality").iter_errors({**data, key: bad}))


def test_an_instant_carries_its_offset_for_an_editor_too() -> None:
    data = _data(ROOT / "config/municipalities/waterdam.yaml")
    event = {**data["events"][0], "from": "2026-06-20T16:00"}
    assert list(_validator("municipality").iter_errors({**data, "events": [event]}))


def test_the_verb_prints_one_kind_or_writes_all(drukte: Drukte, tmp_path: Path) -> None:  # noqa: F811
    code, said, _ = drukte("config", "schema", "municipality")
    assert code == 0 and "thresholds" in json.loads(said)["properties"]
    assert set(json.loads(drukte("config", "schema")[1])) >= set(SAMPLES)
    assert drukte("config", "schema", "--out", tmp_path)[0] == 0
    assert {p.name for p in tmp_path.glob("*.json")} >= {f"{kind}.schema.json" for kind in SAMPLES}
    code, _, errors = drukte("config", "schema", "municipalty")
    assert code == 2 and "Did you mean `municipality`?" in errors
