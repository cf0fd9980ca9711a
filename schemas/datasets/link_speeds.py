"""Standard dataset ``link_speeds``: mean speed on a stretch of road with the vehicles counted behind it."""

from datetime import timedelta

from schemas.datasets.contract import Contract, Quality

LINK_SPEEDS = Contract(
    name="link_speeds",
    version="1.0",
    place_kinds=("link",),
    measures=("driving_speed", "vehicles"),
    quality=Quality(
        cadence_max=timedelta(minutes=60),
        completeness=0.9,
        delay_max=timedelta(minutes=15),
        plausible={"driving_speed": 250, "vehicles": 500},
        fit_for=("gridlock around an event", "blocked calamity routes"),
        not_fit_for=("following vehicles", "a road without vehicles: no vehicle is no speed"),
    ),
    meaning_nl="Gemiddelde snelheid op een wegvak, met het aantal voertuigen erachter.",
    meaning_en="Mean speed on a stretch of road, with the number of vehicles behind it.",
)
