"""Complementary suppression (rules 7, 8): what else is withheld so that no small group is worked out from the numbers beside it."""

from pipelines.complement.beside import Kept, protect
from pipelines.complement.inside import restore

__all__ = ["Kept", "protect", "restore"]
