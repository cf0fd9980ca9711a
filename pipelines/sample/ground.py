"""On the ground: the gates of the fenced island, counting sections, counters of all modes, and what stewards report.

``island``: CSV, a row a gate and five minutes. ``sections``: wide CSV, a column a section. ``modes``: Parquet, a row a counter
and quarter with people on foot both ways, cyclists and motor vehicles, history too. ``reports``: CSV, a row a report, when there
is one; it holds a role and no name.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.sample import counts, files
from pipelines.sample.city import Knots

# Passages in five minutes at the island's gates. The licence is for 3,000. The Werfbrug is the way in until 20:40; from then on
# the Werfsluis, three metres wide, is the only way out, until stewards open the Werfbrug too at 21:55.
ISLAND_IN: Knots = (
    (16, 25), (17, 50), (18, 70), (18.5, 110), (19, 122), (19.25, 62), (20, 32), (20.5, 22), (20.65, 20), (20.66, 0),
)  # fmt: skip
SLUIS_OUT: Knots = ((18, 20), (19, 25), (20.5, 26), (21.25, 40), (21.5, 88), (21.9, 104), (22.5, 110), (23.0, 80), (23.5, 40))
BRUG_OUT: Knots = ((21.92, 130), (22.1, 210), (22.5, 190), (22.75, 90), (23.0, 40), (23.25, 0))
LEFT_OVER = 21  # people the gates lost count of

# People in the sections along the boulevard and on the fair ground, on the evening.
SECTIONS: dict[str, tuple[tuple[float, float, float], Knots]] = {
    "BLV-1": ((70, 110, 90), ((17, 160), (19, 330), (21, 420), (22, 380), (22.5, 120), (23, 40))),
    "BLV-2": ((80, 130, 100), ((17, 190), (19, 390), (21, 520), (22, 450), (22.5, 140), (23, 40))),
    "BLV-3": ((60, 100, 80), ((17, 150), (19, 300), (21, 410), (22, 390), (22.5, 130), (23, 30))),
    "AFSLAG": ((50, 80, 60), ((17, 110), (19, 220), (21, 260), (22, 210), (22.5, 70), (23, 20))),
    # Room for 1,900: what is on its way fills four fifths of what is left at 19:45.
    "KERMIS": ((90, 260, 210), ((14, 320), (16, 520), (18, 820), (19, 1130), (19.75, 1390), (20.25, 1500), (21, 1450), (22, 900),
                                (22.75, 320), (23.25, 80))),
}  # fmt: skip

# By counter: on foot each way, cyclists, motor vehicles at the day's peak, and on foot each way on the evening.
MODES: dict[str, tuple[float, float, float, Knots]] = {
    "M-01": (95, 110, 60, ((16, 110), (18, 210), (20, 240), (21.5, 200), (22, 330), (22.4, 120), (22.6, 50))),
    "M-02": (70, 85, 95, ((16, 80), (18, 150), (20, 180), (21.5, 150), (22, 260), (22.4, 100), (22.6, 40))),
}

# (reported at, issued at, zone, class, by). The second of stationsplein puts the first one right; at marktveld the camera is silent.
REPORTS = (
    ("18:07", "18:09", "stationsplein", "zeer dicht", "steward"),
    ("18:07", "18:16", "stationsplein", "rustig", "steward"),
    ("18:24", "18:26", "stationsplein", "rustig", "steward"),
    ("20:41", "20:42", "vismarkt", "gehinderd", "camerakamer"),
    ("21:22", "21:24", "marktveld", "dicht", "steward"),
    ("21:33", "21:34", "marktveld", "dicht", "steward"),
    ("21:43", "21:45", "marktveld", "dicht", "steward"),
)  # fmt: skip


def write(folder: Path, seed: int) -> None:
    """The deliveries of the four suppliers, below ``folder``."""
    for span, part in files.parts(_island(seed), files.quarters(files.NOON)):
        files.write_csv(folder / f"island/poorten_{span.label}_{files.compact(span.end + np.timedelta64(60, 's'))}.csv", part)
    for span, part in files.parts(_sections(seed), files.quarters()):
        files.write_csv(
            folder / f"sections/vakken_{span.label}_{files.compact(span.end + np.timedelta64(120, 's'))}.csv", part, ","
        )
    for span, part in files.parts(_modes(seed), files.quarters(history=counts.FIRST_DAY)):
        issued = files.compact(counts.to_utc(np.array([span.end]))[0] + np.timedelta64(120, "s"), seconds=True)
        files.write_parquet(folder / f"modes/{span.folder}/modes_{span.label}_{issued}Z.parquet", part)
    for at, issued, zone, said, role in REPORTS:
        row = pd.DataFrame({"tijdstip": [f"2026-06-20 {at}"], "vak": [zone], "klasse": [said], "rol": [role]})
        files.write_csv(folder / f"reports/melding_20260620-{issued.replace(':', '')}_{zone}.csv", row)


def _island(seed: int) -> pd.DataFrame:
    """Nobody leaves who did not come in: what the knots ask for is cut off there, but for a few the gates lost count of."""
    clock = counts.Clock.of(5)
    chance = counts.rng(seed + 81)

    def passages(knots: Knots) -> counts.Counts:
        return counts.whole(counts.on_event(clock, knots) * (1 + 0.03 * counts.bell(chance, len(clock.start))))

    came, sluis, brug = passages(ISLAND_IN), passages(SLUIS_OUT), passages(BRUG_OUT)
    gone = np.minimum(np.cumsum(sluis + brug), np.maximum(np.cumsum(came) - LEFT_OVER, 0))
    out = np.diff(gone, prepend=0)
    brug = np.minimum(brug, out)
    none = np.zeros_like(out)
    wall = _wall(clock.local, "%d-%m-%Y %H:%M")
    return files.frame(clock, {"poort": ["WERFBRUG", "WERFSLUIS"]}, {
        "tijd": np.repeat(wall, 2), "in": np.stack([came, none], axis=1), "uit": np.stack([brug, out - brug], axis=1),
    })  # fmt: skip


def _sections(seed: int) -> pd.DataFrame:
    clock = counts.Clock.of(15)
    city = counts.City(clock, seed)
    ends = _wall(clock.local + np.timedelta64(900, "s"), "%Y-%m-%dT%H:%M:%S").astype(str)
    columns: dict[str, np.ndarray] = {"timestamp": np.char.add(ends, "+02:00")}
    for i, (name, (peak, evening)) in enumerate(SECTIONS.items()):
        chance = counts.rng(seed + 83 + i)
        usual = counts.spread(counts.ordinary(clock, "centre", peak, city, chance), chance)
        columns[name] = counts.whole(np.maximum(usual, counts.on_event(clock, evening)))
    return pd.DataFrame({**columns, "local": clock.local})


def _modes(seed: int) -> pd.DataFrame:
    clock = counts.Clock.of(15)
    city = counts.City(clock, seed)
    found: dict[str, list[counts.Counts]] = {}
    for i, (foot, cycle, motor, evening) in enumerate(MODES.values()):
        chance = counts.rng(seed + 91 + i)
        for name, peak, more in (
            ("voet_in", foot, evening),
            ("voet_uit", foot, evening),
            ("fiets", cycle, ()),
            ("motor", motor, ()),
        ):
            usual = counts.spread(counts.ordinary(clock, "centre", (0.9 * peak, peak, 0.8 * peak), city, chance), chance)
            found.setdefault(name, []).append(counts.whole(np.maximum(usual, counts.on_event(clock, more))))
    stamp = np.char.add(np.datetime_as_string(clock.start), "Z")
    values = {"tijd": np.repeat(stamp, len(MODES))} | {name: np.stack(given, axis=1) for name, given in found.items()}
    return files.frame(clock, {"telpunt": list(MODES)}, values)


def _wall(local: counts.Times, form: str) -> np.ndarray:
    return np.asarray(pd.Series(local).dt.strftime(form).to_numpy())
