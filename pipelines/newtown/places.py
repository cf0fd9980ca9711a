"""A town's drawing as places: names and slugs, kinds by shape, areas worked out, and what is odd about how surfaces lie."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry
from slugify import slugify

from pipelines.faults import UsageError
from pipelines.newtown import earth
from schemas import yamlfile
from schemas.problems import Problems
from schemas.settings import Place

KNOWN = tuple(Place.model_fields)
_NAMES = ("name", "naam", "title", "label", "omschrijving", "street_name", "description")
_KINDS = {"Polygon": "zone", "MultiPolygon": "zone", "LineString": "line", "MultiLineString": "line", "Point": "facility"}
_SMALL, _THIN = 25.0, 1.0  # m², m: under these a piece of a surface, or of what two surfaces share, is a sliver of drawing
_WORTH = 0.02  # of the smaller of two surfaces: an overlap beyond this changes densities


@dataclass
class Drawn:
    """Places as features of a GeoJSON in WGS 84, their raw properties, and what a person should look at."""

    features: list[dict[str, Any]] = field(default_factory=list)
    raw: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def by(self, key: str) -> dict[str, str]:
        """Value of a raw property → slug, where a feature has one."""
        pairs = zip(self.raw, self.features, strict=True)
        return {str(raw[key]): f["properties"]["place"] for raw, f in pairs if raw.get(key) is not None}


def read(path: Path, valid_from: datetime, crs: str | None, place_type: str) -> Drawn:
    """Read a GeoJSON file in WGS 84 or RD New. ``place_type`` is for zones that state none.

    Raises :class:`UsageError` for what is no drawing, or lies in a reference system that is neither.
    """
    data = _json(path)
    features = data.get("features") if isinstance(data, dict) else None
    if not isinstance(features, list) or not features:
        raise UsageError(f"{path}: no features. Give a GeoJSON FeatureCollection with a zone, line or point a feature.")
    shapes = [_shape(path, number, feature) for number, feature in enumerate(features)]
    drawn = [s for s in shapes if s is not None]
    system = _system(path, data, drawn, crs)
    if system == earth.RD:
        shapes = [s and shapely.transform(shapely.force_2d(s), earth.rd_to_wgs84) for s in shapes]
    found = Drawn(notes=[f"{path.name}: read as {system}"])
    for feature, drawing in zip(features, shapes, strict=True):
        raw = feature.get("properties") or {}
        _add(found, raw, drawing, valid_from, place_type)
    found.notes += _overlaps(found)
    return found


def add_lines(found: Drawn, path: Path, valid_from: datetime) -> None:
    """Add lines from a CSV with ``place`` or ``name``, ``from_zone``, ``to_zone`` and any other key of a place."""
    try:
        text = yamlfile.read_text(path, path.as_posix())
    except Problems as problems:
        raise UsageError(str(problems)) from None
    dialect = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    for number, row in enumerate(csv.DictReader(io.StringIO(text), delimiter=dialect), 2):
        raw: dict[str, Any] = {k.strip(): v.strip() for k, v in row.items() if k and isinstance(v, str) and v.strip()}
        if not raw.get("place") and not raw.get("name"):
            raise UsageError(
                f"{path}:{number}: a line without `place` or `name`. Give the columns place, name, from_zone, to_zone, effective_width."
            )
        for key in ("effective_width", "capacity", "free_flow_speed"):
            if key in raw:
                raw[key] = _number(path, number, key, str(raw[key]))
        _add(found, {**raw, "kind": raw.get("kind", "line")}, None, valid_from, "")


def _number(path: Path, row: int, key: str, text: str) -> float | int:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise UsageError(f"{path}:{row}: {key}: `{text}` is not a number.") from None
    return int(value) if value.is_integer() else value


def _json(path: Path) -> Any:
    try:
        return json.loads(yamlfile.read_text(path, path.as_posix()))
    except Problems as problems:
        raise UsageError(str(problems)) from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}:{error.lineno}: not readable as JSON: {error.msg}. Export the drawing as GeoJSON.") from None
    except RecursionError:
        raise UsageError(f"{path}: nested too deep. Export the drawing as GeoJSON.") from None


def _shape(path: Path, number: int, feature: Any) -> BaseGeometry | None:
    drawing = feature.get("geometry") if isinstance(feature, dict) else None
    if drawing is None:
        return None
    try:
        made = shape(drawing)
    except Exception:
        raise UsageError(f"{path}: feature {number}: its geometry cannot be read. Draw it again, or write null.") from None
    return made if made.is_empty or made.is_valid else shapely.make_valid(made)


def _system(path: Path, data: dict[str, Any], shapes: list[BaseGeometry], crs: str | None) -> str:
    """The reference system: as an option says, as the file says, else as its coordinates tell."""
    stated = json.dumps(data.get("crs") or "")
    declared = crs or (earth.RD if "28992" in stated else earth.WGS84 if "CRS84" in stated or "4326" in stated else None)
    told = earth.recognised(tuple(shapely.total_bounds(shapes))) if shapes else earth.WGS84
    if declared and told and declared != told:
        raise UsageError(f"{path}: said to be {declared}, but its coordinates are those of {told}. Correct one of them.")
    if told is None:
        raise UsageError(
            f"{path}: its coordinates are neither degrees (EPSG:4326) nor RD New (EPSG:28992). Export it in one of those."
        )
    return declared or told


def _add(found: Drawn, raw: dict[str, Any], drawing: BaseGeometry | None, valid_from: datetime, place_type: str) -> None:
    """A feature with the keys of a place only; its slug and kind as stated, else from its name and shape."""
    taken = {f["properties"]["place"] for f in found.features}
    name = str(next((raw[k] for k in (*_NAMES, "place", "id") if raw.get(k)), f"place {len(taken) + 1}"))
    slug = str(raw.get("place") or slugify(name)[:60] or f"place-{len(taken) + 1}")
    if slug in taken and not _another_period(found, raw):
        slug, twice = next(f"{slug}-{n}" for n in range(2, 10_000) if f"{slug}-{n}" not in taken), slug
        found.notes.append(f"`{twice}` stands twice: the second is called `{slug}`")
    kind = raw.get("kind") or _KINDS.get(drawing.geom_type if drawing is not None else "", "zone")
    place: dict[str, Any] = {"place": slug, "kind": kind, "name": name}
    place |= {k: v for k, v in raw.items() if k in KNOWN and k not in place and v is not None}
    if kind == "zone":
        place.setdefault("place_type", place_type)
        if drawing is not None and drawing.area > 0 and not place.get("usable_area"):
            place["usable_area"] = round(earth.area(drawing))
    place.setdefault("valid_from", valid_from.isoformat())
    left = sorted(k for k in raw if k not in KNOWN and k not in _NAMES)
    if left and not any("left out" in n for n in found.notes):
        found.notes.append(f"properties left out, a place has no such key: {', '.join(left[:12])}")
    geometry = json.loads(json.dumps(mapping(_rounded(drawing)))) if drawing is not None else None
    found.features.append({"type": "Feature", "properties": place, "geometry": geometry})
    found.raw.append(raw)


def _another_period(found: Drawn, raw: dict[str, Any]) -> bool:
    """Whether a feature is a place that stands there already, as it is from another day on."""
    known = [f["properties"]["valid_from"] for f in found.features if f["properties"]["place"] == raw.get("place")]
    return bool(raw.get("place") and raw.get("valid_from")) and raw["valid_from"] not in known


def _rounded(drawing: BaseGeometry) -> BaseGeometry:
    """Seven decimals of a degree are a centimetre."""
    return shapely.transform(shapely.force_2d(drawing), lambda points: np.round(points, 7))


def _overlaps(found: Drawn) -> Iterator[str]:
    """Surfaces that cover each other, and pieces too small or thin to be meant."""
    zones = [
        (f["properties"]["place"], shape(f["geometry"]))
        for f in found.features
        if f["geometry"] and f["properties"]["kind"] == "zone"
    ]
    surfaces = [(name, drawing) for name, drawing in zones if drawing.area > 0]
    if not surfaces:
        return
    names, drawn = [n for n, _ in surfaces], earth.metres([d for _, d in surfaces])
    for name, drawing in zip(names, drawn, strict=True):
        parts = [p for p in shapely.get_parts(drawing) if p.area > 0]
        small = [p for p in parts if _sliver(p)]
        if small and len(parts) > 1:
            yield f"`{name}` has {len(small)} slivers of {sum(p.area for p in small):.1f} m² beside its surface: draw them away"
        elif small:
            yield f"`{name}` is a sliver of {drawing.area:.1f} m²: is that meant?"
    ones, others = shapely.STRtree(drawn).query(drawn, predicate="intersects")
    for i, j in sorted((int(i), int(j)) for i, j in zip(ones, others, strict=True) if i < j and names[i] != names[j]):
        shared = drawn[i].intersection(drawn[j])
        share = shared.area / min(drawn[i].area, drawn[j].area)
        if share >= _WORTH and not _sliver(shared):
            yield f"`{names[i]}` and `{names[j]}` overlap by {shared.area:.0f} m², {100 * share:.0f} % of the smaller: people there count twice"
        elif shared.area > 0.5:
            yield f"`{names[i]}` and `{names[j]}` overlap by a sliver of {shared.area:.1f} m²"
    covered = shapely.union_all(drawn)
    holes = [shapely.Polygon(r) for p in shapely.get_parts(covered) if p.geom_type == "Polygon" for r in p.interiors]
    gaps = [h for h in holes if _sliver(h)]
    if gaps:
        yield f"{len(gaps)} slivers between zones, {sum(g.area for g in gaps):.1f} m² together, belong to none of them"


def _sliver(piece: BaseGeometry) -> bool:
    return bool(piece.area < _SMALL or 2 * piece.area / max(piece.length, 1e-9) < _THIN)
