"""Deliveries: which files are new, what becomes of each, and the account of their rows (rules 10 and 11)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from pipelines import frozen, intake, ledger, practice
from pipelines.intake import endpoint, found, once
from pipelines.intake.found import Found
from pipelines.readers import UnreadableError
from pipelines.store import Store
from pipelines.store.rows import one
from schemas.config import Config
from schemas.results import TABLES
from schemas.settings import Source

KILOBYTE = 1_024  # sizes are rounded up to it: a byte less tells that a withheld count has a digit less (decision 0029)


def take_in(
    store: Store, config: Config, source: Source, at: datetime, verb: str, show: Callable[[str, float], None]
) -> list[dict[str, Any]]:
    """Take in the files of one source that are new, changed, or hold rows that were not due yet. One transaction a file.

    A delivery issued after ``at`` is not there yet. Returns the rows of ``deliveries`` that were written.
    """
    taken = []
    for number, (file, among) in enumerate(_new(store, config, source, at, verb)):
        show(f"{source.source}: {file.name}", 0.3 * number / among)
        issued = intake.issued_at(source, file.name)
        if issued is not None and (
            issued > at or (config.scenario and practice.waits(config.scenario, source.source, issued, at))
        ):
            continue
        row = _take_in_one(store, config, source, file, issued, at, verb)
        if row:
            taken.append(row)
    _note_opened(store, config, source)
    return taken


def _new(store: Store, config: Config, source: Source, at: datetime, verb: str) -> Iterator[tuple[Found, int]]:
    """New deliveries in the order of issue, each with how many there are: what a backfill says was known at a moment is then what
    was known (rule 10). An endpoint answers as it does now, so a replay does not ask it.
    """
    files = sorted(new_files(store, config, source), key=lambda f: (str(intake.issued_at(source, f.name) or ""), f.name))
    yield from ((file, len(files)) for file in files)
    if source.endpoint is not None and verb != "replay":
        for answer in endpoint.ask(source, config.tz, at):
            yield from ((file, 1) for file in found.deliveries(answer, source))


def last_delivered(store: Store, config: Config) -> datetime | None:
    """The end of the last interval that any source of the municipality delivered; None before the first delivery."""
    sql = "SELECT max(span_end) FROM spans WHERE municipality = ?"
    row = one(store.con.execute(sql, [config.municipality.municipality]))
    return row[0] if row else None


def new_files(store: Store, config: Config, source: Source) -> list[Found]:
    """Deliveries in files that are unknown, have changed on disk, or were only partly due the last time.

    An archive of which everything was taken in is not opened again.
    """
    known = _seen(store, config, source)
    files = [f for f in found.files(source, config.data) if known.get(f.name) != (f.size, f.mtime_ns)]
    held = [d for f in files for d in found.deliveries(f, source)]
    return [d for d in held if (d.size, d.mtime_ns) not in (known.get(d.name), known.get(_masked(d.name)))]


def _masked(name: str) -> str:
    """How the ledger remembers a file behind a closed gate: names of files can identify too."""
    return f"(closed) {hashlib.sha256(name.encode()).hexdigest()}"


def _seen(store: Store, config: Config, source: Source) -> dict[str, tuple[int, int]]:
    """Name → size and mark of what was taken in completely."""
    rows = store.con.execute(
        "SELECT name, size_bytes, mtime_ns FROM seen_files WHERE municipality = ? AND source = ? AND complete",
        [config.municipality.municipality, source.source],
    ).fetchall()
    return {name: (size, mtime) for name, size, mtime in rows}


def _note_opened(store: Store, config: Config, source: Source) -> None:
    """Remember the archives of which every member was taken in completely."""
    if source.packed is None or source.packed.as_ != "zip":
        return
    known = _seen(store, config, source)
    for file in found.files(source, config.data):
        if known.get(file.name) == (file.size, file.mtime_ns):
            continue
        if all(known.get(d.name) == (d.size, d.mtime_ns) for d in found.deliveries(file, source)):
            store.con.execute(
                "INSERT OR REPLACE INTO seen_files VALUES (?, ?, ?, ?, ?, NULL, NULL, true)",
                [config.municipality.municipality, source.source, file.name, file.size, file.mtime_ns],
            )


def _take_in_one(
    store: Store, config: Config, source: Source, file: Found, issued: datetime | None, at: datetime, verb: str
) -> dict[str, Any] | None:
    slug = config.municipality.municipality
    # A past delivery that does not say when it was issued counts as arriving row by row, interval end plus stated delay.
    assumed = verb != "run" and issued is None
    until = at - source.delay if assumed else at
    if config.scenario and assumed:
        until = practice.until(config.scenario, source.source, at, until)
    seen = one(
        store.con.execute(
            "SELECT delivery_id, taken_until FROM seen_files WHERE municipality = ? AND source = ? AND name = ?",
            [slug, source.source, file.name],
        )
    )
    file = _in_hand(file)
    fingerprint = found.content_hash(file)
    delivery_id = hashlib.sha256(f"{slug}|{source.source}|{file.name}|{fingerprint}".encode()).hexdigest()[:16]
    after = seen[1] if seen and seen[0] == delivery_id else None
    zero = config.municipality.withhold_zero
    taken = once.take_in(file, fingerprint, source, k=config.k, withhold_zero=zero, tz=config.tz, after=after, until=until)
    if config.scenario:
        taken = practice.told(config.scenario, source.source, taken)
    delay = int(source.delay.total_seconds())
    moment = f"TIMESTAMPTZ '{at.isoformat()}'"
    known = (
        f"greatest(interval_end, TIMESTAMPTZ '{issued.isoformat()}')" if issued else f"interval_end + INTERVAL {delay} SECONDS"
    )
    recorded = f"least({moment}, {known})" if verb == "backfill" else moment
    arrival = ledger.Arrival(slug, source.dataset, source.source, delivery_id, fingerprint, recorded)
    with store.transaction():
        merged = ledger.record(store, arrival, taken.cells, frozen.cells(config))
        row = _account(store, arrival, file, taken, merged, after is not None, received_at=issued or at, assumed=assumed)
        _note_refused(store, delivery_id, taken)
        _note_corrected(store, arrival, taken)
        if source.sums:  # equal counts can come with a total that fits now: the days are looked at again
            _note_days(store, config, arrival, taken)
        _note_span(store, arrival, taken)
        store.con.execute(
            "INSERT OR REPLACE INTO seen_files VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            # Of what was turned away nothing was taken: read again (the declaration was mended), it counts from its beginning.
            [
                slug,
                source.source,
                _masked(file.name) if taken.state == "closed" else file.name,
                file.size,
                file.mtime_ns,
                delivery_id,
                until if taken.state == "accepted" else None,
                taken.rows_held == 0,
            ],
        )
    return row if after is None or row["new_rows"] else None


def _in_hand(file: Found) -> Found:
    """A delivery that has to be fetched or unpacked, with its content: it is looked at twice."""
    if file.load is None:
        return file
    try:
        content = file.read()
    except (OSError, UnreadableError):
        return file
    return replace(file, load=lambda: content)


def _account(
    store: Store, arrival: ledger.Arrival, file: Found, taken: intake.Taken, merged: ledger.Taken, again: bool, *,
    received_at: datetime, assumed: bool,
) -> dict[str, Any]:  # fmt: skip
    """Write the row of ``deliveries``: rows in = accepted + suppressed + refused + duplicate. A second reading adds to the first."""
    duplicate = taken.rows_duplicate + merged.duplicate_accepted + merged.duplicate_suppressed
    counts = {
        "rows_in": taken.rows_in,
        "rows_accepted": taken.rows_accepted - merged.duplicate_accepted,
        "rows_suppressed": taken.rows_suppressed - merged.duplicate_suppressed,
        "rows_refused": taken.rows_refused,
        "rows_duplicate": duplicate,
    }
    if again:
        before = one(
            store.con.execute(f"SELECT {', '.join(counts)} FROM deliveries WHERE delivery_id = ?", [arrival.delivery_id])
        )
        counts = {name: value + (before[i] if before else 0) for i, (name, value) in enumerate(counts.items())}
    state: str = taken.state
    if state == "accepted" and taken.rows_held:
        state = "partial"
    elif state == "accepted" and counts["rows_duplicate"] and counts["rows_duplicate"] == counts["rows_in"]:
        state = "duplicate"
    row = {
        "delivery_id": arrival.delivery_id, "municipality": arrival.municipality, "source": arrival.source, "name": file.name,
        "content_hash": arrival.content_hash, "size_bytes": -(-file.size // KILOBYTE) * KILOBYTE, "received_at": received_at,
        "received_how": "assumed" if assumed else "observed", "issued_at": taken.issued_at, "records_read": taken.records_read, **counts,
        "rows_filtered": taken.rows_filtered, "rows_held": taken.rows_held, "state": state, "reason": taken.reason,
    }  # fmt: skip
    if merged.rows_frozen:
        row["reason"] = f"frozen: {merged.rows_frozen} rows would change a frozen period and wait for review. See `drukte plan`."
    if state == "closed":  # a closed gate keeps only source, time, size, row count and the kind of finding by position
        row["name"] = f"(closed delivery {arrival.delivery_id})"
    columns = TABLES["deliveries"].columns
    store.con.execute("DELETE FROM deliveries WHERE delivery_id = ?", [arrival.delivery_id])
    store.con.execute(f"INSERT INTO deliveries VALUES ({', '.join('?' * len(columns))})", [row[c] for c in columns])
    return {**row, "new_rows": taken.rows_in}


def _note_refused(store: Store, delivery_id: str, taken: intake.Taken) -> None:
    if taken.refused.num_rows == 0:
        return
    store.con.register("refused", taken.refused)
    store.con.execute(
        f"INSERT INTO refused_rows SELECT '{delivery_id}', row_number, column_name, check_name, message FROM refused"
    )
    store.con.unregister("refused")


def _note_corrected(store: Store, arrival: ledger.Arrival, taken: intake.Taken) -> None:
    """What was corrected in a delivery, and the intervals in which a declared sum did not add up (no number of either)."""
    for name, rows, columns in (("corrected", taken.corrected, "correction, place, first_interval, last_interval, cells"),
                                ("misfits", taken.misfits, "place, interval_start")):  # fmt: skip
        if rows.num_rows:
            store.con.register("noted", rows)
            if name == "corrected":
                named = f"'{arrival.municipality}', '{arrival.source}', '{arrival.delivery_id}', {columns}"
            else:
                named = f"'{arrival.municipality}', '{arrival.source}', {columns}, '{arrival.content_hash}'"
            store.con.execute(f"INSERT INTO {name} SELECT {named} FROM noted")
            store.con.unregister("noted")


def _note_days(store: Store, config: Config, arrival: ledger.Arrival, taken: intake.Taken) -> None:
    store.con.register("noted", taken.cells)
    store.con.execute(f"""
        INSERT INTO changed_days SELECT DISTINCT '{arrival.municipality}', '{arrival.source}',
            CAST(timezone('{config.municipality.timezone}', interval_start) AS DATE) FROM noted""")
    store.con.unregister("noted")


def _note_span(store: Store, arrival: ledger.Arrival, taken: intake.Taken) -> None:
    """The stretch a delivery speaks for: inside it, absence can mean zero where the source says so."""
    if taken.cells.num_rows == 0:
        return
    store.con.register("delivered", taken.cells)
    store.con.execute(f"""INSERT INTO spans SELECT '{arrival.municipality}', '{arrival.source}', '{arrival.delivery_id}',
                          min(interval_start), max(interval_end) FROM delivered""")
    store.con.unregister("delivered")
