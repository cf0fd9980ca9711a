"""The standard datasets, by name. A new one is a new file here and a line below."""

from schemas.datasets.contract import Contract, Derived, Quality
from schemas.datasets.facility_occupancy import FACILITY_OCCUPANCY
from schemas.datasets.field_observations import FIELD_OBSERVATIONS
from schemas.datasets.link_speeds import LINK_SPEEDS
from schemas.datasets.od_flows import OD_FLOWS
from schemas.datasets.passage_counts import PASSAGE_COUNTS
from schemas.datasets.stop_counts import STOP_COUNTS
from schemas.datasets.zone_counts import ZONE_COUNTS

DATASETS: dict[str, Contract] = {
    c.name: c for c in (ZONE_COUNTS, PASSAGE_COUNTS, OD_FLOWS, STOP_COUNTS, FACILITY_OCCUPANCY, LINK_SPEEDS, FIELD_OBSERVATIONS)
}

__all__ = ["DATASETS", "Contract", "Derived", "Quality", "contract_of", "references"]


def contract_of(reference: str) -> tuple[Contract, str] | None:
    """Contract and measure behind ``dataset.measure``; None when there is no such dataset or measure."""
    dataset, _, measure = reference.partition(".")
    contract = DATASETS.get(dataset)
    return (contract, measure) if contract and measure in contract.names else None


def references() -> list[str]:
    """Every ``dataset.measure`` that a card may name."""
    return [f"{c.name}.{m}" for c in DATASETS.values() for m in c.names]
