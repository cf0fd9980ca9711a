"""The vocabulary: every column once, with type, unit, kind and meaning. Tables, comments and docs are made from it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter

from schemas import yamlfile
from schemas.settings.base import Strict
from schemas.settings.publication import Class


class Column(Strict):
    """``kind`` says what a formula may do with a measure (rule 1); ``counts: person`` brings it under k (rule 7).

    ``support`` names the measures whose sum is the number of contributors to a mean: under k the mean is withheld, and means
    of finer intervals are weighted by it. A measure of kind ``class`` is a code: the last one holds, it is never averaged.
    """

    type: str
    unit: str
    kind: Literal["stock", "flow", "ratio", "speed", "class"] | None = None
    support: tuple[str, ...] = ()
    counts: Literal["person", "vehicle", "none"]
    role: Literal["key", "content", "bookkeeping", "measure"]
    class_: Class | None = Field(
        default=None, alias="class", description="who may see it; None: nobody decided, which stops exports"
    )
    nl: str
    en: str


@cache
def columns() -> dict[str, Column]:
    """All columns by name."""
    document = yamlfile.read(Path(__file__).with_name("vocabulary.yaml"), "schemas/vocabulary.yaml")
    return TypeAdapter(dict[str, Column]).validate_python(document.data)
