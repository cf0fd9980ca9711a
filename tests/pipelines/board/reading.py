"""Read a board as a browser's parser does, and by the words a person sees."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from pipelines import board
from tests.pipelines.board.evening import AT

VOID = {"meta", "link", "br", "wbr", "col", "img", "input"}


class Seen(HTMLParser):
    """The page as read by a parser: tags with attributes, headings, text by place block. Refuses unbalanced tags."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):  # the page's data are for the script only
            self.text.append(data)

    def has(self, tag, cls):
        return [a for t, a in self.tags if t == tag and cls in (a.get("class") or "").split()]


def shown(made, change=None, *, at=AT, lang="en", name="evening", municipality=None) -> str:
    database = made(change, name)
    return board.write(database, database.with_suffix(".html"), lang=lang, at=at, municipality=municipality).read_text(
        encoding="utf-8"
    )


def plain(html: str) -> str:
    """The words of the page, spaces made even."""
    return " ".join("".join(Seen(html).text).replace("\u00a0", " ").split())


def block(html: str, name: str) -> str:
    """The rows of one place in the table of strips."""
    return next(
        b for b in re.findall(r"<tbody role=\"rowgroup\" class=\"place.*?</tbody>", html, re.S) if f"<h3>{name}</h3>" in b
    )


def articles(html: str) -> list[str]:
    return re.findall(r"<article.*?</article>", html, re.S)


def named(html: str) -> list[str]:
    return [re.search(r"<h4>(.*?)</h4>", a).group(1) for a in articles(html)]
