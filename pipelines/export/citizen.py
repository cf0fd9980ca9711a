"""The page for citizens: what is counted, why, by whom it is seen and how long, in words that need no expert. One HTML file."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from pipelines.export.process import HERE, Process, text

# What is told of each place or thing that is counted, in plain words: dataset → key of its text.
PLAIN = ("zone_counts", "passage_counts", "od_flows", "stop_counts", "facility_occupancy", "link_speeds", "field_observations")


def html(process: Process) -> str:
    """The page; everything is escaped, nothing is loaded from elsewhere, and no script runs."""
    p, town = process, process.config.municipality

    def say(key: str, **values: object) -> str:
        return text(key, p.lang, **values)

    days = p.state.adoption.retention.days
    model: dict[str, Any] = {
        "lang": p.lang, "title": say("c_title", town=p.t(town.name)), "say": say, "k": town.k,
        "effect": p.answer("effect") or p.t(p.template.desired_effect),
        "counted": [say(f"c_{name}") for name in PLAIN if name in p.state.used.datasets], "places": p.places(),
        "audience": [p.role(a) for a in p.state.adoption.audience], "partners": [p.t(x.title) for x in town.published.partners],
        "kept": say("c_kept_years", n=days // 365) if days % 365 == 0 and days >= 730 else say("c_kept_days", n=days),
        "basis": p.state.adoption.legal_basis, "answers": [(t, a) for t, _, a in p.answers(public_only=True)][1:],
        "contact": town.published.contact, "owner": p.role(town.published.owner), "reviewed": p.review.reviewed_on,
        "again": p.state.review_by, "signed": [p.role(s.role) for s in p.review.signed], "dpia": p.state.adoption.dpia.reference,
    }  # fmt: skip
    return _template().render(**model, **_style())


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("citizen.html.j2")


@cache
def _style() -> dict[str, Any]:
    css = (HERE / "citizen.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return {"style": Markup(css), "style_hash": f"sha256-{digest}"}
