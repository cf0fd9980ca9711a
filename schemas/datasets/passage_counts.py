"""Standard dataset ``passage_counts``: passages over a line (a flow), by direction or in total, never both (rule 1)."""

from datetime import timedelta

from schemas.datasets.contract import Contract, Derived, Quality

_DIRECTIONS = (("count_in", "count_out"),)
_MODES = (("count_total", "cyclists", "motor_vehicles"), ("count_in", "count_out", "cyclists", "motor_vehicles"))
_ON_FOOT = ("count_in", "count_out", "count_total")


def _share(of: tuple[str, ...], nl: str, en: str) -> Derived:
    return Derived(_MODES, "ratio", "ratio", ("line", "area"), over="parts", how="share", of=of, nl=nl, en=en)


PASSAGE_COUNTS = Contract(
    name="passage_counts",
    version="1.1",
    place_kinds=("line",),
    measures=("count_in", "count_out", "count_total", "cyclists", "motor_vehicles", "walking_speed"),
    # A total beside its directions gives a withheld direction back by subtraction.
    exclusive=(("count_in", "count_out"), ("count_total",)),
    derived={
        "passages": Derived(
            (("count_in", "count_out"), ("count_total",)), "flow", "p", ("line",),
            nl="passages in beide richtingen samen", en="passages in both directions together",
        ),
        "with_plan": Derived(
            _DIRECTIONS, "flow", "p", ("line",), over="with_plan",
            nl="passages in de geplande richting (zonder plan: in)", en="passages in the planned direction (without a plan: in)",
        ),
        "against_plan": Derived(
            _DIRECTIONS, "flow", "p", ("line",), over="against_plan",
            nl="passages tegen de geplande richting in (zonder plan: uit)", en="passages against the plan (without one: out)",
        ),
        "inflow": Derived(
            _DIRECTIONS, "flow", "p", ("zone", "facility"), over="into",
            nl="binnengekomen over alle lijnen van de zone", en="people who came in over all lines of the zone",
        ),
        "outflow": Derived(
            _DIRECTIONS, "flow", "p", ("zone", "facility"), over="out_of",
            nl="vertrokken over alle lijnen van de zone", en="people who left over all lines of the zone",
        ),
        "present": Derived(
            _DIRECTIONS, "stock", "p", ("zone", "facility"), over="through", how="balance",
            nl="aanwezigen volgens de poorten: in min uit sinds het nulmoment",
            en="people present by the gates: in minus out since the zero moment",
        ),
        "drift": Derived(
            _DIRECTIONS, "stock", "p", ("zone", "facility"), over="through", how="drift",
            nl="wat de balans bij het laatste nulmoment overhield; zonder telfouten 0",
            en="what the balance had left at the last zero moment; 0 without counting errors",
        ),
        "walking_share": _share(_ON_FOOT, "aandeel voetgangers in alle passages", "share of people on foot in all passages"),
        "cycling_share": _share(("cyclists",), "aandeel fietsers in alle passages", "share of cyclists in all passages"),
        "driving_share": _share(("motor_vehicles",), "aandeel motorvoertuigen in alle passages", "share of motor vehicles in all passages"),
    },
    quality=Quality(
        cadence_max=timedelta(minutes=60),
        completeness=0.95,
        delay_max=timedelta(minutes=15),
        plausible={
            "count_in": 2_000, "count_out": 2_000, "count_total": 2_000, "cyclists": 1_000, "motor_vehicles": 500, "walking_speed": 4,
        },
        fit_for=("specific flow", "unusual activity", "in/out balance of a closed perimeter"),
        not_fit_for=("following people", "density without a balance", "jams seen by flow alone"),
    ),
    meaning_nl="Aantal passages over een lijn; een stroom, optelbaar over de tijd.",
    meaning_en="Passages over a line; a flow, summed over time.",
)  # fmt: skip
