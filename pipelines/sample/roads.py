"""Getting there by car: a garage that counts its spaces, a P+R with only a full sign, and three stretches of road.

``parking``: Parquet, a row every five minutes, stamped at the end with offset, history too. ``pr-sign``: CSV with words.
``roads``: CSV as the national road database exports it, with decimal commas and -1 for no speed. Each sends a file a quarter.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.sample import counts, files
from pipelines.sample.city import HOURS, Knots

SPACES = 620
# Spaces taken at HOURS by a share of all, for a working day, a Saturday, a Sunday; never near full on an ordinary day.
_GARAGE = (
    (0.25, 0.22, 0.20, 0.24, 0.50, 0.66, 0.70, 0.68, 0.60, 0.45, 0.38, 0.32, 0.25),
    (0.28, 0.24, 0.22, 0.22, 0.30, 0.52, 0.70, 0.72, 0.66, 0.50, 0.46, 0.40, 0.28),
    (0.30, 0.25, 0.22, 0.20, 0.22, 0.32, 0.48, 0.55, 0.50, 0.38, 0.30, 0.28, 0.25),
)
# On the evening: elevated from 527, high from 589, full at 620 between 19:00 and 21:15.
_EVENING: Knots = (
    (14, 400), (15, 420), (16.5, 470), (17.5, 532), (18.25, 594), (18.6, 612), (19.0, 620), (21.3, 620), (21.75, 585), (22.25, 320),
    (22.6, 180),
)  # fmt: skip

SIGN_FROM, SIGN_UNTIL, SIGN_OUT = 18.75, 21.75, 20.25  # the sign says full; in one quarter it is out of order

# By link: free-flow speed (km/h), then speed and vehicles in five minutes on the evening.
LINKS: dict[str, tuple[Knots, Knots]] = {
    # Stands still while the last guests look for a space: half an hour under 0.6, then again when everybody leaves.
    "WDM01_havenweg_0012ri": (
        ((12, 47), (16, 44), (17.5, 36), (18.25, 19), (18.75, 18), (19.25, 30), (20, 45), (21.25, 42), (21.75, 24), (22.25, 21),
         (22.75, 36), (23.5, 47), (25, 49)),
        ((12, 34), (16, 46), (18, 52), (18.5, 38), (19.5, 40), (21, 18), (21.75, 45), (22.25, 40), (23, 22), (25, 4)),
    ),
    "WDM01_stationsweg_0007le": (
        ((12, 48), (18, 44), (20, 46), (22, 40), (23, 46), (25, 49)),
        ((12, 26), (18, 34), (21, 16), (22, 30), (23, 18), (24, 6), (24.5, 0.5), (25, 0.3)),
    ),
    # The calamity route: leaving cars fill it from 21:30 on, and nothing moves at 22:00. Free flow is 45.
    "WDM02_kadeweg_0003ri": (
        ((12, 44), (18, 42), (21, 38), (21.25, 33), (21.5, 18), (21.75, 8.6), (22.0, 6.4), (22.25, 8.0), (22.5, 20), (22.75, 34),
         (23.25, 43), (25, 45)),
        ((12, 12), (18, 16), (21, 14), (21.5, 26), (21.75, 14), (22.0, 8), (22.25, 11), (22.5, 22), (23, 14), (25, 2)),
    ),
}  # fmt: skip


def write(folder: Path, seed: int) -> None:
    """The deliveries of the three suppliers, below ``folder``."""
    for span, part in files.parts(_garage(seed), files.quarters(history=counts.FIRST_DAY)):
        files.write_parquet(folder / f"parking/{span.folder}/garage_{span.label}_issued-{_issued(span)}.parquet", part)
    for span, part in files.parts(_sign(), files.quarters(files.NOON)):
        files.write_csv(folder / f"pr-sign/vol-vrij_{span.label}_{files.compact(span.end + np.timedelta64(120, 's'))}.csv", part)
    for span, part in files.parts(_links(seed), files.quarters(files.NOON)):
        files.write_csv(folder / f"roads/ndw_{span.label}_{files.compact(span.end + np.timedelta64(180, 's'))}.csv", part)


def _issued(span: files.Span) -> str:
    """Two minutes after the last interval, UTC."""
    return files.compact(counts.to_utc(np.array([span.end]))[0] + np.timedelta64(120, "s"), seconds=True) + "Z"


def _garage(seed: int) -> pd.DataFrame:
    """Spaces taken at the end of each interval; what drove in and out explains the difference."""
    clock = counts.Clock.of(5)
    later = clock.hour + 1 / 12
    share = np.choose(clock.group, [np.interp(later, HOURS, curve) for curve in _GARAGE])
    chance = counts.rng(seed + 61)
    elapsed = (clock.start - clock.start[0]).astype(np.int64) / 3600
    mood = 1 + 0.03 * counts.bell(chance, int(elapsed[-1]) + 2)
    usual = share * SPACES * np.interp(elapsed, np.arange(len(mood)), mood)
    taken = counts.whole(np.minimum(np.maximum(usual, counts.at(_EVENING, clock.event_hour + 1 / 12)), SPACES))
    change = np.diff(taken, prepend=taken[0])
    turning = counts.whole(0.006 * taken * (1 + 0.3 * counts.bell(chance, len(taken))))
    end = clock.start + np.timedelta64(300, "s")
    offset = np.where(end < counts.SUMMER_TIME, "+01:00", "+02:00")
    return pd.DataFrame({
        "facility": "PG-HAVEN", "lastupdate": np.char.add(np.datetime_as_string(counts.to_local(end)), offset),
        "totalcapacity": SPACES, "occupied": taken, "entered": turning + np.maximum(change, 0), "left": turning + np.maximum(-change, 0),
        "isopen": "true", "local": clock.local,
    })  # fmt: skip


def _sign() -> pd.DataFrame:
    clock = counts.Clock.of(15)
    hour = clock.event_hour
    told = np.where((hour >= SIGN_FROM) & (hour < SIGN_UNTIL), "VOL", "VRIJ")
    told = np.where(hour == SIGN_OUT, "STORING", told)
    stamp = pd.Series(clock.local).dt.strftime("%Y-%m-%d %H:%M").to_numpy()
    return pd.DataFrame({"terrein": "P+R Oost", "tijdstip": stamp, "melding": told, "local": clock.local})


def _links(seed: int) -> pd.DataFrame:
    """Without a vehicle there is no speed: -1, as the database writes it."""
    clock = counts.Clock.of(5)
    vehicles, speeds = [], []
    for i, (speed, flow) in enumerate(LINKS.values()):
        chance = counts.rng(seed + 65 + i)
        seen = counts.whole(counts.spread(counts.on_event(clock, flow), chance))
        vehicles.append(seen)
        mean = np.maximum(counts.on_event(clock, speed) * (1 + 0.02 * counts.bell(chance, len(seen))), 3)
        speeds.append(np.where(seen > 0, np.floor(mean * 10 + 0.5) / 10, -1.0))
    ends = clock.local + np.timedelta64(300, "s")
    rows = files.frame(
        clock, {"id_meetlocatie": list(LINKS)},
        {"start_meetperiode": np.repeat(_wall(clock.local), len(LINKS)), "eind_meetperiode": np.repeat(_wall(ends), len(LINKS)),
         "waarnemingen_intensiteit": np.stack(vehicles, axis=1), "gem_snelheid": np.stack(speeds, axis=1)},
    )  # fmt: skip
    rows["gem_snelheid"] = rows["gem_snelheid"].map(lambda v: f"{v:.1f}".replace(".", ","))
    rows["voertuigcategorie"] = "anyVehicle"
    rows["rijstrook_rijbaan"] = "total"
    return rows


def _wall(local: counts.Times) -> np.ndarray:
    return np.asarray(pd.Series(local).dt.strftime("%Y-%m-%d %H:%M:%S").to_numpy())
