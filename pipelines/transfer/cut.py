"""Take one key with all that stands below it out of a YAML text, and leave the rest, comments included, as it is."""

from __future__ import annotations

import re

from schemas.yamlfile import Document

_NEXT = re.compile(r"^(?:[A-Za-z_\"']|#)")


def without(text: str, document: Document, key: str, instead: str) -> str:
    """The text without a top-level ``key``; a comment says ``instead`` what stood there. Unchanged when there is no such key."""
    if not isinstance(document.data, dict) or key not in document.data:
        return text
    lines = text.splitlines()
    first = document.line((key,)) - 1
    last = first + 1
    while last < len(lines) and not _NEXT.match(lines[last]):
        last += 1
    return "\n".join([*lines[:first], f"# {instead}", *([""] if last < len(lines) else []), *lines[last:]]) + "\n"
