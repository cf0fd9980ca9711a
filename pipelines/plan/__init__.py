"""What the next run would compute and why, and what a town would lose without a source: worked out on a copy of the workspace.

Nothing is guessed: the copy takes in what waits and finds its slots with the functions of the run itself, and stops before it computes.
"""

from pipelines.plan.coming import Plan, collect
from pipelines.plan.without import Loss, without

__all__ = ["Loss", "Plan", "collect", "without"]
