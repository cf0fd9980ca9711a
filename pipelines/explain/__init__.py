"""From a signal back to the rows: which numbers, which formula, which threshold, which deliveries; and the same number again.

Reads the published database, the config and the supplier's files; recomputes with the very functions of a tick on the
stored inputs. Withheld counts stay withheld: "< k".
"""

from pipelines.explain.answer import explain_situation, explain_value
from pipelines.explain.found import Check, Explanation, NotFound

__all__ = ["Check", "Explanation", "NotFound", "explain_situation", "explain_value"]
