"""The exported Data Packages, judged by the standard's own tool; and that the tool judges as our contracts do."""

from __future__ import annotations

import json
import random
from pathlib import Path

import frictionless
import pandas as pd
import pytest

from pipelines import validate
from pipelines.export import contract as export
from schemas import vocabulary
from schemas.datasets import DATASETS, package
from schemas.datasets.contract import Contract, dtype_of
from tests.cli.conftest import data


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("contracts")
    export.write(folder, DATASETS)
    return folder


def errors(descriptor: Path) -> list[tuple[str, int | None, str | None]]:
    """(kind, row, field) of what the tool finds wrong."""
    found = frictionless.validate(str(descriptor)).flatten(["type", "rowNumber", "fieldName"])
    return [tuple(row) for row in found]


@pytest.mark.parametrize("name", DATASETS)
def test_package_and_example_are_valid(exported: Path, name: str) -> None:
    assert errors(exported / name / "datapackage.json") == []
    rows = frictionless.Package(str(exported / name / "datapackage.json")).get_resource(name).read_rows()
    assert len(rows) >= 6
    assert len(rows) <= export.ROWS


def test_the_descriptor_says_what_the_contract_says(exported: Path) -> None:
    for name, contract in DATASETS.items():
        told = json.loads((exported / name / "datapackage.json").read_text(encoding="utf-8"))
        assert told["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
        assert (told["name"], told["version"]) == (name, f"{contract.version}.0")
        assert told["licenses"][0]["name"] == "Apache-2.0"
        schema = told["resources"][0]["schema"]
        assert schema["primaryKey"] == ["municipality", "place", "interval_start"]
        for field in schema["fields"]:
            word = vocabulary.columns()[field["name"]]
            assert (field["description"], field["description_nl"], field["unit"]) == (word.en, word.nl, word.unit)
            assert field["title"]
            assert field["title_nl"]
        assert [f["name"] for f in schema["fields"]][4:] == list(contract.measures)


def test_why_there_is_no_number_is_told_apart_and_is_no_number(exported: Path) -> None:
    for name in ("stop_counts", "passage_counts", "link_speeds"):
        text = (exported / name / f"{name}.csv").read_text(encoding="utf-8")
        assert "suppressed" in text or ",missing" in text, name
        rows = frictionless.Package(str(exported / name / "datapackage.json")).get_resource(name).read_rows()
        assert all(isinstance(row[m], int | float | None) or row[m].is_finite() for row in rows for m in DATASETS[name].measures)
    labels = package.descriptor(DATASETS["zone_counts"])["resources"][0]["schema"]["missingValues"]
    assert [v["value"] for v in labels] == ["", *package.NO_VALUE]
    assert len({v["label"] for v in labels}) == len(labels)


def put(exported: Path, tmp_path: Path, name: str, rows: list[dict[str, object]], header: list[str] | None = None) -> Path:
    """A package with rows of our own; returns its descriptor."""
    columns = header or list(package.columns(DATASETS[name]))
    lines = [",".join(columns), *(",".join(str(row.get(c, "")) for c in columns) for row in rows)]
    (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    target = tmp_path / "datapackage.json"
    target.write_text((exported / name / "datapackage.json").read_text(encoding="utf-8"), encoding="utf-8")
    return target


GOOD = {
    "municipality": "m", "place": "p", "interval_start": "2026-06-01T12:00:00Z", "interval_end": "2026-06-01T13:00:00Z", "present": 5
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"present": -1}, "constraint-error"), ({"present": 500_001}, "constraint-error"), ({"present": "many"}, "type-error"),
        ({"present": "5.5"}, "type-error"), ({"present": "<15"}, "type-error"), ({"place": ""}, "constraint-error"),
        ({"place": "Dam Square"}, "constraint-error"), ({"interval_start": "01-06-2026 12:00"}, "type-error"),
        ({"interval_end": ""}, "constraint-error"),
    ],
)  # fmt: skip
def test_a_row_that_breaks_the_contract_is_refused(exported: Path, tmp_path: Path, change: dict[str, object], kind: str) -> None:
    other = {**GOOD, "place": "q"}
    assert errors(put(exported, tmp_path, "zone_counts", [other, GOOD])) == []
    [found] = [e for e in errors(put(exported, tmp_path, "zone_counts", [other, {**GOOD, **change}])) if e[0] != "primary-key"]
    assert found == (kind, 3, next(iter(change)))


def test_a_row_twice_and_another_layout_are_refused(exported: Path, tmp_path: Path) -> None:
    assert [e[0] for e in errors(put(exported, tmp_path, "zone_counts", [GOOD, GOOD]))] == ["primary-key"]
    named = ["municipality", "place", "interval_start", "interval_end", "people", "walking_speed"]
    assert "incorrect-label" in [e[0] for e in errors(put(exported, tmp_path, "zone_counts", [GOOD], named))]


@pytest.mark.parametrize("name", DATASETS)
def test_the_tool_takes_what_our_contract_takes(exported: Path, tmp_path: Path, name: str) -> None:
    """Row for row the same verdict on numbers in, at and over every edge."""
    contract, rng = DATASETS[name], random.Random(5)
    rows = [edge(contract, measure, rng) for measure in contract.measures for _ in range(15)]
    given = [{**GOOD, "place": f"p{n}", "present": "", **row} for n, row in enumerate(rows)]
    refused = {row for kind, row, _ in errors(put(exported, tmp_path, name, given)) if kind == "constraint-error"}
    frame = pd.DataFrame({"place": [r["place"] for r in given], "interval_start": pd.Timestamp("2026-06-01T12:00Z")})
    for m in contract.measures:
        frame[m] = pd.array([row.get(m, pd.NA) for row in rows], dtype="Int64" if dtype_of(m) == "Int64" else "Float64")
        frame[m] = frame[m].astype(dtype_of(m))
    ours = validate.failures(frame, contract, contract.measures, contract.quality.cadence_max)
    assert {int(position) + 2 for position in ours["position"]} == refused
    assert refused, "nothing was over an edge: the test says nothing"


def edge(contract: Contract, measure: str, rng: random.Random) -> dict[str, object]:
    if measure in contract.codes:
        return {measure: rng.choice([*contract.codes[measure], max(contract.codes[measure]) + 1, -1])}
    flow = vocabulary.columns()[measure].kind == "flow"
    most = contract.quality.plausible[measure] * (contract.quality.cadence_max.total_seconds() / 60 if flow else 1)
    whole = dtype_of(measure) == "Int64"
    number = rng.choice([0, -1, most, most + 1, rng.uniform(0, most)])
    return {measure: int(number) if whole else round(float(number), 3)}


def test_the_command_names_what_it_wrote(drukte: object, tmp_path: Path) -> None:
    code, out, _ = drukte("export", "contract", "--out", tmp_path, "--dataset", "od_flows", "--json")  # type: ignore[operator]
    assert code == 0
    assert data(out) == [str(tmp_path / "od_flows" / f) for f in ("datapackage.json", "od_flows.csv")]
    code, _, err = drukte("export", "contract", "--out", tmp_path, "--dataset", "zone_count")  # type: ignore[operator]
    assert code == 2
    assert "zone_counts" in err
