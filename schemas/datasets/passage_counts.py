"""Standard dataset ``passage_counts``: passages over a line (a flow), by direction or in total, never both (rule 1)."""

from datetime import timedelta

from schemas.datasets.contract import Contract, Quality

PASSAGE_COUNTS = Contract(
    name="passage_counts",
    version="1.0",
    place_kinds=("line",),
    measures=("count_in", "count_out", "count_total"),
    # A total beside its directions gives a withheld direction back by subtraction.
    exclusive=(("count_in", "count_out"), ("count_total",)),
    sums={"passages": (("count_in", "count_out"), ("count_total",))},
    quality=Quality(
        cadence_max=timedelta(minutes=60),
        completeness=0.95,
        delay_max=timedelta(minutes=15),
        plausible_per_minute=2_000,
        fit_for=("specific flow", "unusual activity", "in/out balance of a closed perimeter"),
        not_fit_for=("following people", "density without a balance", "jams seen by flow alone"),
    ),
    meaning_nl="Aantal passages over een lijn; een stroom, optelbaar over de tijd.",
    meaning_en="Passages over a line; a flow, summed over time.",
)
