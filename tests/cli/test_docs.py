"""``drukte docs``: says what is not up to date, and what a town cannot see."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import docs
from tests.cli.conftest import Drukte, data
from tests.town import Town


def test_check_names_what_is_stale_and_writes_nothing(drukte: Drukte, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "files", dict)
    monkeypatch.setattr(docs, "stale", lambda made: ["docs/reference/gone.md"])
    monkeypatch.setattr(docs, "write", lambda: pytest.fail("wrote"))
    code, said, _ = drukte("docs", "--check")
    assert (code, "docs/reference/gone.md" in said) == (5, True)


def test_check_is_content_when_nothing_is_stale(drukte: Drukte, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "files", dict)
    monkeypatch.setattr(docs, "stale", lambda made: [])
    assert drukte("docs", "--check", "--lang", "nl")[:2] == (0, "alle gemaakte pagina's zijn bij\n")


def test_a_town_hears_what_it_cannot_see(drukte: Drukte, tmp_path: Path) -> None:
    config = Town(tmp_path).config_folder
    code, said, _ = drukte("docs", "--config", config, "--municipality", "tiny", "--lang", "nl")
    assert code == 0
    assert "Bezettingsgraad bij Alley: capacity van de plaats is niet bekend." in said
    found = data(drukte("docs", "--config", config, "--municipality", "tiny", "--json")[1])["tiny"]
    assert {"attribute_missing", "no_source"} <= {row["blind_spot"] for row in found}
    assert drukte("docs", "--config", config, "--municipality", "elsewhere")[0] == 2
