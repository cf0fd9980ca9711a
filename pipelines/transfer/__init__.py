"""A municipality handed on: everything that another one needs to begin, in one file, without counts and without persons.

Texts are screened with the shapes that close the gate for a delivery; one finding and nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from indicators import card as cards_of_the_house
from indicators import kpi
from indicators.card import Card
from indicators.chosen import chosen, is_own
from pipelines import track
from pipelines.docs import editor_schemas
from pipelines.faults import GateError
from pipelines.screen import prose
from pipelines.track import evidence
from pipelines.track.stored import Stored
from pipelines.transfer import cut, documents, package
from pipelines.transfer.package import About
from pipelines.transfer.say import say
from pipelines.versions import bundle
from schemas.config import Config

__all__ = ["Made", "contents", "make"]


@dataclass(frozen=True)
class Made:
    """The bytes of a package, what it says about itself, and what a person should know (key of ``texts.yaml``, parts)."""

    content: bytes
    about: About
    notes: tuple[tuple[str, dict[str, object]], ...]


def make(config: Config, cards: Mapping[str, Card], at: datetime, there: Stored | None, file: str) -> Made:
    """The package of a municipality as it stands at ``at``: same settings, decisions and day, same bytes.

    ``there``: what a workspace shows up to ``at``. ``file``: how it will be called, for its how-to. Raises :class:`GateError` for texts
    with person-level content.
    """
    town = config.municipality
    _screen(config, there)
    content_hash = bundle.gather(config).content_hash
    day = at.astimezone(config.tz).date()
    about = About(drukte_transfer=package.LAYOUT, release=version("drukte"), municipality=town.municipality, name=town.name, as_of=day,
                  config_hash=content_hash, files=())  # fmt: skip
    files = contents(config, cards, at, there, about, file)
    notes: list[tuple[str, dict[str, object]]] = []
    accepted = [v for v in (there.versions if there else ()) if v.decided and v.effective_from and v.effective_from <= at]
    now = max(accepted, key=lambda v: (v.effective_from or at, v.config_version), default=None)
    if now and now.content_hash != content_hash:
        notes.append(("differs_from_force", {"town": town.municipality, "number": now.config_version}))
    return Made(package.pack(files, about), about, tuple(notes))


def contents(
    config: Config, cards: Mapping[str, Card], at: datetime, there: Stored | None, about: About, file: str
) -> dict[str, bytes]:
    """All files of the package by name."""
    used = chosen(config, cards)
    found = {f"{package.CONFIG}/{name}": content for name, content in evidence.own_files(config).items()}
    own = f"{package.CONFIG}/municipalities/{config.municipality.municipality}.yaml"
    text = found[own].decode("utf-8-sig")
    found[own] = cut.without(text, config.document, "resets", say("resets_left_out", "en")).encode()
    for name in used:
        if not is_own(config, name):
            found[f"catalogue/{name}.yaml"] = (cards_of_the_house.CATALOGUE / f"{name}.yaml").read_bytes()
    found |= {f"kpis/{name}.yaml": (kpi.KPIS / f"{name}.yaml").read_bytes() for name in kpi.catalogue()}
    found |= {f"schema/{Path(name).name}": text.encode() for name, text in editor_schemas.files().items()}
    told = {
        "day": about.as_of,
        "release": about.release,
        "file": file,
        "unzipped": file.removesuffix(".zip"),
        "hash": about.config_hash,
    }
    states = track.tracks(config, cards, at, there)
    found |= {name: text.encode() for name, text in documents.files(config, cards, states, there, told).items()}
    found[package.STORED] = _stored(there).encode()
    return found


def _stored(there: Stored | None) -> str:
    return there.model_dump_json(indent=1) + "\n" if there else "null\n"


def _screen(config: Config, there: Stored | None) -> None:
    """Raises :class:`GateError` with file, line and kind of what no package may hold."""
    texts = evidence.texts(config) | {package.STORED: _stored(there)}
    found = prose.problems(texts, evidence.codes(config))
    if found:
        told = [*map(str, found), f"Nothing was written: {len(found)} findings of what looks like person-level content."]
        if any(p.file == package.STORED for p in found):
            told.append(
                f"{package.STORED} holds what the workspace tells, its ledger, which stays as it is: --without-decisions leaves it out."
            )
        raise GateError("\n".join(told))
