"""Generated pages: the same bytes every time, everything a card says, and tables that are the examples that run."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from indicators import kpi, series
from indicators.card import catalogue
from indicators.grammar import Card
from pipelines import docs
from pipelines.docs import catalogue_page, dictionary, indicator_page, kpi_page, lineage, markdown
from pipelines.docs.say import LANGUAGES, texts
from schemas import vocabulary, words
from schemas.datasets import DATASETS
from schemas.results import TABLES

ROOT = Path(__file__).resolve().parents[2]
CARDS, KPIS = catalogue(), kpi.catalogue()
each_card = pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
each_language = pytest.mark.parametrize("lang", LANGUAGES)


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return docs.files()


def digest(files: dict[str, str]) -> str:
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()


def test_the_same_bytes_in_another_process_with_another_seed_clock_and_locale(made):
    code = "from tests.pipelines.test_docs import digest; from pipelines import docs; print(digest(docs.files()))"
    env = {**os.environ, "PYTHONHASHSEED": "12345", "TZ": "Pacific/Auckland", "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest(made)


def test_stale_names_what_differs_is_missing_or_is_no_longer_made(tmp_path, monkeypatch):
    made = {"docs/reference/a.md": "a\n", "docs/reference/deep/b.md": "b\n", "config/schema/c.json": "{}\n"}
    monkeypatch.setattr(docs, "files", lambda root: made)
    assert docs.write(tmp_path) == list(made)
    assert docs.stale(made, tmp_path) == []
    (tmp_path / "docs/reference/a.md").write_text("changed\n")
    (tmp_path / "config/schema/c.json").unlink()
    (tmp_path / "docs/reference/old.md").write_text("of a card that is gone\n")
    (tmp_path / "config/schema/own.json").write_text("not ours: left alone\n")
    assert docs.stale(made, tmp_path) == ["docs/reference/a.md", "config/schema/c.json", "docs/reference/old.md"]
    docs.write(tmp_path)
    assert docs.stale(made, tmp_path) == []
    assert not (tmp_path / "docs/reference/old.md").exists()
    assert (tmp_path / "config/schema/own.json").exists()


@each_card
@each_language
def test_a_page_says_everything_its_card_says(card: Card, lang: str):
    page = " ".join(indicator_page.page(card, lang, None).split())
    texts_of = ("title", "desired_effect", "question", "meaning", "limits", "explanation")
    wanted = [getattr(getattr(card, name), lang) for name in texts_of]
    wanted += [card.id, card.formula, card.follow_up.role, card.owners.definition, card.owners.action, card.definition_hash]
    wanted += [*card.let, *card.let.values(), *card.references, *card.attributes, *card.baseline, *card.purposes]
    wanted += [getattr(p.meaning, lang) for p in card.parameters.values()]
    wanted += [reference for given in card.inputs.values() for reference in given.from_]
    wanted += [item.that for item in (*card.requires, *card.material)] + [cap.when for cap in card.caps]
    wanted += [words.word("reason", item.reason, lang) for item in (*card.requires, *card.material, *card.caps)]
    wanted += [words.word("measure", card.follow_up.measure, lang), words.word("safety_risk", card.safety_risk, lang)]
    wanted += [example.name for example in card.examples]
    wanted += [part for one in card.equivalent_mutants for part in (one.mutant, one.because)]
    missing = [text for text in wanted if markdown.cell(text) not in page and " ".join(text.split()) not in page]
    assert not missing


@each_card
def test_the_bands_on_the_page_are_those_of_the_card(card: Card):
    page = indicator_page.page(card, "en", None)
    for groups in (card.bands, card.example_bands):
        for bands in groups.values():
            for name, band in bands.items():
                row = next(line for line in page.splitlines() if f" {name} | {band.enter:,g} | {card.exit_of(band):,g} |" in line)
                assert row.count("|") >= 7


def test_a_field_that_is_new_in_the_grammar_comes_out_too():
    class Later(Card):
        colour: str = "none"
        shades: tuple[str, ...] = ()

    given = CARDS["density"].model_dump(mode="json", by_alias=True)
    assert "Further in the card" not in indicator_page.page(Later.model_validate(given), "en", None)
    page = indicator_page.page(Later.model_validate({**given, "shades": ["dark", "light"]}), "en", None)
    assert 'shades`: `["dark", "light"]`' in page
    assert "colour" not in page


def tables_of(page: str) -> list[dict[str, list[str]]]:
    """The tables of the worked examples, runs of equal columns written out: name → a cell a slot."""
    found = []
    section = page.partition("## Worked examples")[2].partition("\n## ")[0]
    for block in re.split(r"\n\*\*\d+\. ", section)[1:]:
        rows = [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines() if line.startswith("| ")]
        lengths = [1 if "–" not in head else int(head.split("–")[1]) - int(head.split("–")[0]) + 1 for head in rows[0][1:]]
        found.append({row[0]: [c for cell, n in zip(row[1:], lengths, strict=True) for c in [cell] * n] for row in rows[2:]})
    return found


@each_card
def test_the_tables_of_examples_hold_the_series_of_the_card(card: Card):
    """Read back from the page: as many slots, and in each the word or number that the card expects."""
    page = indicator_page.page(card, "en", None)
    tables = tables_of(page)
    assert len(tables) == len(card.examples)
    for example, table in zip(card.examples, tables, strict=True):
        slots = len(series.tokens(next(iter(example.inputs.values()))))
        assert {len(cells) for cells in table.values()} == {slots}
        for column, text in example.expect.given().items():
            tokens = series.spread(text, slots)
            name = next(key for key in table if key.strip("*").split(" (")[0].replace(" ", "_") in (column, _ROWS.get(column)))
            assert [_plain(c) for c in table[name]] == [_expected(column, token) for token in tokens], (example.name, column)


_ROWS = {"low": "lowest", "high": "highest", "keeps": "keeps_on"}


def _expected(column: str, token: str) -> str | float:
    if token == series.NOTHING:
        return "–"
    if column in ("value", "low", "high"):
        return float(token)
    return words.word("level" if column in ("level", "held", "keeps", "at_once") else column, token, "en")


def _plain(cell: str) -> str | float:
    try:
        return float(cell.replace(",", ""))
    except ValueError:
        return cell


@each_language
def test_every_indicator_is_listed_and_traced_from_data_to_measure(lang: str):
    listed, traced = catalogue_page.page(CARDS, lang), lineage.page(CARDS, lang, "")
    for card in CARDS.values():
        link = f"(indicators/{card.id}.{lang}.md)"
        assert listed.count(link) == 1
        row = next(line for line in traced.splitlines() if line.startswith(f"| [{getattr(card.title, lang)}]{link}"))
        assert words.word("safety_risk", card.safety_risk, lang) in row
        assert words.word("measure", card.follow_up.measure, lang) in row
        assert all(f"`{reference}`" in row for reference in lineage.references(card))


def test_the_dictionary_holds_every_table_dataset_column_measure_and_code():
    tables, datasets, vocabulary_page = dictionary.tables(), dictionary.datasets(), dictionary.words()
    assert all(f"## `{name}`" in tables for name in TABLES)
    for table in TABLES.values():
        assert all(f"| `{column}` | {table.type_of(column)} |" in tables for column in table.columns)
    for contract in DATASETS.values():
        part = datasets.partition(f"## `{contract.name}`\n")[2].partition("\n## ")[0]
        assert all(f"| `{name}` |" in part for name in contract.names)
        assert all(text in part for text in (*contract.quality.fit_for, *contract.quality.not_fit_for, contract.meaning_nl))
    assert all(f"| `{name}` | {column.type} |" in vocabulary_page for name, column in vocabulary.columns().items())
    assert all(f"| `{code}` |" in vocabulary_page for group in ("level", "reason", "blind_spot") for code in words.codes(group))


def test_texts_stand_in_both_languages():
    assert all(set(said) == set(LANGUAGES) for said in texts().values())
    assert all(re.findall(r"{\w+}", said["nl"]) and set(re.findall(r"{\w+}", said["nl"])) == set(re.findall(r"{\w+}", said["en"]))
               for said in texts().values() if "{" in said["nl"] + said["en"])  # fmt: skip


@pytest.mark.parametrize("text", ["a | b", "two\nlines", None, 3])
def test_a_cell_of_a_table_stays_a_cell(text):
    row = markdown.table(["one", "two"], [[text, "x"]]).splitlines()[2]
    assert len(re.split(r"(?<!\\)\|", row)) == 4


@each_language
def test_every_kpi_is_on_the_page_with_all_its_examples(lang: str):
    page = " ".join(kpi_page.page(KPIS, lang).split())
    for one in KPIS.values():
        part = re.split(f"`{one.id}`, (?:versie|version) ", page)[1].partition(" ## ")[0]
        told = [getattr(getattr(one, name), lang) for name in ("desired_effect", "question", "meaning", "limits")]
        told += [one.formula, *one.references, *one.shown_with, one.owner, getattr(one.interval.because, lang)]
        told += [getattr(given.meaning, lang) for given in one.inputs.values()] + [example.name for example in one.examples]
        assert not [text for text in told if " ".join(text.split()) not in part]
        if lang == "en":
            for example in one.examples:
                row = part.partition(f"| {example.name} |")[2].split("|")[: len(one.inputs) + 4]
                expected = [getattr(example.expect, name) for name in ("value", "low", "high", "n")]
                shown = [cell.strip() for cell in row[len(one.inputs) :]]
                assert shown == ["" if text is None else "–" if text == "_" else f"{float(text):,g}" for text in expected]
