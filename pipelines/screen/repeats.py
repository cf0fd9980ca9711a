"""Identifiers that come back: values of a column nobody maps, many of them, each seen in several intervals.

A sensor's serial belongs to one place and reports nearly always; an hour or a batch belongs to one interval. A code of which
there are many, that comes back now and then, or in several places, follows something that moves.
"""

from __future__ import annotations

import pyarrow as pa

from pipelines.readers.engine import in_memory

MANY = 50
SOME = 20  # enough where nearly every code comes back, and in several places
_CODE = r"^[A-Za-z0-9_\-]{5,64}$"
# Codes hold a digit and a letter, or are long numbers of one length; counts, decimals, dates and words are none of these.
_ID_LIKE = r"(regexp_matches(v, '[0-9]') AND regexp_matches(v, '[A-Za-z]') OR regexp_matches(v, '^[0-9]{8,}$'))"


def repeats(values: pa.Array, places: pa.Array, times: pa.Array) -> bool:
    """Whether a column's values behave like identifiers that repeat over time; all three arrays are texts of equal length."""
    with in_memory(values.nbytes) as con:
        con.register("rows", pa.table({"v": values, "p": places, "t": times}))
        [row] = con.execute(
            f"""
            WITH codes AS (SELECT trim(v) AS v, p, t FROM rows WHERE v IS NOT NULL
                           AND regexp_matches(trim(v), '{_CODE}') AND NOT regexp_matches(trim(v), '^[0-9]{{4}}-[0-9]{{2}}')),
                 ids AS (SELECT v, count(DISTINCT t) AS intervals, count(DISTINCT p) AS places FROM codes
                         WHERE {_ID_LIKE} GROUP BY v)
            SELECT count(*), avg((intervals > 1)::INTEGER), avg((places > 1)::INTEGER), avg(intervals),
                   any_value((SELECT count(DISTINCT p) FROM rows)), any_value((SELECT count(DISTINCT t) FROM rows)),
                   any_value((SELECT avg(n) FROM (SELECT count(DISTINCT v) AS n FROM codes GROUP BY t)))
            FROM ids
            """
        ).fetchall()
    if not row[0]:
        return False
    many, come_back, wander, seen, known_places, known_times, at_once = row
    passing = many > 3 * known_places and seen < 0.3 * known_times
    some = many > SOME and come_back > 0.8 and at_once > 1.5  # a label of the hour is one for all places at once
    return bool((many > MANY and come_back > 0.3 and (wander > 0.3 or passing)) or (some and (wander > 0.8 or passing)))
