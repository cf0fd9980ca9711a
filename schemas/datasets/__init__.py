"""The standard datasets, by name. A new one is a new file here and a line below."""

from schemas.datasets.contract import Contract, Quality
from schemas.datasets.passage_counts import PASSAGE_COUNTS
from schemas.datasets.zone_counts import ZONE_COUNTS

DATASETS: dict[str, Contract] = {c.name: c for c in (ZONE_COUNTS, PASSAGE_COUNTS)}

__all__ = ["DATASETS", "Contract", "Quality"]
