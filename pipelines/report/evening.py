"""The report of an event: one self-contained HTML page, and a PDF of it where a Chromium is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from pipelines.board import around, assets, page, queries
from pipelines.board.say import Clock, Voice
from pipelines.published import connect
from pipelines.report import reading
from schemas import yamlfile
from schemas.datasets import DATASETS

Row = dict[str, Any]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PDF_SECONDS = 120
MOST = 25  # lines of what was not seen


@cache
def texts() -> dict[str, dict[str, str]]:
    """All texts of reports by key, then language."""
    return yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/report/texts.yaml").data  # type: ignore[no-any-return]


def html(published: Path, event: str, *, lang: str, at: datetime, municipality: str | None = None) -> str:
    """The report of ``event`` as known to the published file, up to ``at``. Raises :class:`Problems` for an unknown event."""
    found = reading.read(published, event, municipality, at)
    scope = queries.Scope((found.event["municipality"],), page.begin_of(found.since, 0), found.until)
    con = connect(published)
    try:
        read, beside = queries.read(con, scope), around.read(con, scope)
    finally:
        con.close()
    model = page.model_of(read, beside, scope, Voice(lang), situations=0, places=0)
    told = {**model, **_Report(found, model, lang, at).told(), **assets.assets(static=True)}
    return page.template("page.html.j2").render(**told, file=published.name, found=found, at=at)


class _Report:
    """What the page of an event says beyond the board's model."""

    def __init__(self, found: reading.Found, model: Row, lang: str, at: datetime):
        self.found, self.lang, self.at = found, lang, at
        self.town, self.voice = model["municipalities"][0], Voice(lang)
        self.clock = Clock(self.town["clock"].zone, found.until, self.voice)

    def say(self, key: str, **parts: object) -> str:
        return texts()[key][self.lang].format(**parts)

    def told(self) -> Row:
        found = self.found
        return {
            "r": self.say, "clock": self.clock, "town": self.town, "name": found.event[f"name_{self.lang}"], "short": self._short(),
            "told": [self._situation(s) for s in found.situations], "editions": self._editions(),
            "outcomes": [self._outcome(o) for o in found.outcomes],
            "quality": [self._source(q) for q in found.quality],
            "troubles": [{**d, "said": self.voice.code("delivery_state", d["state"])} for d in found.troubles],
            "unseen": self._cut([self._unseen(row) for row in found.unseen]),
            "silent": self._cut([row[f"explanation_{self.lang}"] for row in found.silent]),
        }  # fmt: skip

    def _cut(self, lines: list[str]) -> list[str]:
        return lines if len(lines) <= MOST else [*lines[:MOST], self.say("more", n=len(lines) - MOST)]

    def _short(self) -> list[str]:
        own, lines = self.found.own, []
        if self.found.situations:
            peak = self.voice.code("level", own.get("peak"))
            lines.append(self.say("short_some", n=own.get("situations", 0), m=own.get("stories", 0), peak=peak))
            if own.get("high"):
                lines.append(self.say("short_high", n=own["high"]))
            worst = dict.fromkeys(s["name"] or s["place"] for s in self.found.situations if s["peak_level"] == "critical")
            lines += [self.say("short_critical", places=", ".join(worst))] if worst else []
            still = sum(s["ended_at"] is None or s["ended_at"] > self.found.until for s in self.found.situations)
            lines += [self.say("short_open", n=still)] if still else []
        else:
            lines.append(self.say("short_none"))
        if own.get("slots"):
            lines.append(self.say("short_unknown", p=self.voice.percent(own["unknown"] / own["slots"])))
        return lines

    def _situation(self, s: Row) -> Row:
        end = self.clock.time(s["ended_at"]) if s["ended_at"] else self.say("until_end")
        if s["signalled_at"]:
            after = self.voice.duration((s["signalled_at"] - s["started_at"]) / timedelta(minutes=1))
            signalled = self.say("signalled_after", t=self.clock.time(s["signalled_at"]), d=after)
        else:
            signalled = self.say("not_signalled")
        parts = [self.voice.code("measure", s["follow_up"]), s["follow_up_role"] or ""]
        parts.append(self.say("needs", d=self.voice.duration(s["lead_time_minutes"])) if s["lead_time_minutes"] else "")
        return {
            "peak": s["peak_level"] or s["level"], "name": s["name"] or s["place"], "unobserved": s["unobserved"],
            "risk": self.voice.code("safety_risk", s["safety_risk"]), "span": f"{self.clock.time(s['started_at'])} – {end}",
            "lasted": self.voice.duration(s["minutes"]), "explanation": s[f"explanation_{self.lang}"] or "", "signalled": signalled,
            "reasons": [self.voice.code("reason", reason) for reason in s["reasons"] or [] if reason != "unobserved"],
            "measure": " · ".join(part for part in parts if part) if s["follow_up"] else "",
        }  # fmt: skip

    def _editions(self) -> list[Row]:
        if not self.found.editions:
            return []
        all_of_them = [(self.found.event, self.found.own if self.found.own.get("slots") else None), *self.found.editions]
        return [
            {"name": event[f"name_{self.lang}"], "day": self.clock.full(event["starts_at"]), "figures": figures,
             "high": figures["high"] if figures else "",
             "unknown": self.voice.percent(figures["unknown"] / figures["slots"]) if figures else ""}
            for event, figures in all_of_them
        ]  # fmt: skip

    def _outcome(self, row: Row) -> Row:
        """What a role wrote down: where, what was done or found, and the effect seen."""
        name = next((s["name"] for s in self.found.situations if s["situation_id"] == row["situation_id"]), None)
        what = [self.voice.code("outcome_kind", row["kind"]), self.voice.code("measure", row["follow_up"])]
        return {**row, "where": name or row["place"] or "–", "what": ": ".join(part for part in what if part),
                "seen": self.voice.code("outcome_effect", row["effect"])}  # fmt: skip

    def _source(self, row: Row) -> Row:
        known = (row["ok"] + row["suppressed"]) / row["expected"]
        required = DATASETS[row["dataset"]].quality.completeness if row["dataset"] in DATASETS else None
        return {**row, "known": self.voice.percent(known), "below": required is not None and known < required,
                "required": self.voice.percent(required)}  # fmt: skip

    def _unseen(self, row: Row) -> str:
        between = {"from": self.clock.time(row["first"]), "to": self.clock.time(row["last"])}
        return self.say(
            "unseen_place", place=row["name"] or row["place"], p=self.voice.percent(row["dark"] / row["slots"]), **between
        )


def pdf(page_file: Path, out: Path, lang: str) -> str | None:
    """A PDF of a page by Chromium; returns what to tell when there is none."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        return texts()["pdf_none"][lang]
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses its sandbox to root; the page runs no script
    with tempfile.TemporaryDirectory() as profile:
        words = [browser, "--headless", "--disable-gpu", *sandbox, "--no-first-run", "--no-pdf-header-footer", f"--user-data-dir={profile}",
                 f"--print-to-pdf={out}", page_file.resolve().as_uri()]  # fmt: skip
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=PDF_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return texts()["pdf_failed"][lang].format(why=type(error).__name__)
    if done.returncode or not out.exists():
        return texts()["pdf_failed"][lang].format(why=f"code {done.returncode}")
    return None
