"""A thousand places: what the board must still hold."""

from __future__ import annotations

import json

from tests.pipelines.board.evening import Tables, values

PLACES = 1000


def crowd(tables: Tables) -> None:
    """A thousand squares in a grid, each with two indicators; a tenth of them busy, a tenth unknown; fifty situations."""
    first, one = tables["places"][0], tables["situations"][0]
    names = [f"plein-{n}" for n in range(PLACES)]

    def square(n: int) -> str:
        x, y = 5 + 0.001 * (n % 40), 52 + 0.0007 * (n // 40)
        ring = [[x, y], [x + 0.0008, y], [x + 0.0008, y + 0.0005], [x, y + 0.0005], [x, y]]
        return json.dumps({"type": "Polygon", "coordinates": [ring]})

    tables["places"] = [{**first, "place": n, "name": f"Plein {i}", "geometry": square(i)} for i, n in enumerate(names)]
    series = {0: [0.4, 1.2, 2.3, 3.6] * 8, 1: [0.4, "missing", "outage", "missing"] * 8}
    tables["indicator_values"] = [
        row
        for i, n in enumerate(names)
        for kind in ("density", "occupancy")
        for row in values(n, kind, series.get(i % 10, [0.3, 0.31] * 16))
    ]
    tables["situations"] = [
        {**one, "place": n, "situation_id": n, "group_id": f"g{i // 20}"} for i, n in enumerate(names[:500:10])
    ]
