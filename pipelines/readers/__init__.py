"""Read a delivery's bytes into a raw table: nothing is renamed, mapped or judged here."""

from __future__ import annotations

from pipelines.readers import delimited, documents, parquet
from pipelines.readers.raw import BAD_LINES, EMPTY, NO_SPILL, Raw, UnreadableError
from schemas.settings.source import Json, Parquet, Reader

__all__ = ["BAD_LINES", "NO_SPILL", "Raw", "UnreadableError", "read"]


def read(content: bytes, reader: Reader) -> Raw:
    """The raw table of a delivery. Raises :class:`UnreadableError` when nothing in it can be told apart."""
    if not content.strip(b"\x00 \t\r\n"):
        raise UnreadableError("empty", EMPTY)
    if isinstance(reader, Parquet):
        return parquet.read(content)
    return documents.read(content, reader) if isinstance(reader, Json) else delimited.read(content, reader)
