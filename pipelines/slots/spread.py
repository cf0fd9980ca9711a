"""Measures over the members of a place that are no sum: shares, concentration, and the bounds of a class.

A share is taken at both ends of what its parts can be. Concentration has no bounds: with a withheld part it is not known.
"""

from __future__ import annotations

from schemas.datasets import Derived

BUSIEST = 0.1  # the part of the surface that counts as busiest
MIN_ZONES = 10  # with fewer zones a tenth of the surface says nothing


def sql(derived: Derived, full: str, complete: str, status: str) -> str | None:
    """SELECT place, slot_start, coverage, status, value, low, high for a ``how`` that is not a sum; None for a sum.

    ``full``: a row per place, slot and member with factor, above, here, status, coverage, value, low, high; ``complete``: HAVING
    condition of a slot that may be given; ``status``: the status over the members.
    """
    if derived.how == "share":
        return _share(full, complete, status)
    if derived.how == "classes":
        return _classes(derived, full, complete, status)
    if derived.how in ("busiest_share", "hoover"):
        return _concentration(derived.how, full, complete, status)
    return None


def _share(full: str, complete: str, status: str) -> str:
    above, below = "FILTER (above)", "FILTER (NOT above)"
    ends = {"low": ("low", "high"), "high": ("high", "low")}
    low, high = (
        f"CAST(sum({a}) {above} AS DOUBLE) / nullif(CAST(sum({a}) {above} + sum({b}) {below} AS DOUBLE), 0)"
        for a, b in ends.values()
    )
    known = "bool_and(status IN ('ok', 'suppressed'))"
    return f"""
        SELECT place, slot_start, min(coverage) AS coverage, {status} AS status, CASE WHEN bool_and(status = 'ok') THEN {low} END AS value,
               CASE WHEN {known} THEN {low} END AS low, CASE WHEN {known} THEN {high} END AS high
        FROM ({full}) GROUP BY place, slot_start HAVING {complete}"""


def _classes(derived: Derived, full: str, complete: str, status: str) -> str:
    """The bounds of the class, times the attribute; a class with equal bounds is a value."""
    bounds = ", ".join(f"({code}, {low}, {high})" for code, (low, high) in derived.classes.items())
    return f"""
        SELECT place, slot_start, min(coverage) AS coverage, {status} AS status,
               CASE WHEN max(c.low) = max(c.high) THEN max(c.low * factor) END AS value,
               max(c.low * factor) AS low, max(c.high * factor) AS high
        FROM ({full}) f LEFT JOIN (VALUES {bounds}) c(code, low, high) ON c.code = f.value
        GROUP BY place, slot_start HAVING {complete}"""


def _concentration(how: str, full: str, complete: str, status: str) -> str:
    """People on the busiest tenth of the surface, or the Hoover index; sums run in a fixed order of members (rule 12)."""
    by_place = "PARTITION BY place, slot_start"
    # From the busiest zone on; equal densities by name, so that the order is fixed.
    before = f"""sum(factor) OVER ({by_place} ORDER BY value / factor DESC, member ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - factor"""
    share = {
        "busiest_share": f"value * least(greatest({BUSIEST} * surface - before, 0), factor) / factor / nullif(everyone, 0)",
        "hoover": "0.5 * abs(value / nullif(everyone, 0) - factor / surface)",
    }[how]
    return f"""
        SELECT place, slot_start, coverage, status, value, value AS low, value AS high FROM (
            SELECT place, slot_start, min(coverage) AS coverage, {status} AS status,
                   CASE WHEN bool_and(status = 'ok') THEN sum({share} ORDER BY member) END AS value
            FROM (SELECT *, CAST(sum(value) OVER ({by_place}) AS DOUBLE) AS everyone, {before} AS before,
                         sum(CAST(factor AS DECIMAL(18,3))) OVER ({by_place}) AS surface FROM ({full}))
            GROUP BY place, slot_start HAVING ({complete}) AND count(*) >= {MIN_ZONES})"""
