"""Hooks of the site (``mkdocs.yml``): navigation from the pages there are, the README, and the evidence of ``make prove``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README, EVIDENCE = "readme.md", "evidence.md"

Nav = list[dict[str, Any]]


def on_config(config: Any) -> Any:
    """Set the navigation: a new card or decision needs no line anywhere."""
    config.nav = navigation()
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the README and the evidence, which stand elsewhere."""
    for name, text in ((README, readme()), (EVIDENCE, evidence())):
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Give the wide drawing the width of the table of contents."""
    if page.file.src_uri.startswith("reference/lineage."):
        page.meta["hide"] = ["toc"]
    return markdown


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Say in which language a Dutch page is, for those who have it read out."""
    return f'<div lang="nl">{html}</div>' if page.file.src_uri.endswith(".nl.md") else html


def navigation() -> Nav:
    """Sections with their pages, titles taken from the pages."""
    nav: Nav = [{"Guide": [{"Guide": "index.md"}, {"About drukte": README}, *_pages("guide", "*.md")]}]
    for lang, section, each in (("nl", "Indicatoren", "Per indicator"), ("en", "Indicators", "One by one")):
        across = [_titled(f"reference/{name}.{lang}.md") for name in ("indicators", "lineage", "blind", "kpis")]
        nav.append({section: [*across, {each: _pages("reference/indicators", f"*.{lang}.md")}]})
    nav.append({"Data": [_titled(f"reference/{name}.md") for name in ("tables", "datasets", "vocabulary")]})
    nav.append({"Decisions": [_titled("decisions/README.md"), *_pages("decisions", "[0-9]*.md")]})
    return [*nav, {"Evidence": [{"Evidence": EVIDENCE}]}]


def _pages(folder: str, pattern: str) -> Nav:
    return [_titled(path.relative_to(DOCS).as_posix()) for path in sorted((DOCS / folder).glob(pattern))]


def _titled(page: str) -> dict[str, Any]:
    """A page under its own title: generated ones begin with a remark, which hides the title from MkDocs."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    title = next(line for line in lines if line.startswith("# ")).removeprefix("# ")
    return {title.replace("`", ""): page}


def readme() -> str:
    """The README, with its links into ``docs/`` as links of the site, and a folder as its list of contents."""

    def local(link: re.Match[str]) -> str:
        target = link[1]
        return f"]({target}README.md)" if target.endswith("/") else f"]({target})"

    return re.sub(r"\]\(docs/([^)]*)\)", local, (ROOT / "README.md").read_text(encoding="utf-8"))


def evidence() -> str:
    """A table of what was proved, from the files that ``make prove`` writes."""
    rows = []
    for path in sorted((DOCS / "evidence").glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        result = json.dumps(found["result"], ensure_ascii=False).replace("|", "\\|")
        rows.append(f"| {found['property']} | {found['count']} | {found['seed']} | `{found['commit']}` | `{result}` |\n")
    table = "| property | cases | seed | commit | result |\n|---|---|---|---|---|\n" + "".join(rows)
    said = "What `make prove` found, property by property, with the number of cases, the seed and the commit.\n\n"
    return "# Evidence\n\n" + said + (table if rows else "Nothing has been recorded yet: run `make prove`.\n")
