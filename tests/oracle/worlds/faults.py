"""Deliveries of what happened, with all that goes wrong on the way: gaps, doubles, revisions, refused rows, outages, no value."""

from __future__ import annotations

import random
from datetime import timedelta

from tests.oracle.worlds.fill import TRUTH, Truth
from tests.oracle.worlds.shapes import Delivery, Row, Source, Town

BAD = ("-3", "abc", "1.2.3", "99999999")


def deliver(town: Town, rng: random.Random) -> None:
    """Deliveries of every source; the truth is forgotten."""
    truth = TRUTH.pop(id(town))
    for source in town.sources:
        _source(town, source, truth[source.name], rng)


def _source(town: Town, source: Source, truth: Truth, rng: random.Random) -> None:
    """Three deliveries in order of time; in later ones doubles and revisions. Names do not follow the order of issue."""
    bounds = [town.start + (town.end - town.start) * part / 3 for part in range(4)]
    gaps = _gaps(source, truth, rng)
    parts: list[list[Row]] = [[], [], []]
    late: list[list[Row]] = [[], []]
    for (place, start), texts in truth.items():
        if (place, start) in gaps:
            continue
        part = next(i for i in range(3) if start < bounds[i + 1])
        row, what = Row(start, place, texts), rng.random()
        if source.dataset == "field_observations":
            what = 0.1 if what < 0.1 else 1
        if what < 0.02:
            row = _broken(row, source, rng)
        elif what < 0.03:
            row = Row(start, place, {m: rng.choice(("", "n/a")) for m in texts})
        elif what < 0.04:
            row = Row(start, place, dict.fromkeys(texts, ""), down=True)
        elif what < 0.05:
            row = _one_empty(row, rng)
        elif what < 0.06:
            parts[part].append(row)  # twice in one delivery, the same
        elif what < 0.065:
            parts[part].append(_other(row, source, town, rng))  # twice in one delivery, another value: a conflict
        parts[part].append(row)
        if rng.random() < 0.03:
            late[rng.randrange(2)].append(row if _good(row, source) and rng.random() < 0.4 else _other(row, source, town, rng))
    _make_sure(source, parts, truth, town)
    issued = town.start + timedelta(hours=1)
    names = rng.sample(["a", "b", "c", "d", "e"], 5)
    for i, rows in enumerate([*parts, *late]):
        if rows:
            rng.shuffle(rows)
            source.deliveries.append(Delivery(f"{names[i]}-{i}", issued + timedelta(hours=30 * i), rows))


def _gaps(source: Source, truth: Truth, rng: random.Random) -> set[tuple[str, object]]:
    """Runs of one to twelve cells that never come."""
    gone: set[tuple[str, object]] = set()
    by_place: dict[str, list] = {}
    for place, start in truth:
        by_place.setdefault(place, []).append(start)
    for place, starts in by_place.items():
        starts.sort()
        for _ in range(rng.choice((0, 0, 1, 2))):
            first = rng.randrange(len(starts))
            gone |= {(place, start) for start in starts[first : first + rng.choice((1, 1, 2, 5, 12))]}
    return gone


def _make_sure(source: Source, parts: list[list[Row]], truth: Truth, town: Town) -> None:
    """Each source delivers something at the first and the last cell, so that all are expected over the whole window."""
    if source.dataset == "field_observations":
        return
    for part, start in ((0, town.start), (2, town.end - timedelta(minutes=source.minutes))):
        if not any(row.start == start for row in parts[part]):
            # None where all places of the source begin later.
            for key in [key for key in truth if key[1] == start][:1]:
                parts[part].append(Row(start, key[0], truth[key]))


def _good(row: Row, source: Source) -> bool:
    return not row.down and all(t not in ("", "n/a", *BAD) for t in row.texts.values())


def _broken(row: Row, source: Source, rng: random.Random) -> Row:
    """One cell that is refused, and with it the row."""
    measure = rng.choice(sorted(row.texts))
    return Row(row.start, row.place, {**row.texts, measure: rng.choice(BAD)})


def _one_empty(row: Row, rng: random.Random) -> Row:
    measure = rng.choice(sorted(row.texts))
    return Row(row.start, row.place, {**row.texts, measure: rng.choice(("", "n/a"))})


def _other(row: Row, source: Source, town: Town, rng: random.Random) -> Row:
    """The same key with other values, all of them given and good."""
    texts = {}
    for measure, text in row.texts.items():
        if measure in ("walking_speed", "driving_speed"):
            texts[measure] = f"{rng.uniform(0.3, 1.5):.2f}"
        elif measure == "full_flag":
            texts[measure] = "1" if text == "0" else "0"
        elif measure == "density_class":
            texts[measure] = str(rng.choice([c for c in range(1, 7) if str(c) != text]))
        elif measure == "occupancy_status":
            texts[measure] = rng.choice([c for c in "01234568" if c != text])
        else:
            number = int(text) if text.isdigit() and text not in BAD else 50
            texts[measure] = str(rng.choice((number + 1, number + town.k, town.k + 3, rng.randint(1, 2 * number + 20))))
    return Row(row.start, row.place, texts)
