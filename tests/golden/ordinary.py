"""What a sensor counts in Lindehaven on an ordinary day: a curve over the day and week, with the noise of counting.

Every number follows from its place and moment alone (and :data:`SEED`), so that any stretch of history can be made
apart from any other.
"""

from __future__ import annotations

import math
import random
from datetime import datetime

SEED = 20260427
# Per place and measure: people at the top of an ordinary weekday, and the hour at which that is.
TOPS = {
    ("market", "present"): (600, 14), ("street", "present"): (220, 15), ("quay", "present"): (180, 17),
    ("bridge", "in"): (150, 12), ("bridge", "out"): (150, 17),
}  # fmt: skip
OF_WEEK = (0.9, 0.9, 1.0, 1.0, 1.1, 1.4, 0.7)  # Monday to Sunday
WIDTH = 4.0  # hours from the top to about 60 % of it
DAYS_DIFFER, SLOTS_DIFFER = 0.04, 0.03


def usual(place: str, measure: str, local: datetime) -> int:
    """The count of the quarter that begins at ``local`` (aware, on the town's clock). A place without a curve is empty."""
    top, hour = TOPS.get((place, measure), (0, 12))
    away = (local.hour + local.minute / 60 - hour + 12) % 24 - 12
    mean = top * OF_WEEK[local.weekday()] * math.exp(-0.5 * (away / WIDTH) ** 2)
    day = random.Random(f"{SEED}|{place}|{measure}|{local:%Y-%m-%d}").gauss(1, DAYS_DIFFER)
    noise = random.Random(f"{SEED}|{place}|{measure}|{local:%Y-%m-%dT%H:%M%z}").gauss(0, 1)
    return max(0, round(mean * day + noise * math.hypot(math.sqrt(mean), SLOTS_DIFFER * mean)))
