"""Entries for two registers: of processing (GDPR art. 30) and of algorithms.

The second has the fields and limits of the Dutch *Publicatiestandaard Algoritmeregister* 1.0.0
(https://www.algoritmeregister.org/schemas/algoritmeregister-publicatiestandaard-v1.0.0.schema.json). It takes entries in Dutch only:
the English one is for reading.
"""

from __future__ import annotations

from typing import Any

from pipelines.export.process import Process, text
from schemas.questions import questions

# Field of the publication standard → most characters; None: a value of a list, a month, or not limited.
LIMITS: dict[str, int | None] = {
    "name": 99, "description_short": 399, "organization": 99, "theme": None, "status": None, "start_date": None, "contact": None,
    "publication_category": None, "purpose_and_impact": 2499, "considerations": 2499, "human_intervention": 2499, "risk_management": 2499,
    "legal_basis": 2499, "impact_assessments": None, "impact_assessment_explanation": 2499, "data": 2499, "technical_operation": 4999,
    "supplier": 199, "language": None, "schema": None, "source_id": None,
}  # fmt: skip
CHOICES = {
    "status": ("In ontwikkeling", "In gebruik", "Buiten gebruik"), "language": ("nld",), "schema": ("1.0.0",),
    "publication_category": ("Hoog-risico AI-systeem (Categorie A)", "Impactvolle algoritmes (Categorie B)", "Overige algoritmes (Categorie C)"),
}  # fmt: skip
_FIELD = {
    "goal": "purpose_and_impact",
    "considerations": "considerations",
    "human_intervention": "human_intervention",
    "risk_management": "risk_management",
}


def algorithm(p: Process) -> dict[str, str | list[str]]:
    """The entry, each field within its limit: what is too long ends at a word, with an ellipsis, and the annex has all of it."""
    town, adoption = p.config.municipality, p.state.adoption
    grouped: dict[str, list[str]] = {}
    for asked in questions().questions:
        if asked.public:  # the register is
            grouped.setdefault(_FIELD[asked.goes_to], []).append(f"{p.t(asked.topic)}: {p.answer(asked.question)}")
    texts = {
        "name": text("alg_name", p.lang, purpose=p.t(p.template.title)), "organization": _organization(p),
        "description_short": text("alg_short", p.lang, k=town.k), "status": "In gebruik", "start_date": f"{p.review.reviewed_on:%Y-%m}",
        "contact": (town.published.contact or p.role(town.published.owner)).removeprefix("mailto:"),
        "publication_category": CHOICES["publication_category"][1],
        **{field: _share(parts, LIMITS[field] or 0) for field, parts in grouped.items()},
        "legal_basis": adoption.legal_basis, "impact_assessments": "Data Protection Impact Assessment (DPIA)",
        "impact_assessment_explanation": f"{adoption.dpia.reference} ({adoption.dpia.date})",
        "data": " ".join(f"{name}: {meaning}" for name, meaning, _ in p.datasets()) + " " + text("no_persons", p.lang),
        "technical_operation": text("alg_working", p.lang, n=len(p.state.used.indicators),
                                    names=", ".join(title for title, _, _ in p.indicators())), "supplier": "drukte (Apache-2.0)",
        "language": "nld" if p.lang == "nl" else "eng", "schema": "1.0.0", "source_id": f"{town.municipality}.{p.state.purpose}",
    }  # fmt: skip
    lists = {"theme": ["Openbare orde en veiligheid", "Verkeer"]}
    return {field: lists.get(field) or shortened(texts[field], most) for field, most in LIMITS.items()}


def _organization(p: Process) -> str:
    """The full name of the body, as the register lists municipalities."""
    name = p.t(p.config.municipality.name)
    return text("municipality_of", p.lang, name=name) if p.config.municipality.cbs and "emeente " not in name else name


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
