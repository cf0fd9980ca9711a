"""Standard dataset ``zone_counts``: people present in a zone (a stock), with ``statistic: instant | mean | max``."""

from datetime import timedelta

from schemas.datasets.contract import Contract, Derived, Quality

_PRESENT = (("present",),)

ZONE_COUNTS = Contract(
    name="zone_counts",
    version="1.1",
    place_kinds=("zone", "facility"),
    measures=("present", "walking_speed"),
    derived={
        "area_present": Derived(
            _PRESENT, "stock", "p", ("area",), over="parts",
            nl="aanwezigen in alle zones van het gebied", en="people present in all zones of the area",
        ),
        "busiest_share": Derived(
            _PRESENT, "ratio", "ratio", ("area",), over="parts", how="busiest_share", per="usable_area",
            nl="deel van de aanwezigen op de drukste 10 % van het oppervlak", en="share of people on the busiest 10 % of the surface",
        ),
        "hoover": Derived(
            _PRESENT, "ratio", "ratio", ("area",), over="parts", how="hoover", per="usable_area",
            nl="Hoover-index: deel van de mensen dat zou moeten verhuizen voor een gelijke dichtheid",
            en="Hoover index: share of people who would have to move for an even density",
        ),
        "approach_density": Derived(
            _PRESENT, "ratio", "p/m²", ("line",), over="approach", per="usable_area",
            nl="dichtheid in de zone voor de lijn", en="density in the zone in front of the line",
        ),
    },
    quality=Quality(
        cadence_max=timedelta(minutes=60),
        completeness=0.95,
        delay_max=timedelta(minutes=15),
        plausible={"present": 500_000, "walking_speed": 4},
        fit_for=("density", "occupancy", "presence over an evening"),
        not_fit_for=("following people", "peaks inside a large zone", "flows over its border"),
    ),
    meaning_nl="Aantal aanwezigen in een zone; een voorraad, nooit op te tellen over de tijd.",
    meaning_en="People present in a zone; a stock, never summed over time.",
)  # fmt: skip
