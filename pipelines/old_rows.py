"""Rows that came in and that nothing will judge: older than what is kept, or than the places they are of. Told, so that nobody looks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from typing import Any

from pipelines.notes import Note
from pipelines.store import Store
from pipelines.upkeep import retention
from schemas.config import Config

_KEPT = {
    "nl": "{n} tellingen van voor {day} zijn ouder dan de bewaartermijn en gaan weer weg: vul aan tot een moment van toen met `backfill --to`",
    "en": "{n} counts from before {day} are older than what is kept, and go again: fill up to a moment of then with `backfill --to`",
}
_PLACES = {
    "nl": "{n} tellingen zijn van voor hun plaats bestaat ({place} vanaf {day}): zet `valid_from` in het bestand met plaatsen vroeger",
    "en": "{n} counts are from before their place exists ({place} from {day} on): put `valid_from` in the file of places earlier",
}


def notes(store: Store, config: Config, deliveries: Iterable[Mapping[str, Any]], at: datetime) -> tuple[Note, ...]:
    """What to say of the rows of these deliveries (as :func:`pipelines.tick.take_in` gives them); nothing where all can be judged."""
    ids = [d["delivery_id"] for d in deliveries if d["rows_accepted"] or d["rows_suppressed"]]
    if not ids:
        return ()
    kept = min(day for (kind, _), day in retention.limits(config, at).items() if kind == "counts")
    since = datetime.combine(kept, time(), config.tz).astimezone(UTC)
    begins = {place: config.rows_of(place)[0].place.valid_from for place in config.place_ids}
    rows = "FROM observations WHERE municipality = $slug AND list_contains($ids, delivery_id)"
    given = {"slug": config.municipality.municipality, "ids": ids}
    found = []
    ((old,),) = store.con.execute(f"SELECT count(*) {rows} AND interval_start < $since", {**given, "since": since}).fetchall()
    if old:
        found.append(_note("old_rows", _KEPT, n=old, day=kept))
    early = store.con.execute(
        f"""WITH begins AS (SELECT unnest($places) AS place, unnest($starts) AS starts)
            SELECT place, count(*) AS n {rows.replace("observations", "observations JOIN begins USING (place)")} AND interval_start < starts
            GROUP BY place ORDER BY n DESC, place""",
        {**given, "places": list(begins), "starts": list(begins.values())},
    ).fetchall()
    if early:
        first = early[0][0]
        day = begins[first].astimezone(config.tz).date()
        found.append(_note("before_places", _PLACES, n=sum(n for _, n in early), place=first, day=day))
    return tuple(found)


def _note(kind: str, text: Mapping[str, str], **values: object) -> Note:
    return Note(kind, text["nl"].format(**values), text["en"].format(**values))
