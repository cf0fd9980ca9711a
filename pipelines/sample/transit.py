"""Public transport of Waterdam: two stops, and the journeys that lead to the fair ground.

``stops``: Parquet, a row a stop and quarter, UTC, history too; the occupancy class is that of GTFS-Realtime, 7 is no data.
``journeys``: CSV as check-in systems export them, a row an origin, destination and quarter of departure.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.sample import counts, files
from pipelines.sample.city import Knots


@dataclass(frozen=True)
class Stop:
    """A stop. ``peak``: boarding a quarter on a working day, Saturday, Sunday; ``places`` depart a quarter by day, ``night`` at night."""

    supplier_id: str
    shape: str
    peak: tuple[float, float, float]
    places: int
    night: int
    evening: Knots
    waiting: Knots
    evening_places: Knots


STOPS = (
    # Load 1.0 from about 21:45, over 1.2 between 22:00 and 22:45: the extra trains leave full and the square behind them fills.
    Stop("NL:S:wd-station", "station", (230, 170, 120), 520, 120, (
        (16, 80), (18, 150), (20, 120), (21.25, 300), (21.75, 530), (22.0, 690), (22.25, 705), (22.5, 690), (22.75, 480), (23, 150),
        (23.25, 60),
    ), (
        (16, 25), (20.5, 45), (21.25, 110), (21.75, 200), (22.0, 430), (22.25, 650), (22.5, 480), (22.75, 180), (23, 40), (23.25, 15),
    ), ((16, 520), (21.25, 520), (21.5, 720), (23.0, 720), (23.25, 520), (24, 240), (25, 120))),
    Stop("NL:S:wd-pont", "centre", (60, 75, 40), 180, 60, (
        (16, 45), (18, 70), (20, 50), (21.5, 80), (22.0, 105), (22.5, 80), (22.75, 30),
    ), (
        (16, 15), (21.5, 25), (22.0, 45), (22.5, 30), (22.75, 15),
    ), ((16, 180), (23.5, 180), (24, 100), (25, 60))),
)  # fmt: skip

# Journeys that set out for the fair ground, a quarter.
JOURNEYS: dict[tuple[str, str], Knots] = {
    ("STN", "KER"): ((12, 45), (16, 90), (18, 160), (19, 240), (19.75, 305), (20.25, 240), (20.75, 110), (21.5, 40), (22, 20), (22.5, 0)),
    ("PGH", "KER"): ((12, 20), (16, 40), (18, 60), (19, 32), (20, 20), (21, 18), (21.5, 0)),
    ("PRO", "KER"): ((12, 20), (16, 45), (18.5, 115), (19.5, 100), (20.25, 60), (21, 20), (21.5, 0)),
}  # fmt: skip


def write(folder: Path, seed: int) -> None:
    """The deliveries of both suppliers, below ``folder``."""
    for span, part in files.parts(_stops(seed), files.quarters(history=counts.FIRST_DAY)):
        issued = files.compact(counts.to_utc(np.array([span.end]))[0] + np.timedelta64(180, "s"), seconds=True)
        files.write_parquet(folder / f"stops/{span.folder}/stops_{span.label}_{issued}Z.parquet", part)
    for span, part in files.parts(_journeys(seed), files.quarters(files.NOON)):
        issued = files.compact(span.end + np.timedelta64(300, "s"))
        files.write_csv(folder / f"journeys/reizen_{span.label}_{issued}.csv", part)


def _stops(seed: int) -> pd.DataFrame:
    clock = counts.Clock.of(15)
    city = counts.City(clock, seed)
    found = [_stop(clock, stop, city, seed + 71 + i) for i, stop in enumerate(STOPS)]
    names = ("boarding", "alighting", "waiting", "capacity_departing", "occupancy_status")
    stamp = np.char.add(np.datetime_as_string(clock.start), "Z")
    values = {"time": np.repeat(stamp, len(STOPS))} | {n: np.stack([f[i] for f in found], axis=1) for i, n in enumerate(names)}
    return files.frame(clock, {"stop_id": [s.supplier_id for s in STOPS]}, values)


def _stop(clock: counts.Clock, stop: Stop, city: counts.City, seed: int) -> tuple[counts.Counts, ...]:
    chance = counts.rng(seed)
    usual = counts.ordinary(clock, stop.shape, stop.peak, city, chance)
    boarding = counts.whole(np.maximum(counts.spread(usual, chance), counts.on_event(clock, stop.evening)))
    alighting = counts.whole(counts.spread(0.9 * np.maximum(usual, counts.at(ARRIVING, clock.event_hour)), chance))
    waiting = counts.whole(np.maximum(counts.spread(0.25 * usual, chance), counts.on_event(clock, stop.waiting)))
    by_day = np.where((clock.hour >= 5) & (clock.hour < 24), stop.places, stop.night)
    places = counts.whole(np.maximum(by_day, counts.on_event(clock, stop.evening_places)))
    left = np.minimum(boarding, places) / places
    status = np.searchsorted([0.05, 0.35, 0.6, 0.8, 0.95], left, side="right")
    return boarding, alighting, waiting, places, np.where(boarding == 0, 7, status)


# Alighting on the way to the feast, at both stops alike.
ARRIVING: Knots = ((16, 90), (18, 240), (19, 300), (20, 220), (21, 60), (22, 0))


def _journeys(seed: int) -> pd.DataFrame:
    clock = counts.Clock.of(15)
    trips = [
        counts.whole(counts.spread(counts.on_event(clock, knots), counts.rng(seed + 76 + i)))
        for i, knots in enumerate(JOURNEYS.values())
    ]
    wall = pd.Series(clock.local).dt
    size = len(JOURNEYS)
    rows = files.frame(
        clock, {"VertrekCode": [o for o, _ in JOURNEYS], "AankomstCode": [d for _, d in JOURNEYS]},
        {"Datum": np.repeat(wall.strftime("%d-%m-%Y").to_numpy(), size), "Kwartier": np.repeat(wall.strftime("%H:%M").to_numpy(), size),
         "AantalReizen": np.stack(trips, axis=1)},
    )  # fmt: skip
    return rows[["Datum", "Kwartier", "VertrekCode", "AankomstCode", "AantalReizen", "local", "start"]]
