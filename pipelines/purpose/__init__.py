"""Purpose binding (rule 23): what a municipality uses for a purpose, whether a review covers it, and the gate that asks."""

from __future__ import annotations

from pipelines.purpose.gate import Admitted, Verb, admit, leaves_the_house, refuse
from pipelines.purpose.state import State, states

__all__ = ["Admitted", "State", "Verb", "admit", "leaves_the_house", "refuse", "states"]
