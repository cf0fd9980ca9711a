"""Standard dataset ``facility_occupancy``: spaces occupied in a facility such as a car park; a full sign gives bounds only."""

from datetime import timedelta

from schemas.datasets.contract import Contract, Derived, Quality

FACILITY_OCCUPANCY = Contract(
    name="facility_occupancy",
    version="1.0",
    place_kinds=("facility",),
    measures=("occupied", "full_flag", "entering", "leaving"),
    derived={
        # A sign that says "free" says nothing about how free: anything from empty to all but full.
        "occupied_by_sign": Derived(
            (("full_flag",),), "stock", "veh", ("facility",), how="classes", per="capacity", classes={0: (0, 1), 1: (1, 1)},
            nl="bezette plaatsen volgens de vol-melding: vol is alle, vrij is onbekend hoeveel",
            en="spaces occupied by the full sign: full is all of them, free is not known how many",
        ),
    },
    codes={"full_flag": (0, 1)},
    quality=Quality(
        cadence_max=timedelta(minutes=60),
        completeness=0.9,
        delay_max=timedelta(minutes=15),
        plausible={"occupied": 50_000, "full_flag": 1, "entering": 500, "leaving": 500},
        fit_for=("fill of a car park", "time to full"),
        not_fit_for=("following people or vehicles", "parking rights, which hold licence plates: refused"),
    ),
    meaning_nl="Bezette plaatsen in een voorziening, zoals een parkeergarage; een voorraad.",
    meaning_en="Spaces occupied in a facility such as a car park; a stock.",
)  # fmt: skip
