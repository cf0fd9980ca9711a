"""KPIs: declared like cards, refused with file and line, their examples hold, and their intervals are what they say."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import duckdb
import pytest
import yaml

from indicators import card, kpi
from schemas.problems import Problems
from schemas.settings import Text

ALL = sorted(kpi.catalogue())
Z95 = NormalDist().inv_cdf(0.975)


def changed(folder: Path, name: str, **changes: Any) -> Path:
    """The file of a KPI with top-level keys replaced (None takes one out), written in ``folder``."""
    data = {**yaml.safe_load((kpi.KPIS / f"{name}.yaml").read_text(encoding="utf-8")), **changes}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in data.items() if v is not None}, sort_keys=False), encoding="utf-8")
    return path


def of(name: str, **counts: Any) -> dict[str, Any]:
    """What a KPI gives for the counts of one period, to six digits."""
    made = kpi.catalogue()[name].model_copy(update={"digits": 6})
    typed = ", ".join(f"${n}::DOUBLE{'[]' if given.is_ == 'median' else ''} AS {n}" for n, given in made.inputs.items())
    with duckdb.connect() as con:
        found = con.execute(kpi.sql(made, f"(SELECT {typed})"), counts)
        return dict(zip([c[0] for c in found.description or []], found.fetchall()[0], strict=True))


def test_the_output_kpis_of_the_domain_are_there() -> None:
    wanted = {
        "probability_of_detection", "false_alarm_ratio", "critical_success_index", "lead_time", "signals_per_hour", "share_unknown",
    }  # fmt: skip
    assert wanted <= set(ALL) and not set(ALL) & set(card.catalogue())
    assert {made.kind for made in kpi.catalogue().values()} == {"output", "outcome"}


def test_a_false_rate_stands_beside_the_hits_and_the_hits_beside_a_false_rate() -> None:
    kpis = kpi.catalogue()
    assert "false_alarm_ratio" in kpis["probability_of_detection"].shown_with
    assert "probability_of_detection" in kpis["false_alarm_ratio"].shown_with
    assert "in_time" in kpis["lead_time"].shown_with  # the lead time beside what the follow-up needs


@pytest.mark.parametrize("name", ALL)
def test_every_worked_example_holds_and_small_faults_are_noticed(name: str) -> None:
    made = kpi.catalogue()[name]
    assert [f"{r.name}: {'; '.join(map(str, r.differences))}" for r in kpi.run(made) if not r.passed] == []
    assert kpi.mutants(made) == []


@pytest.mark.parametrize("name", ALL)
def test_zero_cases_and_unknown_counts_are_shown_and_apart(name: str) -> None:
    made = kpi.catalogue()[name]
    expected = [(e.expect.value, e.expect.n) for e in made.examples]
    assert ("_", "0") in expected and ("_", "_") in expected
    for given in made.inputs:
        assert any(e.given[given] == "_" for e in made.examples), given


@pytest.mark.parametrize("name", ALL)
def test_texts_stand_in_both_languages(name: str) -> None:
    made = kpi.catalogue()[name]
    texts = [value for field in kpi.Kpi.model_fields if isinstance(value := getattr(made, field), Text)]
    texts += [made.interval.because, *(given.meaning for given in made.inputs.values())]
    assert len(texts) >= 7 and all(text.nl.strip() and text.en.strip() for text in texts)


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 5), (2, 7), (8, 10), (50, 100), (999, 1000)])
def test_wilson_is_where_the_test_of_a_share_just_does_not_refuse(hits: int, n: int) -> None:
    row = of("in_time", early_enough=hits, hits=n)
    low, high = row["low"], row["high"]
    for edge in (low, high):
        distance = abs(hits / n - edge)
        assert edge in (0, 1) or math.isclose(distance, Z95 * math.sqrt(edge * (1 - edge) / n), abs_tol=1e-5)
    assert low <= hits / n <= high and (low == 0) == (hits == 0) and (high == 1) == (hits == n)


@pytest.mark.parametrize("signals", [0, 1, 2, 5, 12, 40, 200])
def test_byar_comes_close_to_the_exact_poisson_interval(signals: int) -> None:
    def at_most(k: int, mean: float) -> float:
        return math.fsum(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(k + 1))

    row = of("signals_per_hour", signals=signals, hours=100)
    low, high = row["low"] * 100, row["high"] * 100
    assert math.isclose(at_most(signals, high), 0.025, abs_tol=0.001)
    assert low == 0 if signals == 0 else 0.01 < 1 - at_most(signals - 1, low) < 0.0255  # a little wide at few signals
    assert low <= signals <= high


def test_the_interval_of_a_median_holds_it_at_least_95_times_in_100() -> None:
    for n in range(1, 121):
        row = of("lead_time", lead=list(range(1, n + 1)))
        if n < 6:
            assert (row["low"], row["high"]) == (None, None)
            continue
        rank = int(row["low"])
        assert int(row["high"]) == n + 1 - rank
        outside = [2 * sum(math.comb(n, i) for i in range(r)) / 2**n for r in (rank, rank + 2)]
        assert outside[0] <= 0.05 < outside[1], n  # and at most one rank wider than it has to be


def test_many_periods_go_in_one_query_and_keep_their_own_columns() -> None:
    made = kpi.catalogue()["false_alarm_ratio"]
    rows = "(VALUES ('a', 9, 3), ('b', 0, 0), ('c', NULL, 3)) t(place, hits, false_alarms)"
    with duckdb.connect() as con:
        got = con.sql(f"SELECT place, value, n FROM ({kpi.sql(made, f'(FROM {rows})')}) ORDER BY place").fetchall()
    assert got == [("a", 0.25, 12), ("b", None, 0), ("c", None, None)]


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("unknown key", {"colour": "red"}, "colour", "unknown key"),
    ("missing key", {"owner": None}, "owner", "required"),
    ("one language", {"limits": {"en": "x"}}, "limits.nl", "required"),
    ("another kind", {"kind": "input"}, "kind", ""),
    ("unguarded division", {"formula": "hits / (hits + misses)"}, "formula", "not guarded"),
    ("an aggregate", {"formula": "sum(hits) + misses"}, "formula", "aggregate"),
    ("undeclared", {"n": "hits + misses + luck"}, "n", "`luck` is not declared"),
    ("unused", {"formula": "hits / nullif(hits, 0)", "n": "hits"}, "inputs.misses", "never used"),
    ("taken name", {"inputs": {"n": {"unit": "-", "meaning": {"nl": "x", "en": "x"}}}}, "inputs.n", "cannot be a name"),
    ("no number of cases", {"n": None}, "n", "number of cases"),
    ("wilson with per", {"interval": {"method": "wilson", "per": "hits", "because": {"nl": "x", "en": "x"}}},
     "interval.per", "method wilson"),
    ("byar without per", {"interval": {"method": "byar", "because": {"nl": "x", "en": "x"}}}, "interval.per", "method byar"),
    ("median of nothing", {"interval": {"method": "order_statistics", "of": "hits", "because": {"nl": "x", "en": "x"}}},
     "interval.of", "not the median"),
    ("a method without its reason", {"interval": {"method": "wilson"}}, "interval.because", "required"),
    ("example without an input", {"examples": [{"name": "a name long enough", "given": {"hits": 1}, "expect": {"value": 1, "n": 1}}]},
     "examples.0.given", "`misses` is missing"),
    ("example that is no number", {"examples": [{"name": "a name long enough", "given": {"hits": "some", "misses": 1},
                                                 "expect": {"value": 1, "n": 1}}]}, "examples.0.given.hits", "not a number"),
    ("no examples", {"examples": []}, "examples", ""),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "key", "what"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_mistake_names_file_line_key_and_fix(tmp_path: Path, changes: dict[str, Any], key: str, what: str) -> None:
    path = changed(tmp_path, "probability_of_detection", **changes)
    with pytest.raises(Problems) as caught:
        kpi.load(path)
    mine = [p for p in caught.value.problems if p.key == key]
    assert mine, f"no problem at {key}: {caught.value}"
    assert what in mine[0].what and mine[0].fix and mine[0].file == str(path) and mine[0].line >= 1


def test_a_list_of_values_is_complete_or_not_known(tmp_path: Path) -> None:
    example = {"name": "one of them not known", "given": {"lead": "10 _ 30"}, "expect": {"value": 20, "n": 2}}
    with pytest.raises(Problems, match=r"lead_time\.yaml:\d+: examples\.0\.given\.lead: `_` among values"):
        kpi.load(changed(tmp_path, "lead_time", examples=[example]))


def test_what_a_kpi_is_shown_with_exists(tmp_path: Path) -> None:
    changed(tmp_path, "share_unknown", shown_with=["share_unknwon"])
    with pytest.raises(Problems, match=r"there is no KPI `share_unknwon`\. Did you mean `share_unknown`"):
        kpi.catalogue(tmp_path)


def test_a_kpi_is_named_as_its_file(tmp_path: Path) -> None:
    changed(tmp_path, "in_time").rename(tmp_path / "on_time.yaml")
    with pytest.raises(Problems, match=r"`in_time` in a file called `on_time\.yaml`"):
        kpi.load(tmp_path / "on_time.yaml")


def test_a_wrong_example_is_shown_by_column(tmp_path: Path) -> None:
    example = {"name": "wrong in two cells", "given": {"hits": 8, "misses": 2}, "expect": {"value": 0.9, "low": "_", "n": 10}}
    (result,) = kpi.run(kpi.load(changed(tmp_path, "probability_of_detection", examples=[example])))
    assert [str(d) for d in result.differences] == ["value: expected 0.9, got 0.8", "low: expected _, got 0.49"]
