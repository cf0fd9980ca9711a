"""Propose edges from the town's own history for a wished rate of signals; a proposal is never a live value."""

from pipelines.calibrate.propose import Outcome, Proposal, Wish, propose

__all__ = ["Outcome", "Proposal", "Wish", "propose"]
