"""Who may see a table or column outside the house: its class, the narrowest of table, column and what the municipality decided.

``public``: anyone. ``partners``: those named in the municipality's file, as aggregates. ``internal``: nobody outside. A column's class stands
in the vocabulary; one that has none stops every export until somebody decides.
"""

from __future__ import annotations

from schemas import vocabulary
from schemas.results import TABLES
from schemas.settings.publication import Class

TABLE_CLASSES: dict[str, Class] = {
    **dict.fromkeys(
        ("indicator_values", "observations", "situations", "thresholds", "indicators", "places", "purposes", "purpose_reviews", "kpis",
         "blind_spots", "retention", "deletions", "data_quality"), "public"),
    **dict.fromkeys(("situation_groups", "baselines", "outcomes"), "partners"),
    **dict.fromkeys(
        ("effective_settings", "baseline_holds", "held_changes", "deliveries", "refused_rows", "corrections", "corrected", "flags", "runs",
         "config_versions", "exports", "about", "alerts", "acknowledgements", "mutes"), "internal"),
}  # fmt: skip
#: Until when a row tells of something, in SQL: what the delay of a table is counted from. Tables that are not named tell of decisions.
TOLD_UNTIL = {
    "indicator_values": "interval_end", "observations": "interval_end", "situations": "ended_at",
    "kpis": "CAST(period_end + 1 AS TIMESTAMPTZ)", "data_quality": "CAST(local_date + 1 AS TIMESTAMPTZ)", "deletions": "recorded_at",
}  # fmt: skip
_ORDER: tuple[Class, ...] = ("public", "partners", "internal")


def narrowest(*classes: Class | None) -> Class | None:
    """The narrowest of some classes; None when one of them is not decided."""
    if any(c is None for c in classes):
        return None
    return max((c for c in classes if c is not None), key=_ORDER.index)


def of_table(name: str) -> Class | None:
    """The class of a table as the house has it; None when nobody decided."""
    return TABLE_CLASSES.get(name)


def of_column(name: str) -> Class | None:
    """The class of a column as the vocabulary has it; None when nobody decided."""
    word = vocabulary.columns().get(name)
    return word.class_ if word else None


def unclassified() -> list[str]:
    """Tables and columns of the published file without a class, as ``table`` or ``table.column``."""
    tables = [name for name in TABLES if of_table(name) is None]
    return tables + [f"{t.name}.{c}" for t in TABLES.values() for c in t.columns if of_column(c) is None]
