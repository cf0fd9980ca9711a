"""Read a municipality's places from GeoJSON, with the line on which each one stands.

JSON is read as JSON, which is quick for a thousand polygons; only when something is wrong is the file read once more
as YAML (which JSON is), to tell the line of every key.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas import mistakes, yamlfile
from schemas.problems import Problem, Problems
from schemas.settings import Places

_PLACE_KEY = re.compile(r'"place"\s*:')


class _RepeatedKeyError(Exception):
    """A key stands twice in one object."""


class _NoNumberError(Exception):
    """NaN or Infinity, which JSON does not know."""


def _no_number(text: str) -> None:
    raise _NoNumberError(text)


def read(path: Path, shown: str) -> tuple[Places, list[int]]:
    """Places and, per feature, the line (from 1) of its ``place``. Raises :class:`Problems`, one per mistake."""
    text = yamlfile.read_text(path, shown)
    try:
        data = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
        places = Places.model_validate(data)
    except json.JSONDecodeError as error:
        what = f"not readable as JSON: {error.msg} (column {error.colno})"
        raise Problems([Problem(shown, error.lineno, "", what, "Check commas, brackets and quotes.")]) from None
    except RecursionError:
        raise Problems([Problem(shown, 0, "", "nested too deep", "Look for brackets left open.")]) from None
    except _NoNumberError as error:
        line = text.count("\n", 0, text.find(str(error))) + 1
        raise Problems([Problem(shown, line, "", f"`{error}` is not a number", "Write null, or the number.")]) from None
    except _RepeatedKeyError:
        yamlfile.build(Places, _document(text, shown))
        raise Problems([Problem(shown, 0, "", "a key stands twice in one object", "Keep one of them.")]) from None
    except ValidationError as error:
        document = _document(text, shown)
        if not isinstance(data, dict):
            yamlfile.build(Places, document)
        found = mistakes.explain(Places, data, error)
        raise Problems(document.problem(loc, what, fix) for loc, what, fix in found) from None
    lines = _place_lines(text, shown, len(places.features))
    problems = [p for row in zip(range(len(lines)), places.features, lines, strict=True) if (p := _off_the_globe(shown, *row))]
    if problems:
        raise Problems(problems)
    return places, lines


def _document(text: str, shown: str) -> yamlfile.Document:
    return yamlfile.parse(text.replace("\t", " "), shown)  # YAML knows no tabs between tokens, JSON has none inside them


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedKeyError
    return found


def _place_lines(text: str, shown: str, expected: int) -> list[int]:
    """Line of each feature's ``place`` key."""
    lines, line, at = [], 1, 0
    for match in _PLACE_KEY.finditer(text):
        line, at = line + text.count("\n", at, match.start()), match.start()
        lines.append(line)
    if len(lines) == expected:
        return lines
    document = _document(text, shown)  # the key is written in an unusual way
    return [document.line(("features", i, "properties", "place")) for i in range(expected)]


def _off_the_globe(shown: str, index: int, feature: Any, line: int) -> Problem | None:
    """A geometry that is not in degrees of longitude and latitude (RD New coordinates are in metres)."""
    key = f"features.{index}.geometry"
    if feature.geometry is None:
        return None
    point = feature.geometry.get("coordinates")
    while isinstance(point, list) and point and isinstance(point[0], list):
        point = point[0]
    if not isinstance(point, list) or len(point) < 2 or not all(isinstance(x, int | float) for x in point):
        return Problem(shown, line, key, "a geometry without coordinates", "Give `type` and `coordinates`, or write null.")
    if abs(point[0]) > 180 or abs(point[1]) > 90:
        what = f"{point[0]}, {point[1]} is not a longitude and latitude"
        return Problem(shown, line, key, what, "Convert the file to WGS 84 (EPSG:4326); RD New is in metres.")
    return None
