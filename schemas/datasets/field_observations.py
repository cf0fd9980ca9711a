"""Standard dataset ``field_observations``: a density class that a role on the spot or in the camera room sets for a zone.

The classes are bounds in p/m², after Fruin's walkway levels of service as far as they are seen at a glance. A class is a
range, so the level follows only where both ends agree. It outranks counters for a quarter of an hour and is the best ground
truth; it holds a role, never a name and no free text.
"""

from datetime import timedelta

from schemas.datasets.contract import Contract, Derived, Quality

# Class → p/m², lowest and highest. 1 empty to free, 2 free to hindered, 3 dense, 4 very dense, 5 contact, 6 pressed together.
DENSITY_CLASSES = {1: (0.0, 0.43), 2: (0.43, 1.08), 3: (1.1, 2.14), 4: (2.15, 3.49), 5: (3.57, 5.5), 6: (5.55, 9.0)}

FIELD_OBSERVATIONS = Contract(
    name="field_observations",
    version="1.0",
    place_kinds=("zone",),
    measures=("density_class",),
    derived={
        "present": Derived(
            (("density_class",),), "stock", "p", ("zone",), how="classes", per="usable_area", classes=DENSITY_CLASSES,
            nl="aanwezigen volgens de gemelde dichtheidsklasse, als ondergrens en bovengrens",
            en="people present by the reported density class, as a lower and an upper bound",
        ),
    },
    quality=Quality(
        cadence_max=timedelta(minutes=60),
        completeness=0.0,
        delay_max=timedelta(minutes=5),
        plausible={"density_class": max(DENSITY_CLASSES)},
        fit_for=("ground truth", "outranking a counter for a quarter of an hour"),
        not_fit_for=("following people", "a number of people to the person"),
    ),
    meaning_nl="Dichtheidsklasse van een zone, gemeld door een rol ter plaatse of in de camerakamer.",
    meaning_en="Density class of a zone, reported by a role on the spot or in the camera room.",
    codes={"density_class": tuple(DENSITY_CLASSES)},
    sporadic=True,
    holds=timedelta(minutes=15),
)  # fmt: skip
