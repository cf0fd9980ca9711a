"""How the bytes of a delivery become rows and columns, and where deliveries are found."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator, model_validator

from schemas.settings.base import Interval, Strict

_PATH = re.compile(r"(\[\])?|(\[\]\.)?[^.\[\]]+(\[\])?(\.[^.\[\]]+(\[\])?)*")
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def is_path(value: str) -> bool:
    """Whether a text is a path to the records of a document."""
    return bool(_PATH.fullmatch(value)) and value == value.strip()


class Numbers(Strict):
    """How numbers are written: ``decimal`` before the fraction, ``thousands`` between groups of three, if any."""

    decimal: Literal[".", ","] = "."
    thousands: Literal[".", ",", "'", " "] | None = None

    @model_validator(mode="after")
    def _apart(self) -> Numbers:
        if self.thousands == self.decimal:
            raise ValueError("decimal and thousands are the same character | Correct one of them: 1.234,5 or 1,234.5.")
        return self


class Csv(Numbers):
    """A delimited text file. Without a header, ``columns`` names all columns in order.

    ``skip_lines`` lines above the header hold a title; they are screened and left out.
    """

    format: Literal["csv"]
    header: bool = True
    columns: tuple[str, ...] | None = None
    # A tab is white space, which other settings lose at their ends.
    delimiter: Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    skip_lines: int = Field(default=0, ge=0, le=100)

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            codecs.lookup(value)
        except LookupError:
            raise ValueError(f"`{value}` is not a known encoding | Write for example utf-8, cp1252 or utf-16.") from None
        return value

    @model_validator(mode="after")
    def _named(self) -> Csv:
        if not self.header and not self.columns:
            raise ValueError("header: false without columns | Name all columns of the file in order.")
        return self


class Json(Numbers):
    """A JSON document, or with ``lines`` one document a line.

    ``records`` is the path to what becomes a row, ``[]`` where a list is taken apart: ``[]``, ``data[]``,
    ``data[].aggregate[]``; without it the document itself is the row. A column is a dotted path from the root without the
    brackets (``data.sensor``, ``data.aggregate.count_in``), so what stands above a row belongs to each of its rows.
    ``together`` names lists of equal length inside a row that are taken apart side by side; ``position`` names the column that
    then holds 0, 1, 2 … ``columns`` names the items where a row is itself a list. A key that is absent holds no value.
    """

    format: Literal["json"]
    lines: bool = False
    records: str = ""
    together: tuple[str, ...] = ()
    position: str | None = None
    columns: tuple[str, ...] | None = None

    @field_validator("records")
    @classmethod
    def _is_path(cls, value: str) -> str:
        if not is_path(value):
            raise ValueError(f"`{value}` is not a path | Write for example [], data[] or data[].aggregate[].")
        return value

    @model_validator(mode="after")
    def _positioned(self) -> Json:
        if self.position and not self.together:
            raise ValueError("position without together | Name the lists whose items are counted, or take it out.")
        return self


class Parquet(Numbers):
    """An Apache Parquet file; nested columns are screened by their leaf names."""

    format: Literal["parquet"]


Reader = Annotated[Csv | Json | Parquet, Field(discriminator="format")]


class Packed(Strict):
    """Files that are packed: each member of a ``zip`` whose name fits ``members`` is a delivery; a ``gzip`` holds one.

    They are opened in memory, never written out. A member over ``most_mb`` unpacked, one that grows more than ``ratio`` times,
    an archive of more than ``most_members``, an encrypted one, and a name that leaves the archive are refused.
    """

    as_: Literal["zip", "gzip"] = Field(alias="as")
    members: str = "*"
    most_members: int = Field(default=1_000, ge=1, le=100_000)
    most_mb: int = Field(default=256, ge=1, le=4_096)
    ratio: int = Field(default=200, ge=2)


class Pages(Strict):
    """An answer in pages: ``parameter`` counts ``from_`` on by ``step``, until a page holds fewer than ``size`` records, or none."""

    parameter: str
    from_: int = Field(default=0, alias="from", ge=0)
    step: int = Field(ge=1)
    size: int = Field(ge=1, description="records on a full page")
    most: int = Field(default=100, ge=1, le=10_000)


class Endpoint(Strict):
    """A web address that answers with a delivery, asked at every tick.

    ``{day}`` (a local day, in ``day_format``) in the address or query is filled in for every day that ``window`` reaches back;
    without it there is one question. Secrets stand in the environment: ``headers_from`` names the variable behind a header.
    """

    url: str
    query: dict[str, str] = Field(default_factory=dict)
    headers_from: dict[str, str] = Field(default_factory=dict, description="header → environment variable that holds it")
    day_format: str = "%Y-%m-%d"
    window: Interval | None = None
    pages: Pages | None = None
    timeout: Interval = Field(default="30s", validate_default=True)
    most_mb: int = Field(default=64, ge=1, le=4_096)

    @field_validator("url")
    @classmethod
    def _web(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"`{value}` is no web address | Write it in full, with https://.")
        if parts.username or parts.password:
            raise ValueError("the address holds a user name or password | Put them in the environment, under `headers_from`.")
        return value

    @field_validator("query")
    @classmethod
    def _no_secret(cls, value: dict[str, str]) -> dict[str, str]:
        secret = [key for key in value if re.search("key|token|secret|passw|auth", key.lower())]
        if secret:
            raise ValueError(f"`{secret[0]}` looks like a secret | Put it in the environment, under `headers_from`.")
        return value

    @field_validator("headers_from")
    @classmethod
    def _variables(cls, value: dict[str, str]) -> dict[str, str]:
        wrong = [name for name in value.values() if not _NAME.fullmatch(name)]
        if wrong:
            raise ValueError(
                "not the name of an environment variable | Write its name in capitals; the secret itself stands there."
            )
        return value

    @model_validator(mode="after")
    def _days(self) -> Endpoint:
        asks = "{day}" in self.url or any("{day}" in text for text in self.query.values())
        if asks != (self.window is not None):
            raise ValueError("window goes with {day} in the address or query | Say how far back days are asked, for example 2d.")
        return self


def file_pattern(value: str) -> str:
    """A glob below the data folder, or in an object store (``s3://bucket/…``) that fsspec opens."""
    scheme, found, rest = value.partition("://")
    if found and scheme in ("http", "https"):
        raise ValueError("a web address is no pattern of files | Write it under `endpoint:`.")
    if found and (not re.fullmatch(r"[a-z][a-z0-9+]*", scheme) or "@" in rest.split("/")[0]):
        raise ValueError("not an address of an object store | Write for example s3://bucket/folder/*.csv, without a user name.")
    if value.startswith("/") or ".." in rest.split("/") or ".." in value.split("/"):
        raise ValueError("the pattern leaves the data folder | Write it relative to that folder, without `..`.")
    return value
