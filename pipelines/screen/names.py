"""Person-level content by the name of a column, JSON key or Parquet leaf: English, Dutch and German (``names.yaml``).

A name is cut into words at case changes, digits' edges and punctuation; a phrase is found when its words stand in a row
(``device id`` in ``DeviceID``, ``device_id``, ``src-device-id``) or written as one (``deviceid``).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from schemas import yamlfile


@cache
def _lists() -> dict[str, Any]:
    return yamlfile.read(Path(__file__).with_name("names.yaml"), "pipelines/screen/names.yaml").data  # type: ignore[no-any-return]


@cache
def _table() -> dict[tuple[str, ...], str]:
    """Phrase (words in a row, or the whole as one word) → kind."""
    found = {}
    for kind, phrases in _lists()["kinds"].items():
        for phrase in phrases:
            words = tuple(phrase.split())
            found[words] = kind
            if len("".join(words)) > 4:
                found[("".join(words),)] = kind
    return found


def words(name: str) -> tuple[str, ...]:
    """A name in lower-case words: ``clientMACAddress`` → client, mac, address; accents fall away (ä → a)."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).replace("ß", "ss")
    cut = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", plain)
    cut = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", cut)
    return tuple(re.findall(r"[a-z0-9]+", cut.lower()))


def kind_of(name: str) -> str | None:
    """The kind of person-level content a name announces, or None."""
    whole = words(name)
    plural = tuple(w.rstrip("s") for w in whole)
    table = _table()
    counted = bool(set(whole) & set(_lists()["counted"]))
    for tokens in {whole, plural}:
        for start in range(len(tokens)):
            for stop in range(start + 1, min(len(tokens), start + 4) + 1):
                phrase = tokens[start:stop]
                kind = table.get(phrase)
                if kind and not (counted and len(phrase) == 1 and phrase[0] in _lists()["countable"]):
                    return kind
    return None
