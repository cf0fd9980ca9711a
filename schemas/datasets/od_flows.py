"""Standard dataset ``od_flows``: travellers between two zones, by time of departure; a pair is a place of kind ``relation``."""

from datetime import timedelta

from schemas.datasets.contract import Contract, Derived, Quality

OD_FLOWS = Contract(
    name="od_flows",
    version="1.0",
    place_kinds=("relation",),
    measures=("trips",),
    derived={
        "inbound": Derived(
            (("trips",),), "flow", "p", ("zone", "facility", "stop"), over="into",
            nl="reizigers onderweg naar de plaats, uit alle gemeten herkomsten",
            en="travellers on their way to the place, from all measured origins",
        ),
        "outbound": Derived(
            (("trips",),), "flow", "p", ("zone", "facility", "stop"), over="out_of",
            nl="reizigers die van de plaats vertrokken", en="travellers who set out from the place",
        ),
    },
    quality=Quality(
        cadence_max=timedelta(minutes=60),
        completeness=0.9,
        delay_max=timedelta(minutes=60),
        plausible={"trips": 2_000},
        fit_for=("pressure on a destination in the next interval",),
        not_fit_for=("following people", "routes of single travellers", "origins with few travellers"),
    ),
    meaning_nl="Reizigers tussen twee zones, naar tijd van vertrek; een stroom.",
    meaning_en="Travellers between two zones, by time of departure; a flow.",
)  # fmt: skip
