"""One story per group of situations: a view over ``situations``, for board and alerts (rule 19, decision 0009).

The leading situation is an open one with the worst held level, of those the earliest; when all are closed that with the
worst peak. It lends the group its level, place, sentence and confidence; the rest says where and why else.
"""

from __future__ import annotations

from schemas import words
from schemas.results import TABLES
from schemas.settings import LEVELS

_LEVELS = "[" + ", ".join(f"'{level}'" for level in LEVELS) + "]"
_LEADING = (
    "state", "level", "safety_risk", "place", "observed_until", "situation_id", "leading_indicator", "confidence", "origin",
)  # fmt: skip


def sql(situations: str) -> str:
    """SELECT of one row a group, over a relation of situations; reads the table ``places`` for names.

    A situation that is still pending is a group of its own.
    """
    leading = ",\n       ".join(f"any_value({column}) FILTER (nth = 1) AS {column}" for column in _LEADING)
    sentences = ", ".join(_sentence(lang) for lang in ("nl", "en"))
    return f"""
WITH named AS (SELECT municipality, place, max_by(name, valid_from) AS place_name FROM places GROUP BY municipality, place),
told AS (
    SELECT s.*, coalesce(place_name, place) AS name,
           list_position({_LEVELS}, if(state = 'open', level, peak_level)) AS worst
    FROM {situations} s LEFT JOIN named USING (municipality, place)),
ordered AS (
    SELECT *, row_number() OVER story AS nth, first_value(name) OVER story AS first_name, first_value(state) OVER story AS first_state
    FROM told WINDOW story AS (PARTITION BY municipality, group_id
                               ORDER BY state = 'open' DESC, worst DESC, started_at, situation_id)),
grouped AS (
    SELECT group_id, municipality,
       {leading},
       list_extract({_LEVELS}, max(list_position({_LEVELS}, peak_level))) AS peak_level,
       list(DISTINCT safety_risk ORDER BY safety_risk) AS safety_risks, list(DISTINCT place ORDER BY place) AS places,
       min(started_at) AS started_at, min(signalled_at) AS signalled_at,
       if(bool_and(ended_at IS NOT NULL), max(ended_at), NULL) AS ended_at, max(recorded_at) AS recorded_at,
       list_sort(list_distinct(flatten(list(reasons)))) AS reasons, CAST(count(*) AS INTEGER) AS members,
       any_value(explanation_nl) FILTER (nth = 1) AS told_nl, any_value(explanation_en) FILTER (nth = 1) AS told_en,
       list(DISTINCT name ORDER BY name) FILTER (name <> first_name AND state = first_state) AS others
    FROM ordered GROUP BY municipality, group_id)
SELECT {", ".join(TABLES["situation_groups"].columns)}
FROM (SELECT *, {sentences} FROM grouped)"""


def _sentence(lang: str) -> str:
    """The leading situation's sentence, and the names of the other places where it is so."""
    before, after = words.word("situation_note", "also", lang).replace("'", "''").split("{places}")
    also = f"' {before}' || array_to_string(others, ', ') || '{after}'"
    return f"told_{lang} || CASE WHEN len(others) > 0 THEN {also} ELSE '' END AS explanation_{lang}"
