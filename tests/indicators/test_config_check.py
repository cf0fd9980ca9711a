"""``config check``: ten and more kinds of broken configuration, each refused with file, line, key and what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from indicators import config_check
from indicators.card import catalogue
from indicators.grammar import Card
from schemas import config as configs
from schemas.problems import Problem, Problems
from tests.indicators.a_town import card, threshold, town
from tests.schemas import a_config

TOWN, GATES = "config/municipalities/town.yaml", "config/sources/gates.yaml"
PLACES = "config/municipalities/town/places.geojson"
AT = datetime(2026, 6, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]

Changes = dict[str, list[tuple[str, str]]]


def _of_town(old: str, new: str) -> Changes:
    return {"municipalities/town.yaml": [(old, new)]}


def _found(config_dir: Path, cards: dict[str, Card] | None = None) -> list[Problem]:
    """What ``config check`` tells: mistakes on reading, else those found with the cards."""
    try:
        return config_check.check(configs.load(config_dir, "town"), cards or catalogue())
    except Problems as problems:
        return problems.problems


ELEVATED = "elevated: {enter: 2.0, exit: 1.8, for: 10min, keep_for: 15min}"
# kind → (changes, file, text on the line, key, what, fix)
KINDS: dict[str, tuple[Changes, str, str, str, str, str]] = {
    "unknown key": (
        _of_town("decided_on: 2026-02-01", "decidedon: 2026-02-01"),
        TOWN, "decidedon", "thresholds.0.decidedon", "unknown key", "Did you mean `decided_on`?"),
    "wrong duration": (
        _of_town("for: 10min", "for: ten minutes"),
        TOWN, "ten minutes", "thresholds.0.bands.elevated.for", "`ten minutes` is not a duration", "90s, 15min, 2h or 84d"),
    "naive instant": (
        _of_town("effective_from: 2026-03-01T00:00+01:00", "effective_from: 2026-03-01T00:00"),
        TOWN, "effective_from", "thresholds.0.effective_from", "has no offset", "Add it: 2026-03-01T00:00:00+02:00"),
    "edges out of order": (
        _of_town("enter: 2.0, exit: 1.8", "enter: 3.6, exit: 3.2"),
        TOWN, "elevated: {enter", "thresholds.0.bands.elevated", "enter 3.5 is not above", "Put the edges in order"),
    "exit outside enter": (
        _of_town("exit: 1.8", "exit: 2.1"),
        TOWN, "elevated: {enter", "thresholds.0.bands.elevated", "exit 2.1 lies outside enter 2.0", "calm side of enter"),
    "unknown indicator": (
        _of_town("  specific_flow: {}", "  specific_flwo: {}"),
        TOWN, "specific_flwo", "indicators.specific_flwo", "no indicator `specific_flwo`", "Did you mean `specific_flow`?"),
    "unknown place": (
        _of_town("    place: square", "    place: sqaure"),
        TOWN, "sqaure", "thresholds.0.place", "no place `sqaure`", "Did you mean `square`?"),
    "missing role": (
        _of_town("    owner: crowd-manager\nevents", "    owner: privacy-officer\nevents"),
        TOWN, "privacy-officer", "purposes.0.owner", "role `privacy-officer` is not declared", "Describe it under `roles`"),
    "k below the floor": (
        _of_town("    k: 15", "    k: 5"),
        TOWN, "k: 5", "purposes.0.k", "k 5 lies below the floor", "Write 10 or more"),
    "repeated key": (
        _of_town("holidays: NL", "holidays: NL\nholidays: BE"),
        TOWN, "holidays: BE", "holidays", "this key stands twice", "Keep one of them"),
    "bad YAML": (
        _of_town("sources: [zones, gates]", "sources: [zones, gates"),
        TOWN, "indicators:", "", "not readable as YAML", "Check indentation, colons and quotes"),
    "zone without a type": (
        {"municipalities/town/places.geojson": [('"place_type": "moving", ', "")]},
        PLACES, '"alley"', "features.1.properties", "a zone without place_type", "`moving` or `standing`"),
    "zone of a type without bands": (
        {"municipalities/town/places.geojson": [('"place_type": "moving"', '"place_type": "siting"')]},
        PLACES, '"alley"', "place_type", "`density` has no bands for place_type `siting`", "Use `moving` or `standing`"),
    "unknown source": (
        _of_town("sources: [zones, gates]", "sources: [zone, gates]"),
        TOWN, "sources:", "sources.0", "there is no source `zone`", "Did you mean `zones`?"),
    "interval finer than the source": (
        _of_town("density: {}", "density: {interval: 5min}"),
        TOWN, "density: {interval", "indicators.density.interval", "of source `zones` (15min)", "`interval: 15min`"),
    "interval that is no multiple of the source's": (
        {"sources/zones.yaml": [("interval: 15min", "interval: 10min")]},
        TOWN, "interval: 15min", "interval", "15min for `density` is not made of whole intervals", "`interval: 10min`"),
    "event's interval finer than the source": (
        _of_town("square: {usable_area: 800}", "square: {usable_area: 800, interval: 5min}"),
        TOWN, "interval: 5min", "events.0.places.square.interval", "of source `zones` (15min)", "`interval: 15min`"),
    "hourly source under a quarter-hourly default": (
        {"sources/zones.yaml": [("interval: 15min", "interval: 60min")]},
        TOWN, "interval: 15min", "interval", "15min for `density` is not made of", "`interval: 1h`"),
    "band the card does not have": (
        {"purposes/crowd-safety.yaml": [("[density,", "[density, unusualness,")],
         "municipalities/town.yaml": [("- indicator: density", "- indicator: unusualness"), ("  elevated: {", "  critical: {"),
                                      ("  density: {}", "  density: {}\n  unusualness: {}")]},
        TOWN, "critical:", "thresholds.0.bands.critical", "`unusualness` has no band `critical`", "It has elevated, high"),
    "condition of the definition in a threshold": (
        _of_town("exit: 1.8,", "exit: 1.8, at_once: value > 3,"),
        TOWN, "at_once", "thresholds.0.bands.elevated.at_once", "belongs to the definition", "Leave it out"),
    "unknown parameter": (
        _of_town(f"    bands:\n      {ELEVATED}\n", "    params: {shar: 0.2}\n"),
        TOWN, "shar:", "thresholds.0.params.shar", "`density` has no parameter `shar`", "Known here"),
    "threshold on an indicator that is off": (
        _of_town("- indicator: density", "- indicator: occupancy"),
        TOWN, "- indicator: occupancy", "thresholds.0.indicator", "`occupancy` is not switched on", "under `indicators`"),
    "indicator outside every purpose": (
        {"purposes/crowd-safety.yaml": [("[density, specific_flow]", "[density]")]},
        TOWN, "specific_flow: {}", "indicators.specific_flow", "lies outside every adopted purpose", "Adopt a purpose"),
    "dataset outside every purpose": (
        {"purposes/crowd-safety.yaml": [("[zone_counts, passage_counts]", "[zone_counts]")]},
        TOWN, "sources:", "sources.1", "dataset `passage_counts` lies outside every adopted purpose", "take the source out"),
    "unknown dataset": (
        {"sources/gates.yaml": [("dataset: passage_counts", "dataset: passages_count")]},
        GATES, "dataset:", "dataset", "there is no dataset `passages_count`", "Did you mean `passage_counts`?"),
    "unknown contract": (
        {"sources/gates.yaml": [("contract: 1", "contract: 2")]},
        GATES, "contract:", "contract", "contract 2 of `passage_counts` is not known", "Write 1"),
    "unknown measure": (
        {"sources/gates.yaml": [("count_out:", "count_uot:")]},
        GATES, "count_uot", "measures.count_uot", "`count_uot` is not a measure of passage_counts", "Did you mean `count_out`?"),
    "a total beside its directions": (
        {"sources/gates.yaml": [("  count_out: {column: o}", "  count_total: {column: o}")]},
        GATES, "measures:", "measures", "count_in/count_out and count_total of one source", "list the other under `ignore`"),
    "a line that is counted as a zone": (
        {"sources/zones.yaml": [("A: square", "A: gate")]},
        "config/sources/zones.yaml", "A: gate", "place.map.A", "`gate` is a line; zone_counts counts at", "another dataset"),
    "no source for an indicator": (
        {"municipalities/town.yaml": [("[zones, gates]", "[zones]"), ("source: gates", "source: zones"), ("[gate]", "[square]")]},
        TOWN, "specific_flow: {}", "indicators.specific_flow", "no source delivers passage_counts.passages", "Add such a source"),
    "unknown calendar of holidays": (
        _of_town("holidays: NL", "holidays: NL-XX"),
        TOWN, "holidays:", "holidays", "no calendar of public holidays for `NL-XX`", "AU-VIC"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.replace(" ", "-"))
def test_a_broken_configuration_is_refused_with_file_line_key_and_fix(kind: str, tmp_path: Path) -> None:
    changes, file, marker, key, what, fix = KINDS[kind]
    config = a_config.write(tmp_path, changes)
    (problem,) = [p for p in _found(config) if p.key == key and what in p.what]
    assert (problem.file, problem.line) == (file, a_config.line_of(config, file, marker))
    assert fix in problem.fix
    assert str(problem).startswith(f"{file}:{problem.line}:")


# These leave an indicator without data, which is told too.
CONSEQUENCES = {"no source for an indicator", "unknown dataset", "unknown measure", "a total beside its directions"}


@pytest.mark.parametrize("kind", sorted(set(KINDS) - CONSEQUENCES))
def test_one_mistake_is_told_once(kind: str, tmp_path: Path) -> None:
    assert len(_found(a_config.write(tmp_path, KINDS[kind][0]))) == 1


def test_the_unchanged_configuration_is_sound(tmp_path: Path) -> None:
    assert _found(a_config.write(tmp_path)) == []


def test_rule_20_edges_are_checked_as_they_come_out_of_the_layers_at_every_moment(tmp_path: Path) -> None:
    """Each entry alone is in order; together they are not, and only in the evenings of the fair from June on."""
    entries = (
        threshold("elevated: {enter: 3.0, for: 1min, keep_for: 1min}", place="square", when='{time: "18:00-23:00"}'),
        threshold("high: {enter: 2.9, for: 1min, keep_for: 1min}", event="fair", effective_from="2026-06-01T00:00+02:00"),
    )
    config = town(tmp_path, *entries)
    (problem,) = config_check.check(config, {"density": card(), "specific_flow": catalogue()["specific_flow"]})
    assert problem.key == "thresholds.1.bands.high"
    assert "enter 2.9 is not above elevated's 3.0" in problem.what
    assert problem.line == a_config.line_of(config.folder, TOWN, "enter: 2.9")
    for alone in entries:
        assert config_check.check(town(tmp_path / str(entries.index(alone)), alone), catalogue()) == []


def test_rule_20_a_downward_card_has_its_edges_the_other_way_round(tmp_path: Path) -> None:
    bands = {
        "any": {
            "elevated": {"enter": 3, "for": "1min", "keep_for": "1min"},
            "high": {"enter": 2, "for": "1min", "keep_for": "1min"},
        }
    }
    cards = {"density": card(direction="down", bands=bands), "specific_flow": catalogue()["specific_flow"]}
    assert config_check.check(town(tmp_path / "a", threshold("elevated: {enter: 2.5, for: 1min, keep_for: 1min}")), cards) == []
    (problem,) = config_check.check(town(tmp_path / "b", threshold("elevated: {enter: 1.9, for: 1min, keep_for: 1min}")), cards)
    assert "enter 2.0 is not below elevated's 1.9" in problem.what


def test_two_entries_between_which_nothing_decides_are_refused(tmp_path: Path) -> None:
    first, second = (threshold(f"elevated: {{enter: {e}, for: 1min, keep_for: 1min}}", place="square") for e in (2.2, 2.3))
    config = town(tmp_path, first, second)
    (problem,) = config_check.check(config, catalogue())
    assert problem.key == "thresholds.1"
    assert "sets elevated for the same selection and moment as line" in problem.what
    other_moment = threshold(place="square", effective_from="2026-05-01T00:00+02:00")
    assert config_check.check(town(tmp_path / "b", first, other_moment), catalogue()) == []


@pytest.mark.parametrize(("value", "sound"), [(0, True), (0.5, True), (1, True), (1.1, False), (-0.1, False)])
def test_a_parameter_stays_in_its_range(value: float, sound: bool, tmp_path: Path) -> None:
    share: dict[str, Any] = {"share": {"default": 0.2, "unit": "ratio", "min": 0, "max": 1, "meaning": {"nl": "m", "en": "m"}}}
    cards = {"density": card(parameters=share), "specific_flow": catalogue()["specific_flow"]}
    found = config_check.check(town(tmp_path, threshold(params=f"{{share: {value}}}")), cards)
    assert [p.key for p in found] == ([] if sound else ["thresholds.0.params.share"])


def test_a_type_without_bands_is_sound_once_the_municipality_sets_them(tmp_path: Path) -> None:
    places = [a_config.PLACES[0], {**a_config.PLACES[1], "place_type": "sitting"}, a_config.PLACES[2]]
    own = threshold("elevated: {enter: 2.0, for: 1min, keep_for: 1min}", place_type="sitting")
    assert config_check.check(town(tmp_path, own, places=places), catalogue()) == []


def test_an_own_card_needs_a_purpose_among_its_own_tags(tmp_path: Path) -> None:
    changes = (("  density: {}", "  density: {}\n  town.crowding: {}"),)
    for tags, mistakes in ((["crowd-safety"], []), (["research"], ["indicators.town.crowding"])):
        own = card(id="town.crowding", purposes=tags)
        config = town(tmp_path / tags[0], changes=changes)
        assert [p.key for p in config_check.check(config, {**catalogue(), own.id: own})] == mistakes


def test_reviews_that_are_due_are_warnings_and_no_mistakes(tmp_path: Path) -> None:
    config = town(tmp_path, threshold(place="square"))  # to be reviewed by 2 January (purpose) and 1 February 2027
    assert config_check.warnings(config, catalogue(), AT) == []

    def told(at: datetime) -> dict[str, str]:
        return {w.key: w.what for w in config_check.warnings(config, catalogue(), at)}

    assert told(datetime(2026, 12, 20, tzinfo=UTC)) == {"purposes.0.review_by": "the review is due by 2027-01-02"}
    assert told(datetime(2027, 1, 15, tzinfo=UTC)) == {
        "purposes.0.review_by": "the review date 2027-01-02 has passed",
        "thresholds.0.review_by": "the review is due by 2027-02-01",
    }
    assert config_check.check(config, catalogue()) == []


def test_an_indicator_that_judges_no_place_is_a_warning(tmp_path: Path) -> None:
    places = [*a_config.PLACES[:2], {k: v for k, v in a_config.PLACES[2].items() if k != "effective_width"}]
    (warning,) = config_check.warnings(town(tmp_path, places=places), catalogue(), AT)
    assert (warning.key, warning.what) == ("indicators.specific_flow", "`specific_flow` judges no place here")
    assert "effective_width" in warning.fix


@pytest.mark.parametrize("slug", ["melbourne", "hardbruecke"])
def test_the_worked_examples_are_sound(slug: str) -> None:
    config = configs.load(ROOT / "config", slug)
    assert config_check.check(config, catalogue()) == []
    assert config_check.warnings(config, catalogue(), datetime(2026, 2, 1, tzinfo=UTC)) == []
    assert config.k == 1
