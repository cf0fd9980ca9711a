"""Standard dataset ``stop_counts``: boarding, waiting and the places that depart, per stop or station."""

from datetime import timedelta

from schemas.datasets.contract import Contract, Quality

STOP_COUNTS = Contract(
    name="stop_counts",
    version="1.0",
    place_kinds=("stop",),
    measures=("boarding", "alighting", "waiting", "departing_capacity", "occupancy_status"),
    quality=Quality(
        cadence_max=timedelta(minutes=60),
        completeness=0.9,
        delay_max=timedelta(minutes=15),
        plausible={"boarding": 2_000, "alighting": 2_000, "waiting": 50_000, "departing_capacity": 5_000, "occupancy_status": 8},
        fit_for=("load of a stop", "queues", "class of crowding in vehicles"),
        not_fit_for=("following people", "averages of occupancy classes", "comfort inside one vehicle"),
    ),
    meaning_nl="In- en uitstappers, wachtenden en vertrekkende capaciteit per halte of station.",
    meaning_en="Passengers boarding, alighting and waiting, and departing capacity, per stop or station.",
    codes={"occupancy_status": (0, 1, 2, 3, 4, 5, 6, 8)},  # GTFS-Realtime; 7 is no data
)
