"""Views and macros for analysts in the published file: questions asked often, written once, with a comment on each column.

Derived from the tables of the contract (:mod:`schemas.results`); `docs/guide/analyst` shows each in use.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines import situation_groups
from schemas.results import Table


@dataclass(frozen=True)
class Shown:
    """A view, or a macro that gives a table (``parameters``); ``columns``: name → what it holds, Dutch / English."""

    name: str
    text: str
    sql: str
    columns: dict[str, str] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()

    def statements(self, schema: str) -> list[str]:
        """What makes it in ``schema``, with its comments."""
        said = self.text.replace("'", "''")
        if self.parameters:
            head = f"{schema}.{self.name}({', '.join(self.parameters)})"
            return [f"CREATE MACRO {head} AS TABLE {self.sql}", f"COMMENT ON MACRO TABLE {schema}.{self.name} IS '{said}'"]
        comments = [
            f"""COMMENT ON COLUMN {schema}.{self.name}."{column}" IS '{meaning.replace("'", "''")}'"""
            for column, meaning in self.columns.items()
        ]
        return [
            f"CREATE VIEW {schema}.{self.name} AS {self.sql}",
            f"COMMENT ON VIEW {schema}.{self.name} IS '{said}'",
            *comments,
        ]


_TOWN = {"municipality": "gemeente / municipality"}
_LEVELS = "['normal', 'elevated', 'high', 'critical']"

SHOWN = (
    Shown(
        "events",
        "Evenementen uit de instellingen / Events of the settings",
        """
        SELECT municipality, e->>'event' AS event, e->>'name_nl' AS name_nl, e->>'name_en' AS name_en, e->>'class' AS event_class,
               e->>'series' AS series, CAST(e->>'from' AS TIMESTAMPTZ) AS starts_at, CAST(e->>'to' AS TIMESTAMPTZ) AS ends_at,
               CAST(e->>'expected_visitors' AS BIGINT) AS expected_visitors, CAST(json_extract(e, '$.places') AS VARCHAR[]) AS event_places
        FROM (SELECT substr(key, 8) AS municipality, unnest(json_extract(text, '$[*]')) AS e FROM about WHERE starts_with(key, 'events:'))
        """,
        {
            **_TOWN, "event": "evenement / event", "name_nl": "naam / name, Dutch", "name_en": "naam / name, English",
            "event_class": "klasse A, B of C / class A, B or C", "series": "reeks waarvan het een editie is / series it is an edition of",
            "starts_at": "begin", "ends_at": "einde, niet inbegrepen / end, not included",
            "expected_visitors": "verwachte bezoekers / visitors expected", "event_places": "plaatsen van het evenement / its places",
        },
    ),
    Shown(
        "context",
        "Wat er rond de avond speelde; nooit deel van een niveau / What was going on around an evening; never part of a level",
        """
        SELECT municipality, e->>'kind' AS kind, e->>'code' AS code, CAST(e->>'from' AS TIMESTAMPTZ) AS starts_at,
               CAST(e->>'to' AS TIMESTAMPTZ) AS ends_at, e->>'text_nl' AS text_nl, e->>'text_en' AS text_en, e->>'source' AS source
        FROM (SELECT substr(key, 9) AS municipality, unnest(json_extract(text, '$[*]')) AS e FROM about WHERE starts_with(key, 'context:'))
        """,
        {
            **_TOWN, "kind": "soort: weercode, vervoer … / kind: weather code, transport …",
            "code": "kleur van een weercode / colour of a weather code",
            "starts_at": "begin", "ends_at": "einde, niet inbegrepen / end, not included", "text_nl": "tekst / text, Dutch",
            "text_en": "tekst / text, English", "source": "waar het gelezen is / where it was read",
        },
    ),
    Shown(
        "situations_by_event",
        "Situaties die tijdens een evenement speelden / Situations that went on during an event",
        """
        SELECT e.municipality, e.event, e.series, e.starts_at AS event_starts_at, s.situation_id, s.group_id, s.safety_risk, s.place,
               list_contains(e.event_places, s.place) AS at_event_place, s.state, s.peak_level, s.started_at, s.signalled_at, s.ended_at,
               s.leading_indicator, date_diff('second', s.started_at, coalesce(s.ended_at, s.observed_until)) / 60.0 AS minutes
        FROM events e JOIN situations s ON s.municipality = e.municipality AND s.started_at < e.ends_at
             AND (s.ended_at IS NULL OR s.ended_at > e.starts_at) AND s.state <> 'pending'
        """,
        {
            **_TOWN, "event": "evenement / event", "series": "reeks / series", "event_starts_at": "begin van het evenement / when the event begins",
            "situation_id": "situatie / situation", "group_id": "groep / group", "safety_risk": "veiligheidsrisico / safety risk",
            "place": "plaats / place", "at_event_place": "een plaats van het evenement / a place of the event", "state": "toestand / state",
            "peak_level": "hoogste niveau / peak level", "started_at": "begin / start", "signalled_at": "gesignaleerd / signalled",
            "ended_at": "einde / end", "leading_indicator": "leidende indicator / leading indicator",
            "minutes": "duur, tot nu bekend [min] / how long, as far as known [min]",
        },
    ),
    Shown(
        "by_weekday_and_time",
        "Een indicator op een plaats naar weekdag en kloktijd; onbekend telt apart"
        " / An indicator at a place by weekday and time; unknown counts apart",
        f"""
        SELECT municipality, isodow(local_date) AS weekday, local_time, count(*) AS slots, count(*) FILTER (level <> 'unknown') AS known,
               quantile_cont(value, 0.2) AS p20, quantile_cont(value, 0.5) AS p50, quantile_cont(value, 0.8) AS p80, max(value) AS highest,
               any_value(unit) AS unit, list_extract({_LEVELS}, max(list_position({_LEVELS}, level))) AS worst_level
        FROM indicator_values WHERE indicator = which_indicator AND place = which_place
        GROUP BY municipality, weekday, local_time ORDER BY municipality, weekday, local_time
        """,
        parameters=("which_indicator", "which_place"),
    ),
    Shown(
        "quality_weighted",
        "Per uur het gemiddelde gewogen naar dekking en vertrouwen, en het deel dat onbekend is"
        " / Per hour the mean weighted by coverage and confidence, and the share unknown",
        """
        SELECT municipality, place, local_date, hour(local_time) AS local_hour, min(interval_start) AS first_start, count(*) AS slots,
               count(*) FILTER (level = 'unknown') / count(*) AS unknown_share,
               sum(coverage * confidence) FILTER (value IS NOT NULL) / count(*) AS weight,
               sum(value * coverage * confidence) / nullif(sum(coverage * confidence) FILTER (value IS NOT NULL), 0) AS weighted_value,
               any_value(unit) AS unit
        FROM indicator_values WHERE indicator = which_indicator AND place = which_place
        GROUP BY ALL ORDER BY municipality, place, first_start
        """,
        parameters=("which_indicator", "which_place"),
    ),
    Shown(
        "thresholds_in_force",
        "Drempels die op een moment golden, met laag, bestand en regel / Thresholds in force at a moment, with layer, file and line",
        """
        SELECT * FROM thresholds
        WHERE (effective_from IS NULL OR effective_from <= at_moment) AND (effective_to IS NULL OR effective_to > at_moment)
        """,
        parameters=("at_moment",),
    ),
    Shown(
        "values_changed_since",
        "Indicatorwaarden die na een moment anders of nieuw zijn; eerder bekend onder was_"
        " / Values that are new or other since a moment; what was known before under was_",
        """
        SELECT n.municipality, n.indicator, n.place, n.interval_start, o.value AS was_value, o.level AS was_level, o.status AS was_status,
               n.value, n.level, n.status, n.recorded_at, o.recorded_at IS NULL AS new
        FROM indicator_values n LEFT JOIN indicator_values_as_known(since_moment) o
             ON (o.municipality, o.indicator, o.place, o.interval_start) = (n.municipality, n.indicator, n.place, n.interval_start)
        WHERE n.recorded_at > since_moment
          AND (o.recorded_at IS NULL OR (o.value, o.level, o.status) IS DISTINCT FROM (n.value, n.level, n.status))
        """,
        parameters=("since_moment",),
    ),
    Shown(
        "situations_changed_since",
        "Situaties die na een moment begonnen, veranderden of eindigden / Situations that began, changed or ended since a moment",
        """
        SELECT n.municipality, n.situation_id, n.safety_risk, n.place, o.state AS was_state, o.level AS was_level, n.state, n.level, n.peak_level,
               n.started_at, n.ended_at, n.recorded_at, o.situation_id IS NULL AS new
        FROM situations n LEFT JOIN situations_as_known(since_moment) o ON o.situation_id = n.situation_id
        WHERE n.recorded_at > since_moment
        """,
        parameters=("since_moment",),
    ),
)  # fmt: skip


def statements(schema: str) -> list[str]:
    """What makes all of them in ``schema``; names inside are looked up where they are made, after the tables."""
    return [statement for shown in SHOWN for statement in shown.statements(schema)]


def history(schema: str, table: Table) -> list[str]:
    """``<name>_history`` with every version and ``<name>_as_known(as_of)``, over the table and that of its earlier versions."""
    name, columns = table.name, ", ".join(f'"{c}"' for c in table.columns)
    return [
        f"""CREATE VIEW {schema}.{name}_history AS SELECT {columns}, superseded_at FROM {name}_superseded
            UNION ALL BY NAME SELECT {columns}, CAST(NULL AS TIMESTAMPTZ) AS superseded_at FROM {name}""",
        f"""CREATE MACRO {schema}.{name}_as_known(as_of) AS TABLE SELECT {columns} FROM {name}_history
            WHERE recorded_at <= as_of AND (superseded_at IS NULL OR superseded_at > as_of)""",
        f"COMMENT ON MACRO TABLE {schema}.{name}_as_known IS 'rows of {name} as a run stopped at as_of had published them'",
    ]


def groups(schema: str) -> list[str]:
    """``situation_groups``, one story per group; and the macro that tells it as it was known at an earlier moment."""
    return [
        f"CREATE VIEW {schema}.situation_groups AS {situation_groups.sql('situations')}",
        f"CREATE MACRO {schema}.situation_groups_as_known(as_of) AS TABLE {situation_groups.sql('situations_as_known(as_of)')}",
        f"COMMENT ON MACRO TABLE {schema}.situation_groups_as_known IS 'stories as a run stopped at as_of had published them'",
    ]
