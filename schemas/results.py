"""The tables analysts read: columns, keys and meaning. Types and comments come from the vocabulary.

A table is *sealed* when it grows with time: its older days live in Parquet files. It has *history* when a change
keeps the earlier version, with ``superseded_at``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas import vocabulary


@dataclass(frozen=True)
class Table:
    """``columns`` in order; ``key`` identifies a current row; ``types`` overrides a vocabulary type in this table.

    ``internal`` columns (name → type) live in the working database and sealed files, not in the published view.
    """

    name: str
    nl: str
    en: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    history: bool = False
    sealed_by: str | None = None
    types: dict[str, str] = field(default_factory=dict)
    internal: dict[str, str] = field(default_factory=dict)

    def type_of(self, column: str) -> str:
        """DuckDB type of a column of this table."""
        return self.types.get(column) or self.internal.get(column) or vocabulary.columns()[column].type

    @property
    def content(self) -> tuple[str, ...]:
        """Columns compared when two states are compared: all but bookkeeping (rule 22)."""
        return tuple(c for c in self.columns if vocabulary.columns()[c].role != "bookkeeping")

    @property
    def stored(self) -> tuple[str, ...]:
        """Published and internal columns, in order."""
        return (*self.columns, *self.internal)


def _t(name: str, nl: str, en: str, columns: str, key: str, **options: object) -> Table:
    return Table(name, nl, en, tuple(columns.split()), tuple(key.split()), **options)  # type: ignore[arg-type]


_BOUNDS = "value value_low value_high"

TABLES: dict[str, Table] = {t.name: t for t in (
    _t("indicator_values", "Waarde en direct niveau per indicator, plaats en interval",
       "Value and instant level per indicator, place and interval",
       f"municipality indicator place place_kind source interval_start interval_end local_date local_time {_BOUNDS} unit level"
       " status reason coverage confidence threshold_source definition_hash config_hash run_id recorded_at",
       "municipality indicator place interval_start", history=True, sealed_by="interval_start",
       # Per band at/calm/at-once as bits, so that held levels rerun without evaluating the card again (indicators/judged.py).
       internal={"judged": "SMALLINT"}),
    _t("situations", "Situaties: plaats, tijdvak en veiligheidsrisico, nooit een persoon",
       "Situations: a place, a stretch of time and a safety risk, never a person",
       "situation_id group_id municipality safety_risk place state level peak_level started_at signalled_at ended_at end_reason"
       " observed_until origin leading_indicator reasons explanation_nl explanation_en confidence revision recorded_at",
       "municipality safety_risk place started_at", history=True),
    _t("situation_groups", "Een verhaal per groep aangrenzende situaties: de leidende, alle plaatsen en redenen, een zin",
       "One story per group of neighbouring situations: the leading one, all places and reasons, one sentence",
       "group_id municipality state level peak_level safety_risk safety_risks place places members started_at signalled_at ended_at"
       " observed_until situation_id leading_indicator reasons explanation_nl explanation_en confidence origin recorded_at",
       "municipality group_id"),
    _t("observations", "Waarnemingen zoals opgeslagen: een rij per verwachte plaats, interval en grootheid",
       "Observations as stored: a row per expected place, interval and measure",
       f"municipality dataset source place interval_start interval_end measure {_BOUNDS} status delivery_id recorded_at",
       "municipality dataset source place interval_start measure", history=True, sealed_by="interval_start",
       types=dict.fromkeys(_BOUNDS.split(), "DECIMAL(18,6)"),
       # What decides among revisions whatever their order of arrival (rule 10), and the statuses that yield to it (rule 5).
       internal={"issued_at": "TIMESTAMPTZ", "content_hash": "VARCHAR", "invalid": "BOOLEAN", "outage": "BOOLEAN", "blank": "BOOLEAN",
                 "withheld_high": "DECIMAL(18,6)", "withheld": "BOOLEAN"}),
    _t("thresholds", "Geldende drempels met laag, bestand, regel en eigenaar",
       "Threshold values with layer, file, line and owner",
       "municipality indicator place band selector enter exit for_minutes keep_for_minutes at_once layer file line owner decided_on"
       " review_by effective_from effective_to reason",
       "municipality indicator place band selector effective_from", types={"place": "VARCHAR"}),
    _t("effective_settings", "Geldende instellingen bij elke config_hash, om elk getal later te kunnen narekenen",
       "Settings in force behind each config_hash, so that every number can be recomputed later",
       "config_hash municipality indicator place settings", "config_hash"),
    _t("indicators", "De indicatorkaarten zoals gebruikt", "The indicator cards as used",
       "indicator version status role safety_risk grain unit title_nl title_en desired_effect_nl desired_effect_en question_nl"
       " question_en meaning_nl meaning_en limits_nl limits_en follow_up follow_up_role lead_time_minutes definition_owner formula"
       " digits direction min_coverage purposes references definition_hash text_hash card", "indicator definition_hash"),
    _t("places", "Plaatsen met hun kenmerken en geldigheid", "Places with their attributes and validity",
       "municipality place place_kind name place_type usable_area capacity effective_width from_zone to_zone direction_in"
       " planned_direction perimeter neighbours cbs_code cbs_year geometry valid_from valid_to file line",
       "municipality place valid_from"),
    _t("blind_spots", "Wat een gemeente niet kan zien, ook als alle leveringen goed zijn: volgt uit instellingen en kaarten",
       "What a municipality cannot see, even when all deliveries are good: follows from settings and cards",
       "municipality blind_spot place indicator lacks explanation_nl explanation_en valid_from valid_to file line",
       "municipality blind_spot place indicator valid_from"),
    _t("baselines", "Basislijn per bron, plaats en lokaal tijdvak, voor een dag", "Baseline per source, place and local slot, for one day",
       "municipality dataset source measure place interval_minutes local_date local_time day_type n valid_days median mad p10 p20 p50 p80 p90 p95"
       " level_factor place_p95 version recorded_at",
       "municipality dataset source measure place interval_minutes local_date local_time day_type", sealed_by="local_date"),
    _t("baseline_holds", "Late wijzigingen die een bevriezing buiten de basislijnen houdt", "Late changes that a freeze keeps out of the baselines",
       "municipality dataset source measure place local_date frozen_until recorded_at",
       "municipality dataset source measure place local_date"),
    _t("held_changes", "Late wijzigingen van een vastgezette periode, die op een besluit wachten of zijn vrijgegeven",
       "Late changes to a frozen period, which wait for a decision or were released",
       f"municipality dataset source place interval_start interval_end measure {_BOUNDS} status delivery_id issued_at recorded_at"
       " released_at released_by release_reason", "municipality dataset source place interval_start measure delivery_id",
       types=dict.fromkeys(_BOUNDS.split(), "DECIMAL(18,6)"),
       internal={"content_hash": "VARCHAR", "invalid": "BOOLEAN", "outage": "BOOLEAN", "blank": "BOOLEAN",
                 "withheld_high": "DECIMAL(18,6)", "withheld": "BOOLEAN"}),
    _t("deliveries", "Leveringen en wat er met hun rijen gebeurde", "Deliveries and what became of their rows",
       "delivery_id municipality source name content_hash size_bytes received_at received_how issued_at records_read rows_in rows_accepted"
       " rows_suppressed rows_refused rows_duplicate rows_filtered rows_held state reason", "delivery_id",
       types={"delivery_id": "VARCHAR"}),
    _t("refused_rows", "Geweigerde rijen met reden; nooit waarden van niet-gedeclareerde kolommen",
       "Refused rows with the reason; never values of undeclared columns",
       "delivery_id row_number column_name check_name message", "delivery_id row_number column_name check_name"),
    _t("data_quality", "Kwaliteit per bron, plaats en dag tegen de eis van de dataset; in cellen: een grootheid van een plaats in een interval",
       "Quality per source, place and day against the dataset's requirement; in cells: a measure of a place in an interval",
       "municipality dataset source place local_date expected received ok suppressed missing outage invalid flagged coverage delay_minutes"
       " delay_max_minutes issue_delay_minutes delay_how on_time cadence_minutes required_coverage required_delay_minutes"
       " required_cadence_minutes meets_requirement shortfall recorded_at", "municipality dataset source place local_date", sealed_by="local_date"),
    _t("corrections", "Verklaarde correcties op wat een leverancier stuurt: wat, waarom, welke rol, tot wanneer, en de wacht die ze bewaakt",
       "Declared corrections of what a supplier sends: what, why, which role, until when, and the guard that watches them",
       "municipality source correction kind detail guard reason owner decided_on review_by effective_from effective_to file line",
       "municipality source correction", types={"effective_from": "TIMESTAMPTZ"}),
    _t("corrected", "Wat er in een levering gecorrigeerd is", "What was corrected in a delivery",
       "municipality source delivery_id correction place first_interval last_interval cells", "delivery_id correction place"),
    _t("flags", "Register van bekende fouten in gegevens: voorstellen van detectoren, besluiten, en wat in de instellingen staat",
       "Register of known faults in data: proposals of detectors, decisions, and what stands in the settings",
       "municipality flag_id state source flagged_places flagged_measures flagged_from flagged_to hours ongoing effects reason detector"
       " evidence_nl evidence_en owner found_at decided_at acting_since file line", "municipality flag_id"),
    _t("runs", "Runs en wat ze deden", "Runs and what they did",
       "run_id municipality verb as_of recorded_at deliveries slots_computed values_changed situations_changed message", "run_id"),
    _t("alerts", "Meldingen: wat aan welke rol verteld werd, over welk kanaal, en of het aankwam; ook wat werd tegengehouden, en waarom",
       "Alerts: what was told to which role, over which channel, and whether it got through; also what was withheld, and why",
       "municipality message_id channel rule role kind level group_id situation_ids places created_at delivery attempts sent_at note"
       " text_nl text_en recorded_at", "municipality message_id channel", internal={"payload": "VARCHAR", "next_try_at": "TIMESTAMPTZ"}),
    _t("acknowledgements", "Bevestigingen: welke rol een situatie gezien heeft, op welk niveau",
       "Acknowledgements: which role has seen a situation, at which level",
       "municipality situation_id role level acknowledged_at note recorded_at", "municipality situation_id role acknowledged_at",
       types={"acknowledged_at": "TIMESTAMPTZ"}),
    _t("mutes", "Stiltes: wat een tijd lang aan niemand, of aan een rol niet, verteld wordt, en wie dat besloot",
       "Mutes: what is not told to anybody, or to a role, for a while, and who decided so",
       "municipality mute_id role rule safety_risk place muted_by muted_at muted_until note recorded_at", "municipality mute_id"),
    _t("outcomes", "Opvolging en effect (uitkomst), los van signalen", "Follow-up and effect (outcome), apart from signals",
       "outcome_id situation_id municipality kind safety_risk place follow_up role occurred_at effect text revision recorded_at", "outcome_id",
       history=True, types={"safety_risk": "VARCHAR", "place": "VARCHAR"}),
    _t("kpis", "Output- en uitkomst-kpi's, strikt gescheiden", "Output and outcome KPIs, strictly apart",
       f"municipality kpi kind safety_risk period_start period_end n {_BOUNDS} unit recorded_at",
       "municipality kpi safety_risk period_start"),
    _t("purposes", "Vastgestelde doelen met grondslag, DPIA en k", "Adopted purposes with legal basis, DPIA and k",
       "municipality purpose title desired_effect legal_basis dpia_reference dpia_date decided_on review_by k retention_days audience owner"
       " datasets indicators file line", "municipality purpose"),
    _t("purpose_reviews", "Toets van elk vastgesteld doel: of zij het gebruik dekt, wie tekende, tot wanneer",
       "Review of each adopted purpose: whether it covers the use, who signed, until when",
       "municipality purpose adoption_order standing reviewed_on review_by keeps_until review_version signed_by owner fingerprint"
       " beyond_review datasets used_indicators sources whole_risks", "municipality purpose"),
    _t("exports", "Wat naar buiten ging: onder welk doel, voor wie, door welke rol, wanneer; deze rijen blijven",
       "What left the house: under which purpose, for whom, by which role, when; these rows stay",
       "municipality purpose export_kind partner exported_by exported_at rows_written content_hash",
       "municipality export_kind partner exported_at"),
    _t("retention", "Bewaartermijnen: welk doel ze bepaalt, en vanaf welke dag er nog rijen zijn",
       "How long data are kept: which purpose decides, and from which day on there are rows",
       "municipality data_class subject purpose retention_days kept_from", "municipality data_class subject"),
    _t("deletions", "Wat de bewaartermijn verwijderde; deze rijen blijven", "What retention removed; these rows stay",
       "municipality data_class table_name removal removed_before first_day last_day rows_removed run_id recorded_at",
       "municipality table_name removal first_day recorded_at"),
    _t("config_versions", "Versies van de config: wat gold vanaf wanneer, wie het besloot en wie het herzag",
       "Versions of the config: what was in force from when, who decided it and who reviewed it",
       "municipality config_version content_hash how effective_from accepted_at accepted_by accepted_because review_by reviewed_at"
       " reviewed_by review_note recorded_at", "municipality config_version"),
    _t("about", "Over dit bestand: versie, run, herstelregel na verplaatsen", "About this file: release, run, the line that repairs a moved folder",
       "key text", "key"),
)}  # fmt: skip

HISTORY = tuple(t for t in TABLES.values() if t.history)
SEALED = tuple(t for t in TABLES.values() if t.sealed_by)
