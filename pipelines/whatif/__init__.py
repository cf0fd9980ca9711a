"""What other settings would have done to the town's own history; nothing live is touched."""

from pipelines.whatif.answer import Answer, compare
from pipelines.whatif.data import as_data

__all__ = ["Answer", "as_data", "compare"]
