"""Waterdam in figures: its zones and gates, the shape of an ordinary day, and the evening of the Havenfeest.

Numbers of people are made up. Curves are straight lines between knots: no logarithm, sine or exponent takes part,
so that every machine comes to the same counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Knots = tuple[tuple[float, float], ...]
"""(clock hour of the event day, people); 24.5 is half past midnight. Straight lines between, 0 outside."""

HOURS = (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24)

# Share of the day's peak at HOURS, for a working day, a Saturday and a Sunday (holidays follow the Sunday).
SHAPES: dict[str, tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]] = {
    "centre": (
        (0.05, 0.01, 0.01, 0.04, 0.20, 0.55, 0.80, 0.85, 0.90, 0.65, 0.50, 0.30, 0.05),
        (0.08, 0.03, 0.01, 0.02, 0.10, 0.50, 0.85, 1.00, 0.95, 0.70, 0.65, 0.50, 0.12),
        (0.10, 0.03, 0.01, 0.01, 0.05, 0.30, 0.70, 0.90, 0.80, 0.55, 0.35, 0.15, 0.04),
    ),
    "market": (
        (0.02, 0.00, 0.00, 0.03, 0.15, 0.50, 0.80, 0.80, 0.75, 0.45, 0.30, 0.15, 0.02),
        (0.03, 0.01, 0.00, 0.06, 0.45, 0.95, 1.00, 0.95, 0.60, 0.35, 0.30, 0.20, 0.04),
        (0.04, 0.01, 0.00, 0.00, 0.04, 0.30, 0.70, 0.85, 0.75, 0.45, 0.25, 0.10, 0.02),
    ),
    "station": (
        (0.03, 0.00, 0.00, 0.30, 1.00, 0.50, 0.50, 0.55, 0.85, 0.90, 0.40, 0.25, 0.06),
        (0.06, 0.01, 0.00, 0.08, 0.30, 0.60, 0.75, 0.80, 0.80, 0.70, 0.50, 0.40, 0.15),
        (0.12, 0.02, 0.00, 0.03, 0.15, 0.40, 0.60, 0.70, 0.75, 0.65, 0.40, 0.25, 0.04),
    ),
    "park": (
        (0.01, 0.00, 0.00, 0.05, 0.30, 0.50, 0.70, 0.70, 0.80, 0.70, 0.40, 0.10, 0.01),
        (0.01, 0.00, 0.00, 0.02, 0.20, 0.60, 0.80, 1.00, 0.90, 0.60, 0.40, 0.10, 0.01),
        (0.01, 0.00, 0.00, 0.02, 0.15, 0.50, 0.80, 1.00, 0.95, 0.60, 0.35, 0.08, 0.01),
    ),
}

# King's Day, a Monday here: how many times a Sunday's count, by clock hour; in the park hardly anything of it.
KINGS_DAY: Knots = ((0, 1.0), (8, 1.0), (12, 2.6), (18, 2.6), (20, 1.5), (23, 1.0), (24, 1.0))
KINGS_DAY_IN_PARK: Knots = ((0, 1.0), (10, 1.0), (14, 1.2), (20, 1.0), (24, 1.0))


# Mean walking speed in m/s by people per m²: Weidmann's curve as straight lines.
SPEED_BY_DENSITY: Knots = ((0, 1.34), (0.5, 1.30), (1.1, 1.00), (1.6, 0.76), (2.15, 0.56), (2.75, 0.38), (3.5, 0.24), (5.4, 0.0))


@dataclass(frozen=True)
class Zone:
    """A zone as the camera supplier knows it. ``peak``: people on a working day, Saturday, Sunday; ``evening``: on the event.

    ``area`` and ``event_area`` (m², where stalls take room) decide how fast people can walk; 0: the same as on other days.
    """

    place: str
    supplier_id: str
    shape: str
    peak: tuple[float, float, float]
    evening: Knots = ()
    area: float = 0.0
    event_area: float = 0.0


@dataclass(frozen=True)
class Gate:
    """A counting line. ``peak``: passages a quarter, both ways; ``in_share`` by clock hour; on the event a curve a direction."""

    place: str
    supplier_id: str
    shape: str
    peak: tuple[float, float, float]
    in_share: Knots = field(default=((0, 0.5), (24, 0.5)))
    evening_in: Knots = ()
    evening_out: Knots = ()


_TO_CENTRE: Knots = ((0, 0.35), (6, 0.55), (10, 0.60), (14, 0.52), (18, 0.46), (22, 0.36), (24, 0.35))

# Edges in the comments: density 1.1 / 2.15 / 3.5 p/m² (moving), occupancy 0.70 / 0.90 / 0.95. Areas stand in places.geojson.
ZONES = (
    # 1,600 m² are left on the evening: elevated from 1,760 people, high from 3,440, critical from 5,600.
    Zone("havenplein", "WD-Z01", "centre", (350, 550, 450), (
        (16, 450), (17.5, 1050), (18.5, 1690), (19.0, 2200), (19.6, 3300), (20.0, 4300), (20.6, 5700), (21.0, 6150), (21.4, 6100),
        (21.7, 5500), (22.0, 3200), (22.25, 1500), (22.5, 650), (22.75, 250), (23, 0),
    ), 1900, 1600),
    # Licence for the evening: 7,500. High from 6,750; never 7,125, which would be critical.
    Zone("marktveld", "WD-Z02", "market", (420, 900, 380), (
        (17.5, 350), (18, 700), (19.0, 2600), (19.7, 5200), (20.4, 6600), (20.6, 6950), (21.25, 7000), (21.5, 6700),
        (21.75, 5200), (22.0, 3300), (22.3, 1500), (22.6, 300), (22.75, 0),
    ), 4000, 3400),
    # 3,200 m²: over 2.15 p/m² from 6,880 people, but too large a zone for a level above elevated.
    Zone("kade", "WD-Z03", "centre", (260, 480, 520), (
        (17.5, 420), (18, 650), (19.5, 2000), (20.25, 3500), (20.75, 6300), (21.0, 7200), (21.4, 7250), (21.7, 4800),
        (22.0, 2300), (22.4, 700), (22.7, 0),
    ), 3200),
    Zone("stationsplein", "WD-Z04", "station", (420, 320, 240), (
        (16, 260), (18, 700), (20, 750), (21, 900), (21.75, 1500), (22.1, 1800), (22.4, 1300), (22.7, 500), (22.9, 0),
    ), 2000),
    Zone("vismarkt", "WD-Z05", "centre", (240, 400, 330), (
        (17, 350), (19, 620), (21, 780), (21.75, 700), (22.25, 420), (22.6, 150), (22.75, 0),
    ), 1200),
    # The park lies away from the harbour and has an ordinary Saturday.
    Zone("stadspark", "WD-Z06", "park", (140, 260, 300), area=9000),
)  # fmt: skip

# Specific flow is passages ÷ (effective width × 15): edges 49 / 66 / 70 p/m/min.
GATES = (
    # 2.5 m: elevated from 1,838 passages a quarter, high from 2,475, critical from 2,625.
    Gate("brugstraat", "T1", "centre", (260, 420, 330), _TO_CENTRE, (
        (16, 250), (17.5, 650), (19, 1100), (20.25, 1050), (20.75, 700), (21.25, 300), (22.25, 250), (22.5, 150), (22.75, 0),
    ), (
        (16, 180), (19, 200), (20.25, 350), (20.75, 800), (21.0, 1600), (21.25, 2225), (21.5, 2265), (21.75, 2385), (22.0, 2445),
        (22.25, 2000), (22.5, 700), (22.75, 130), (23, 0),
    )),
    Gate("noordbrug", "T2", "centre", (120, 200, 220), _TO_CENTRE, (
        (17, 150), (19.5, 480), (20.5, 620), (21.25, 200), (22.25, 80), (22.75, 0),
    ), (
        (17, 90), (20, 200), (21.25, 800), (21.75, 900), (22.25, 400), (22.5, 150), (22.75, 0),
    )),
    Gate("station-uitgang", "T3", "station", (520, 380, 300), _TO_CENTRE, (
        (16, 260), (17.5, 700), (19, 1000), (20, 800), (21, 300), (22.25, 100), (22.75, 0),
    ), (
        (18, 150), (20.5, 250), (21.25, 1400), (22.0, 1900), (22.25, 1500), (22.5, 600), (22.75, 200), (23, 0),
    )),
    # 1.8 m: about 40 p/m/min at its busiest, just under the lowest edge of the card.
    Gate("visserssteeg", "T4", "centre", (90, 160, 130), ((0, 0.5), (24, 0.5)), (
        (17, 120), (19, 420), (20.0, 640), (20.75, 480), (21.5, 250), (22.25, 120), (22.75, 0),
    ), (
        (17, 80), (19, 200), (20.0, 360), (20.75, 580), (21.5, 800), (21.9, 620), (22.25, 250), (22.75, 0),
    )),
    Gate("parkpoort", "T5", "park", (45, 90, 105)),
)  # fmt: skip
