"""Entries for two registers: of processing (GDPR art. 30) and of algorithms (Dutch publication standard 1.0, its fields and limits)."""

from __future__ import annotations

from typing import Any

from pipelines.export.process import Process, text
from schemas.questions import questions

# Field of the Algoritmeregister → most characters; None: not limited, or one of CHOICES.
LIMITS: dict[str, int | None] = {
    "naam": 100, "organisatie": 200, "korte_omschrijving": 350, "status": None, "categorie": None, "contactgegevens": 500, "taal": None,
    "begindatum": None, "doel_en_impact": 2500, "afwegingen": 2500, "menselijke_tussenkomst": 2500, "risicobeheer": 2500,
    "wettelijke_basis": 2500, "impacttoetsen": 2500, "gegevens": 2500, "technische_werking": 5000, "leverancier": 200,
}  # fmt: skip
CHOICES = {
    "status": ("In ontwikkeling", "In gebruik", "Buiten gebruik"), "taal": ("NLD", "ENG"),
    "categorie": ("Hoog-risico AI-systeem", "Impactvolle algoritmes", "Overige algoritmes"),
}  # fmt: skip
_FIELD = {
    "goal": "doel_en_impact",
    "considerations": "afwegingen",
    "human_intervention": "menselijke_tussenkomst",
    "risk_management": "risicobeheer",
}


def algorithm(p: Process) -> dict[str, str]:
    """The entry, each field within its limit: what is too long ends at a word, with an ellipsis, and the annex has all of it."""
    town, adoption = p.config.municipality, p.state.adoption
    grouped: dict[str, list[str]] = {}
    for asked in questions().questions:
        if asked.public or asked.goes_to == "risk_management":
            grouped.setdefault(_FIELD[asked.goes_to], []).append(f"{p.t(asked.topic)}: {p.answer(asked.question)}")
    contact = town.published.contact or ""
    found = {
        "naam": text("alg_name", p.lang, purpose=p.t(p.template.title)), "organisatie": p.t(town.name),
        "korte_omschrijving": text("alg_short", p.lang, k=town.k), "status": "In gebruik", "categorie": "Impactvolle algoritmes",
        "contactgegevens": f"{p.role(town.published.owner)} {contact}".strip(), "taal": "NLD" if p.lang == "nl" else "ENG",
        "begindatum": f"{p.review.reviewed_on:%Y-%m}", **{field: _share(parts, LIMITS[field] or 0) for field, parts in grouped.items()},
        "wettelijke_basis": adoption.legal_basis, "impacttoetsen": f"{adoption.dpia.reference} ({adoption.dpia.date})",
        "gegevens": " ".join(f"{name}: {meaning}" for name, meaning, _ in p.datasets()) + " " + text("no_persons", p.lang),
        "technische_werking": text("alg_working", p.lang, n=len(p.state.used.indicators),
                                   names=", ".join(title for title, _, _ in p.indicators())), "leverancier": "drukte (Apache-2.0)",
    }  # fmt: skip
    return {field: shortened(found[field], most) for field, most in LIMITS.items()}


def shortened(value: str, most: int | None) -> str:
    """At most so many characters, ending at a word."""
    if most is None or len(value) <= most:
        return value
    return value[: most - 2].rpartition(" ")[0].rstrip(",;: ") + " …"


def _share(parts: list[str], most: int) -> str:
    """Several answers in one field: where they do not fit each gets an equal share, so that none is lost whole."""
    if sum(len(part) + 2 for part in parts) <= most:
        return "\n\n".join(parts)
    return "\n\n".join(shortened(part, most // len(parts) - 2) for part in parts)


def processing(p: Process) -> dict[str, Any]:
    """The entry of the register of processing, by the items of GDPR art. 30(1)."""
    town, adoption = p.config.municipality, p.state.adoption
    return {
        "controller": p.t(town.name), "contact": f"{p.role(town.published.owner)} {town.published.contact or ''}".strip(),
        "data_protection_role": p.role(adoption.owner), "purpose": f"{p.t(p.template.title)}: {p.t(p.template.desired_effect)}",
        "legal_basis": adoption.legal_basis, "dpia": f"{adoption.dpia.reference} ({adoption.dpia.date})",
        "data_subjects": text("art30_subjects", p.lang), "personal_data": text("art30_data", p.lang, k=town.k),
        "data_categories": [name for name, _, _ in p.datasets()], "recipients": [p.role(a) for a in adoption.audience]
        + [f"{p.t(partner.title)} ({text('aggregates', p.lang)})" for partner in town.published.partners],
        "third_countries": text("art30_countries", p.lang), "retention": p.retention(), "security": text("security_is", p.lang),
        "reviewed_on": p.review.reviewed_on.isoformat(), "review_by": p.state.review_by.isoformat(), "fingerprint": p.review.fingerprint,
    }  # fmt: skip


def processing_markdown(entry: dict[str, Any], lang: str) -> str:
    """The entry as a table for people."""
    from pipelines.export.dpia import cell

    def plain(value: Any) -> str:
        if isinstance(value, dict):
            return "; ".join(f"{text(f'class_{k}', lang)} {v}" for k, v in value.items())
        return "; ".join(value) if isinstance(value, list) else str(value)

    rows = [f"| {text(f'art30_{key}', lang)} | {cell(plain(value))} |" for key, value in entry.items()]
    return "\n".join([text("art30_title", lang), "", f"| {text('what', lang)} | |", "|---|---|", *rows]) + "\n"
