"""The site: strict, from what there is, and nothing in it asks anything of another server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from indicators.card import catalogue
from pipelines.docs import site

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The site as `make docs` builds it. A broken link or anchor, or a page outside the navigation, fails here."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_nothing_is_fetched_from_elsewhere(built):
    asking = re.compile(r"""(?:src|href)=["']?(?:https?:)?//|@import|url\(["']?(?:https?:)?//""")
    found = [
        f"{path.name}: {match[0]}"
        for path in sorted(built.rglob("*"))
        if path.suffix in {".html", ".css", ".svg"}
        for match in asking.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_every_indicator_has_its_page_with_its_drawing_in_both_languages(built):
    for card in catalogue().values():
        for lang in ("nl", "en"):
            page = (built / f"reference/indicators/{card.id}.{lang}.html").read_text(encoding="utf-8")
            assert (f'src="{card.id}.{lang}.svg"' in page) == bool(card.examples)
            assert ('<div lang="nl">' in page) == (lang == "nl")
            assert f"<title>{getattr(card.title, lang)}" in page  # under its own title, also in the navigation
            if card.examples:
                assert (built / f"reference/indicators/{card.id}.{lang}.svg").is_file()


def test_the_guide_leads_to_the_parts_of_the_readme(built):
    guide, readme = ((built / name).read_text(encoding="utf-8") for name in ("index.html", "readme.html"))
    assert 'href="readme.html#if-you-are"' in guide
    assert 'id="if-you-are"' in readme
    assert "](docs/" not in site.readme()


def test_evidence_is_shown_as_it_was_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "DOCS", tmp_path)
    assert "Nothing has been recorded yet" in site.evidence()
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence/one.json").write_text(
        '{"property": "one", "count": 1000, "seed": 7, "commit": "abc", "result": {"a|b": 0}}'
    )
    assert '| one | 1000 | 7 | `abc` | `{"a\\|b": 0}` |' in site.evidence()
