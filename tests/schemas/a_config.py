"""A small configuration in a temporary folder, to be changed by tests: two zones and a line in a made-up town."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TOWN = """\
municipality: town
name: {nl: Stad, en: Town}
timezone: Europe/Amsterdam
holidays: NL
roles:
  crowd-manager: {nl: crowdmanager, en: crowd manager}
interval: 15min
places: town/places.geojson
sources: [zones, gates]
indicators:
  density: {}
  specific_flow: {}
purposes:
  - purpose: crowd-safety
    legal_basis: an example
    dpia: {reference: none, date: 2026-01-01}
    decided_on: 2026-01-02
    review_by: 2027-01-02
    k: 15
    retention: 365d
    audience: [crowd-manager]
    owner: crowd-manager
events:
  - event: fair
    name: {nl: Kermis, en: Fair}
    class: B
    from: 2026-06-20T16:00+02:00
    to: 2026-06-21T00:00+02:00
    places:
      square: {usable_area: 800}
thresholds:
  - indicator: density
    place: square
    effective_from: 2026-03-01T00:00+01:00
    bands:
      elevated: {enter: 2.0, exit: 1.8, for: 10min, keep_for: 15min}
    owner: crowd-manager
    decided_on: 2026-02-01
    review_by: 2027-02-01
    reason: the ground is uneven
flags:
  - source: gates
    places: [gate]
    from: 2026-05-01T00:00+02:00
    to: 2026-05-02T00:00+02:00
    effect: [outage]
    reason: road works
    owner: crowd-manager
"""

SOURCE = """\
source: {name}
title: {{nl: bron, en: source}}
supplier: nobody
licence: none
dataset: {dataset}
contract: 1
files: "{name}/*.csv"
reader: {{format: csv}}
time: {{columns: [t], format: "%Y-%m-%dT%H:%M", clock: utc}}
interval: 15min
place:
  columns: [place]
  map: {{{map}}}
measures:
  {measures}
delay: 5min
issued_at: none
rank: 1
"""

PURPOSE = """\
purpose: crowd-safety
title: {nl: t, en: t}
desired_effect: {nl: t, en: t}
datasets: [zone_counts, passage_counts]
indicators: [density, specific_flow]
questions:
  - {nl: t, en: t}
k_floor: 10
"""

FILES = {
    "municipalities/town.yaml": TOWN,
    "sources/zones.yaml": SOURCE.format(
        name="zones", dataset="zone_counts", map="A: square, B: alley", measures="present: {column: n}"
    ),
    "sources/gates.yaml": SOURCE.format(
        name="gates", dataset="passage_counts", map="G: gate", measures="count_in: {column: i}\n  count_out: {column: o}"
    ),
    "purposes/crowd-safety.yaml": PURPOSE,
}

PLACES: list[dict[str, Any]] = [
    {"place": "square", "kind": "zone", "name": "Square", "place_type": "standing", "usable_area": 1000, "capacity": 5000},
    {"place": "alley", "kind": "zone", "name": "Alley", "place_type": "moving", "usable_area": 500},
    {"place": "gate", "kind": "line", "name": "Gate", "effective_width": 4, "from_zone": "alley", "to_zone": "square"},
]
SINCE = "2026-01-01T00:00+01:00"


def geojson(places: list[dict[str, Any]]) -> str:
    """A FeatureCollection of places without geometry, a place a line (from line 2 on)."""
    features = [{"type": "Feature", "properties": {"valid_from": SINCE, **p}, "geometry": None} for p in places]
    lines = ",\n".join(json.dumps(f) for f in features)
    return f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n'


def write(
    folder: Path, changes: dict[str, list[tuple[str, str]]] | None = None, places: list[dict[str, Any]] | None = None
) -> Path:
    """Write the configuration below ``folder`` and return its config folder.

    ``changes``: per file, texts and what stands in their place; a text that is not there is a mistake of the test.
    """
    config = folder / "config"
    files = {**FILES, "municipalities/town/places.geojson": geojson(PLACES if places is None else places)}
    for name, replacements in (changes or {}).items():
        for old, new in replacements:
            assert old in files[name], f"{old!r} does not stand in {name}"
            files[name] = files[name].replace(old, new, 1)
    for name, text in files.items():
        path = config / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return config


def line_of(config: Path, shown: str, text: str) -> int:
    """Line (from 1) of the first line that holds ``text``, in a file as messages show it (``config/…``)."""
    lines = (config.parent / shown).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)
