"""Every indicator's formula by hand, from its card's meaning. Names are the card's inputs, attributes and parameters; ``minutes`` is
the interval. None: cannot be computed. What a card asks for besides stands in ``CONDITIONS`` and ``CAPS``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


def over(a: float, b: float) -> float | None:
    """A division; by zero there is none."""
    return a / b if b else None


FORMULAS: dict[str, Callable[..., float | None]] = {
    "density": lambda present, usable_area, **_: over(present, usable_area),
    "occupancy": lambda present, capacity, **_: over(present, capacity),
    "arrival_share": lambda present, expected_visitors, **_: over(present, expected_visitors),
    "concentration": lambda busiest_share, **_: busiest_share,
    "specific_flow": lambda passages, effective_width, minutes, **_: over(passages, effective_width * minutes),
    "od_pressure": lambda inbound, present, capacity, **_: inbound / max(capacity - present, 1),
    "parking_fill": lambda occupied, capacity, **_: over(occupied, capacity),
    "stop_load": lambda boarding, waiting, departing_capacity, **_: over(boarding + waiting, departing_capacity),
    "vehicle_crowding": lambda occupancy_status, **_: occupancy_status,
    "speed_drop": lambda driving_speed, free_flow_speed, **_: max(0.0, 1 - driving_speed / free_flow_speed),
    "emergency_route_blocked": lambda driving_speed, free_flow_speed, **_: max(0.0, 1 - driving_speed / free_flow_speed),
}


def weidmann(density: float) -> float:
    """Persons per metre and minute that people walking at a density reach."""
    return 60 * density * 1.34 * (1 - math.exp(-1.913 * (1 / density - 1 / 5.4)))


def jam(
    passages: float, density: float, effective_width: float, minutes: float, jam_density: float, carried_share: float, **_: Any
) -> float:
    """1 where less than a share of what the density carries gets through; above 3.5 p/m² it stays what it is there."""
    crowd = min(max(density, jam_density), 3.5)
    return 1.0 if passages / (effective_width * minutes) < carried_share * weidmann(crowd) else 0.0


FORMULAS |= {
    "counterflow": lambda against_plan, with_plan, **_: over(against_plan, with_plan + against_plan),
    "jam_suspect": jam,
    "walking_speed": lambda speed, **_: speed,
    "net_inflow": lambda inflow, outflow, minutes, **_: (inflow - outflow) / minutes,
    "time_to_capacity": lambda present, inflow, outflow, capacity, minutes, **_: max(capacity - present, 0) * minutes / max(inflow - outflow, 1),
    "growth": lambda x, before, **_: (x - before) / max(before, 1),
    "egress_time": lambda present, outflow, minutes, **_: present * minutes / max(outflow, 1),
    "queue_time": lambda waiting, served, minutes, **_: waiting * minutes / max(served, 1),
    "gate_balance": lambda present, **_: present,
}  # fmt: skip

# Indicator → (what must hold, reason where it does not).
CONDITIONS: dict[str, tuple[Callable[..., bool], str]] = {
    "speed_drop": (lambda vehicles, min_vehicles, **_: vehicles >= min_vehicles, "support"),
    "emergency_route_blocked": (lambda vehicles, min_vehicles, **_: vehicles >= min_vehicles, "support"),
    # In a town without history there is no baseline: few people need none, and nor does a place that is half full.
    "growth": (
        lambda x, min_count, full_share, capacity, **_: x < min_count or half_full(x, full_share, capacity),
        "baseline_short",
    ),
}


def half_full(x: float, full_share: float, capacity: float | None) -> bool:
    return capacity is not None and x >= full_share * capacity


# Indicator → (when no level above is given, the highest level then, reason).
CAPS: dict[str, tuple[Callable[..., bool], str, str]] = {
    "density": (lambda usable_area, minutes, **_: usable_area > 2500 or minutes > 15, "elevated", "too_coarse"),
    "counterflow": (lambda planned, **_: not planned, "normal", "no_plan"),
}

# Where the value does not exist unless the condition holds (rule 16): not applicable, and normal.
APPLIES: dict[str, Callable[..., bool]] = {
    "counterflow": lambda against_plan, with_plan, effective_width, minutes, busy_flow, **_: (
        (against_plan + with_plan) / (effective_width * minutes) >= busy_flow
    ),
    "jam_suspect": lambda density, jam_density, **_: density >= jam_density,
    "time_to_capacity": lambda inflow, outflow, **_: inflow > outflow,
    "growth": lambda x, min_count, full_share, capacity, **_: x >= min_count and half_full(x, full_share, capacity),
    "egress_time": lambda present, min_present, **_: present >= min_present,
    "queue_time": lambda waiting, min_waiting, **_: waiting >= min_waiting,
}

LEVELS = ("normal", "elevated", "high", "critical")
SEVERITY: dict[Any, float] = {"normal": 0, "elevated": 1 / 3, "high": 2 / 3, "critical": 1}
