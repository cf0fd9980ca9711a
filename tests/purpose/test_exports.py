"""What leaves the house: only what classes and delays allow, in forms others can check; refused when a class or review lacks."""

from __future__ import annotations

import csv
import html
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import frictionless
import pytest

from pipelines import start
from pipelines.export import citizen, dpia, log, partner, process, public, register
from pipelines.faults import UsageError
from pipelines.published import connect
from pipelines.store import Store
from pipelines.tick import tick
from schemas import publicity, vocabulary
from schemas.problems import Problems
from schemas.questions import questions
from schemas.results import TABLES
from tests.cli.conftest import UNTIL, drukte, write_town  # noqa: F401
from tests.purpose.reviewed import edit, review
from tests.town import Town

WATERDAM = datetime(2026, 6, 20, 18, tzinfo=UTC)
PUBLICATION = """
publication:
  owner: data-officer
  delay: 30min
  columns: {places.capacity: internal}
  tables: {observations: {delay: 1h}, thresholds: {class: internal}}
  partners: [{partner: police, title: {nl: politie, en: police}, role: crowd-manager, owner: data-officer, places: [square]}]
thresholds:"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    made = write_town(tmp_path_factory.mktemp("exports"))
    edit(made, "municipalities/tiny.yaml", ("\nthresholds:", PUBLICATION))
    review(made)
    config, cards = start.ready(made.config_folder, "tiny", made.data)
    with Store(made.folder / "w") as store:
        tick(store, config, cards, at=UNTIL)
    return made


def file(town: Town) -> Path:
    return town.folder / "w" / "published" / "indicators.duckdb"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_only_what_classes_and_delays_allow_in_both_forms(town: Town, tmp_path: Path) -> None:
    made = public.write(tmp_path, file(town), *start.ready(town.config_folder, "tiny"), UNTIL)
    observations = rows(made.folder / "observations.csv")
    assert max(r["interval_end"] for r in observations) == "2026-06-01T01:00:00Z"  # an hour late
    assert max(r["interval_end"] for r in rows(made.folder / "indicator_values.csv")) == "2026-06-01T01:30:00Z"
    assert not {"delivery_id", "run_id", "file", "line"} & set(observations[0])
    assert "capacity" not in rows(made.folder / "places.csv")[0] and "name" in rows(made.folder / "places.csv")[0]
    assert not (made.folder / "thresholds.csv").exists() and not (made.folder / "deliveries.csv").exists()
    withheld = [r for r in observations if r["status"] == "suppressed"]
    assert withheld == [] or {r["value"] for r in withheld} == {""}
    for name, count in made.rows.items():
        assert len(rows(made.folder / f"{name}.csv")) == count
        parquet = duckdb.sql(f"SELECT * FROM '{made.folder}/{name}.parquet'")
        assert len(parquet.fetchall()) == count and set(parquet.columns) <= set(TABLES[name].columns)
    again = public.write(tmp_path, file(town), *start.ready(town.config_folder, "tiny"), UNTIL)
    assert again.content_hash == made.content_hash


def test_the_data_package_holds_before_its_own_validator(town: Town, tmp_path: Path) -> None:
    made = public.write(tmp_path, file(town), *start.ready(town.config_folder, "tiny"), UNTIL)
    report = frictionless.validate(str(made.folder / "datapackage.json"))
    assert report.valid, report.flatten(["title", "message"])[:5]
    assert sorted(r["path"] for r in json.loads((made.folder / "datapackage.json").read_text())["resources"]) == sorted(
        p.name for p in made.files if p.suffix == ".csv"
    )


# What the profile's SHACL shapes ask for (DCAT-AP-NL 3.0, shapes/300/dcat-ap-nl-SHACL.ttl), beside DCAT-AP's title and description.
REQUIRED = {
    "dcat:Catalog": {"dct:title", "dct:description", "dct:publisher", "dcat:contactPoint", "dcat:dataset"},
    "dcat:Dataset": {"dct:title", "dct:description", "dct:identifier", "dct:creator", "dct:publisher", "dcat:contactPoint", "dcat:theme",
                     "dct:accessRights"},
    "dcat:Distribution": {"dcat:accessURL", "dct:license"},
}  # fmt: skip
CLASSED = {
    "dct:accessRights", "dct:accrualPeriodicity", "dct:conformsTo", "dct:creator", "dct:format", "dct:language", "dct:license",
    "dct:publisher", "dct:temporal", "dcat:contactPoint", "dcat:mediaType", "dcat:theme",
}  # fmt: skip
ONE = {"dct:identifier", "dcat:contactPoint", "dct:accessRights", "dct:license"}


def test_the_dcat_record_has_what_the_profile_requires(town: Town, tmp_path: Path) -> None:
    made = public.write(tmp_path, file(town), *start.ready(town.config_folder, "tiny"), UNTIL)
    catalogue = json.loads((made.folder / "dcat.jsonld").read_text())
    [dataset] = catalogue["dcat:dataset"]
    seen = [catalogue, dataset, *dataset["dcat:distribution"]]
    for thing in seen:
        lacking = REQUIRED[thing["@type"]] - {key for key, value in thing.items() if value}
        assert not lacking, (thing["@type"], lacking)
        assert not [key for key in ONE & set(thing) if isinstance(thing[key], list)]
    assert dataset["dct:accessRights"]["@id"].endswith("/access-right/PUBLIC")
    assert all(re.search("/data-theme/[A-Z]{4}$", t["@id"]) for t in dataset["dcat:theme"])
    assert {d["dcat:accessURL"]["@id"] for d in dataset["dcat:distribution"]} == {
        p.name for p in made.files if p.suffix in (".csv", ".parquet")
    }
    used = {key.partition(":")[0] for thing in seen for key in thing if not key.startswith("@")}
    assert used <= set(catalogue["@context"])
    # The shapes look at the class of what is referred to as well, which a record without a copy of the value lists must state.
    for thing in seen:
        for key in set(thing) & CLASSED:
            assert all(one.get("@type") for one in (thing[key] if isinstance(thing[key], list) else [thing[key]])), key


def test_nothing_of_an_event_comes_out_while_it_goes_on(town: Town) -> None:
    config, _ = start.ready(Path("config"), "waterdam")
    begins, ends = config.municipality.events[0].from_, config.municipality.events[0].to
    assert public.cutoff(config, "indicator_values", begins + timedelta(hours=3)) == begins + timedelta(hours=3, days=-1)
    loud = config.municipality.published.model_copy(update={"delay": timedelta(0)})
    quick = replace(config, municipality=config.municipality.model_copy(update={"publication": loud}))
    assert public.cutoff(quick, "indicator_values", begins + timedelta(hours=3)) == begins
    assert public.cutoff(quick, "indicator_values", ends + timedelta(hours=1)) == ends + timedelta(hours=1)


def test_a_column_without_a_class_stops_the_export(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert publicity.unclassified() == []
    monkeypatch.setattr(publicity, "of_column", lambda name: None if name == "coverage" else vocabulary.columns()[name].class_)
    with pytest.raises(Problems, match=r"`indicator_values.coverage` has no class") as problems:
        public.write(tmp_path, file(town), *start.ready(town.config_folder, "tiny"), UNTIL)
    assert problems.value.refused and not (tmp_path / "tiny").exists()


def test_without_a_review_nothing_leaves_and_the_command_ends_with_three(town: Town, tmp_path: Path, drukte) -> None:  # noqa: F811
    other = write_town(tmp_path / "other")
    words = ["--config", other.config_folder, "--workspace", town.folder / "w", "--out", tmp_path / "out"]
    for verb in (("public",), ("partner", "police", "--role", "data-officer")):
        code, _, errors = drukte("export", *verb, *words)
        assert code == 3 and "leaves the house" in errors
    for verb in ("dpia", "register", "citizen"):
        assert drukte("export", verb, "--config", other.config_folder, "--out", tmp_path / "out")[0] == 3
    assert not (tmp_path / "out").exists()


def test_what_leaves_is_logged_under_its_purpose(town: Town, tmp_path: Path, drukte) -> None:  # noqa: F811
    words = ["--config", town.config_folder, "--workspace", town.folder / "w", "--out", tmp_path, "--at", UNTIL.isoformat()]
    assert drukte("export", "public", *words)[0] == 0
    assert drukte("export", "partner", "police", "--role", "data-officer", *words)[0] == 0
    with Store(town.folder / "w") as store:
        found = store.con.execute(
            "SELECT purpose, export_kind, partner, exported_by, rows_written > 0 FROM exports ORDER BY export_kind"
        ).fetchall()
    assert found == [
        ("crowd-safety", "partner", "police", "data-officer", True),
        ("crowd-safety", "public", None, "data-officer", True),
    ]


def test_what_cannot_be_logged_does_not_leave(town: Town, tmp_path: Path) -> None:
    config, cards = start.ready(town.config_folder, "tiny")

    def full(made: log.Leaving) -> None:
        assert made.row_count and made.content_hash
        raise OSError("No space left on device")

    with pytest.raises(OSError):
        public.write(tmp_path, file(town), config, cards, UNTIL, full)
    with pytest.raises(OSError):
        partner.write(tmp_path, file(town), config, cards, "police", "data-officer", UNTIL, full)
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith(".")]


def test_a_partner_gets_levels_of_its_places_and_never_a_count(town: Town, tmp_path: Path) -> None:
    config, cards = start.ready(town.config_folder, "tiny")
    made = partner.write(tmp_path, file(town), config, cards, "police", "data-officer", UNTIL)
    levels = rows(made.files[0])
    assert {r["place"] for r in levels} == {"square"} and set(levels[0]) == {
        "place",
        "stretch_start",
        "worst_level",
        "share_known",
    }
    assert len(levels) == 2  # two hours
    with pytest.raises(UsageError, match="`data-officer` decides"):
        partner.write(tmp_path, file(town), config, cards, "police", "crowd-manager", UNTIL)
    with pytest.raises(UsageError, match="there is no partner"):
        partner.write(tmp_path, file(town), config, cards, "press", "data-officer", UNTIL)


WIDER = {
    "a table": (
        "tables: {observations: {delay: 1h}",
        "tables: {deliveries: {class: public}",
        "`deliveries` is internal, not public",
    ),
    "a column": (
        "places.capacity: internal",
        "observations.delivery_id: public",
        "`observations.delivery_id` is internal, not public",
    ),
    "a column that is not there": ("places.capacity: internal", "places.colour: internal", "there is no column `places.colour`"),
    "a role": ("owner: data-officer\n  delay", "owner: mayor\n  delay", "role `mayor` is not declared"),
}


@pytest.mark.parametrize("name", WIDER)
def test_a_town_can_only_make_it_narrower(tmp_path: Path, name: str) -> None:
    made = Town(tmp_path)
    old, new, told = WIDER[name]
    edit(made, "municipalities/tiny.yaml", ("\nthresholds:", PUBLICATION.replace(old, new)))
    with pytest.raises(Problems, match=re.escape(told)):
        start.ready(made.config_folder, "tiny")


@pytest.mark.parametrize("lang", ["nl", "en"])
@pytest.mark.parametrize("slug", ["waterdam", "veenhaven", "gent"])
def test_the_register_entry_keeps_to_the_fields_and_limits_of_the_standard(slug: str, lang: str) -> None:
    p = process.of(*start.ready(Path("config"), slug), WATERDAM, lang)
    entry = register.algorithm(p)
    assert tuple(entry) == tuple(register.LIMITS)
    for field, most in register.LIMITS.items():
        assert entry[field] and (most is None or len(entry[field]) <= most), field
        assert field not in register.CHOICES or lang == "en" or entry[field] in register.CHOICES[field]
    assert re.fullmatch(r"\d{4}-\d{2}", str(entry["start_date"])) and isinstance(entry["theme"], list)
    long = register._share([f"Vraag {i}: " + "woord " * 400 for i in range(4)], 2500)
    assert len(long) <= 2500 and all(f"Vraag {i}:" in long for i in range(4))
    assert all(register.processing(p).values())
    annex = dpia.markdown(p)
    assert p.review.fingerprint in annex and all(answer in annex for _, _, answer in p.answers())
    told = str(entry) + citizen.html(p)
    assert not [
        q.question
        for q in questions().questions
        if not q.public and (p.answer(q.question) in told or html.escape(p.answer(q.question)) in told)
    ]


JARGON = r"indicator|dataset|DPIA-|threshold|drempel|interval|aggregat|suppress|k ?=|k-anon|pseudon|parquet|config|API\b|hash|finger|vingerafdruk"


@pytest.mark.parametrize("lang", ["nl", "en"])
def test_the_page_for_citizens_is_plain_whole_and_safe(lang: str) -> None:
    config, cards = start.ready(Path("config"), "waterdam")
    page = citizen.html(process.of(config, cards, WATERDAM, lang))
    assert not re.search(r"<script|src=|url\(|@import|http-equiv=.refresh", page)
    plain = html.unescape(re.sub(r"<style>.*?</style>|<details>.*?</details>|<[^>]+>", " ", page, flags=re.S))
    ours = plain.partition({"nl": "Wat de gemeente zich heeft afgevraagd", "en": "What the municipality asked itself"}[lang])[0]
    assert not re.findall(JARGON, ours, re.I)
    sentences = [s for s in re.split(r"[.?!]\s|\n", ours) if s.strip()]
    assert max(len(s.split()) for s in sentences) <= 40
    assert "15" in ours and "365" in ours


def test_hostile_answers_and_names_stay_text() -> None:
    config, cards = start.ready(Path("config"), "waterdam")
    evil = '<img src=x onerror=alert(1)> | `{{7*7}}` "quoted" & more, long enough'
    review_ = config.reviews.of("crowd-safety")  # type: ignore[union-attr]
    answers = {name: text.model_copy(update={"nl": evil}) for name, text in review_.answers.items()}  # type: ignore[union-attr]
    p = replace(process.of(config, cards, WATERDAM, "nl"), review=review_.model_copy(update={"answers": answers}))  # type: ignore[union-attr]
    page = citizen.html(p)
    assert "<img" not in page and "&lt;img" in page and "{{7*7}}" in page
    assert dpia.cell(evil).count("\\|") == 1 and "<" not in dpia.cell(evil)


def test_folders_and_files_have_the_rights_they_should(town: Town, tmp_path: Path) -> None:
    from pipelines.upkeep import rights

    workspace = town.folder / "w"
    assert rights.found(workspace) == []
    assert (workspace / "private").stat().st_mode & 0o777 == 0o700 and file(town).stat().st_mode & 0o777 == 0o644
    (workspace / "private").chmod(0o750)
    file(town).chmod(0o664)
    try:
        assert ["others can enter" in line or "others can write" in line for line in rights.found(workspace)] == [True, True]
    finally:
        (workspace / "private").chmod(0o700)
        file(town).chmod(0o644)
    with connect(file(town)) as con, pytest.raises(duckdb.Error):
        con.execute("DELETE FROM about")
