"""An attacker over all that leaves the house: can a count that was withheld be worked out from what was published (rule 7)?"""

from pipelines.privacy.audit import Report, Unsafe, audit

__all__ = ["Report", "Unsafe", "audit"]
