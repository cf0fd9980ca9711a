"""Standard dataset ``zone_counts``: people present in a zone (a stock), with ``statistic: instant | mean | max``."""

from datetime import timedelta

from schemas.datasets.contract import Contract, Quality

ZONE_COUNTS = Contract(
    name="zone_counts",
    version="1.0",
    place_kinds=("zone", "facility"),
    measures=("present",),
    exclusive=(),
    sums={},
    quality=Quality(
        cadence_max=timedelta(minutes=60),
        completeness=0.95,
        delay_max=timedelta(minutes=15),
        plausible_per_minute=500_000,
        fit_for=("density", "occupancy", "presence over an evening"),
        not_fit_for=("following people", "peaks inside a large zone", "flows over its border"),
    ),
    meaning_nl="Aantal aanwezigen in een zone; een voorraad, nooit op te tellen over de tijd.",
    meaning_en="People present in a zone; a stock, never summed over time.",
)
