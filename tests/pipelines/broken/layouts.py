"""Layouts of real suppliers, by their declarations in ``config/sources``: a sound delivery of each, to be broken.

Columns, formats and names are the suppliers'; the counts of Zürich, Melbourne, Berlin, Gent, Amsterdam and Bengaluru are made up
here, those of Waterdam come from the sample city.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from schemas import yamlfile
from schemas.settings import Source

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "data" / "sample"


@dataclass(frozen=True)
class Layout:
    """A delimited layout: texts of ``rows`` in the order of the columns; ``time``, ``place`` and ``value`` are positions.

    ``stamp``: the format of the time column as written; ``middle``: the row that a fault befalls; ``file``: the delivery's name.
    """

    source: str
    header: tuple[str, ...] | None
    rows: tuple[tuple[str, ...], ...]
    time: int
    place: int
    value: int
    stamp: str
    delimiter: str = ","
    file: str = "delivery.csv"

    @property
    def middle(self) -> int:
        return len(self.rows) // 2

    @property
    def first_line(self) -> int:
        """Number of the line of the first row."""
        return 1 if self.header is None else 2

    def lines(self, rows: tuple[tuple[str, ...], ...] | None = None) -> list[str]:
        head = [] if self.header is None else [self.delimiter.join(self.header)]
        return [*head, *(self.delimiter.join(self._quoted(c) for c in row) for row in (self.rows if rows is None else rows))]

    def _quoted(self, text: str) -> str:
        unsafe = self.delimiter in text or '"' in text or "\n" in text
        return '"' + text.replace('"', '""') + '"' if unsafe else text

    def content(self, rows: tuple[tuple[str, ...], ...] | None = None) -> bytes:
        return ("\n".join(self.lines(rows)) + "\n").encode()

    def put(self, position: int, text: str) -> tuple[tuple[str, ...], ...]:
        """The rows with another text in a cell of the middle one."""
        row = list(self.rows[self.middle])
        row[position] = text
        return (*self.rows[: self.middle], tuple(row), *self.rows[self.middle + 1 :])

    def without_middle(self) -> bytes:
        return self.content((*self.rows[: self.middle], *self.rows[self.middle + 1 :]))


@cache
def declared(name: str) -> Source:
    """A declaration of ``config/sources``."""
    found: Source = yamlfile.load(Source, ROOT / "config" / "sources" / f"{name}.yaml")[0]
    return found


@cache
def packed() -> Source:
    """Hardbrücke's layout as it would come in a zip of files up to a megabyte."""
    return declared("hardbruecke").model_validate(
        declared("hardbruecke").model_dump(by_alias=True, exclude_unset=True)
        | {"files": "*.zip", "packed": {"as": "zip", "members": "*.csv", "most_mb": 1, "most_members": 20, "ratio": 50}}
    )


def _steps(start: str, minutes: int, count: int) -> list[datetime]:
    first = datetime.fromisoformat(start)
    return [first + timedelta(minutes=minutes * n) for n in range(count)]


def _sample(source: str, pattern: str, **positions: Any) -> Layout:
    """The first file of the sample city for a source, at most forty rows of it."""
    path = sorted(SAMPLE.glob(pattern))[0]
    delimiter = declared(source).reader.delimiter  # type: ignore[union-attr]
    lines = path.read_text(encoding="utf-8").splitlines()[:41]
    rows = tuple(tuple(line.split(delimiter)) for line in lines[1:])
    return Layout(source, tuple(lines[0].split(delimiter)), rows, delimiter=delimiter, file=path.name, **positions)


@cache
def delimited() -> tuple[Layout, ...]:
    """All delimited layouts."""
    hardbruecke = tuple(
        (str(40 + n), str(30 + n), f"{at:%Y-%m-%dT%H:%M:%S}", name)
        for name in ("Ost-Nord total", "West-VBZ total") for n, at in enumerate(reversed(_steps("2020-03-10T08:00", 5, 9)))
    )  # fmt: skip
    melbourne = tuple(
        (f" {at:%d-%b-%Y %H:%M}".upper(), f"{at:%A}", str(at.hour), sensor, name, str(200 + n))
        for n, at in enumerate(_steps("2014-03-21T10:00", 60, 8)) for sensor, name in (("32", "City Square"), ("5", "Princes Bridge"))
    )  # fmt: skip
    head = (
        "segment_id", "id_street", "date_local", "hour", "uptime", "hardware_version", "ped_total", "bike_total", "car_total", "heavy_total", "v85",
    )  # fmt: skip
    speeds = tuple(f"car_speed{n}" for n in range(0, 80, 10))
    telraam = tuple(
        (segment, f"Street ({segment})", f"{at:%Y-%m-%d %H:%M:%S}", str(at.hour), "0.98", "1.0", f"{60.0 + n}", "25.0", "120.0", "18.0", "38.5",
         *["0.0"] * 8)
        for segment in ("9000002554", "9000003088") for n, at in enumerate(_steps("2024-10-14T09:00", 60, 6))
    )  # fmt: skip
    gent = tuple(
        ("COU", "Coupure-Links", f"{at:%Y-%m-%d}", f"{at.hour}:{at:%M:%S}", f"{at:%Y-%m-%dT%H:%M:%S}+01:00", str(50 + 2 * n), str(20 + n),
         str(30 + n)) for n, at in enumerate(_steps("2022-03-08T08:00", 5, 18))
    )  # fmt: skip
    metro = tuple(
        (f"{at:%Y-%m-%d}", str(at.hour), station, str(300 + n))
        for n, at in enumerate(_steps("2025-08-04T07:00", 60, 8)) for station in ("Attiguppe", "BTM Layout")
    )  # fmt: skip
    ndw_head = ("id_meetlocatie,ndw_index,start_meetperiode,eind_meetperiode,waarnemingen_intensiteit,waarnemingen_snelheid,"
                "gebruikte_minuten_intensiteit,gebruikte_minuten_snelheid,data_error_snelheid,data_error_intensiteit,gem_intensiteit,"
                "gem_snelheid,gewogen_gem_snelheid,rijstrook_rijbaan,voertuigcategorie,technical_exclusion,"
                "traffic_flow_deviation_exclusions")  # fmt: skip
    ndw = tuple(
        ("RWS01_MONIBAS_0101hrl0033ra", "F1A", f"{at:%Y-%m-%d %H:%M:%S}", f"{at + timedelta(hours=1):%Y-%m-%d %H:%M:%S}", "0.0", "0.0", "60.0",
         "55.0", "0", "0", f"{400.0 + n}", "92.5", "-1.0", lane, "anyVehicle", "", "")
        for n, at in enumerate(_steps("2024-09-17T08:00", 60, 5)) for lane in ("lane1", "lane2", "lane3")
    )  # fmt: skip
    return (
        Layout("hardbruecke", ("In", "Out", "Timestamp", "Name"), hardbruecke, 2, 3, 0, "%Y-%m-%dT%H:%M:%S"),
        Layout("melbourne-pedestrians", None, melbourne, 0, 3, 5, " %d-%b-%Y %H:%M"),
        Layout("telraam-berlin", (*head, *speeds), telraam, 2, 0, 6, "%Y-%m-%d %H:%M:%S"),
        Layout("gent-coupure", ("Code", "Locatie", "Datum", "Uur5Minuten", "Ordening", "Totaal", "Tegenrichting", "Hoofdrichting"), gent,
               2, 0, 7, "%Y-%m-%d", ";"),
        Layout("bengaluru-entries", ("Date", "Hour", "Station", "Ridership"), metro, 0, 2, 3, "%Y-%m-%d"),
        Layout("ndw-a10", tuple(ndw_head.split(",")), ndw, 2, 0, 10, "%Y-%m-%d %H:%M:%S"),
        _sample("waterdam-gates", "gates/event-day/*.csv", time=1, place=2, value=4, stamp="%H:%M"),
        _sample("waterdam-island", "island/*.csv", time=1, place=0, value=2, stamp="%d-%m-%Y %H:%M"),
        _sample("waterdam-sections", "sections/*.csv", time=0, place=1, value=2, stamp="%Y-%m-%dT%H:%M:%S+02:00"),
        _sample("waterdam-journeys", "journeys/*.csv", time=0, place=2, value=4, stamp="%d-%m-%Y"),
        _sample("waterdam-roads", "roads/*.csv", time=1, place=0, value=3, stamp="%Y-%m-%d %H:%M:%S"),
    )  # fmt: skip


@dataclass(frozen=True)
class Document:
    """A JSON layout: ``made`` gives the sound document; ``lines``: a document a line."""

    source: str
    made: Callable[[], Any]
    lines: bool = False

    def content(self, document: Any = None) -> bytes:
        document = self.made() if document is None else document
        return ("\n".join(map(json.dumps, document)) + "\n" if self.lines else json.dumps(document)).encode()


@cache
def documents() -> tuple[Document, ...]:
    """All JSON layouts; their sound deliveries are those of the tests of the suppliers."""
    from tests.pipelines import test_layouts_suppliers as suppliers

    return (
        Document("hystreet", lambda: suppliers.street((400, 300), (500, 200), (450, 250))),
        Document(
            "gent-parking", lambda: [suppliers.park(), suppliers.park(lastupdate="2026-06-20T20:18:27+02:00", availablespaces=40)]
        ),
        Document("amsterdam-cmsa-zones", lambda: [suppliers.area(minute, 30 + minute) for minute in range(6)], lines=True),
        Document("amsterdam-telcameras-v3", lambda: [suppliers.v3(minute, []) for minute in range(15)]),
    )


def renamed(layout: Layout, file: str) -> Layout:
    """The same delivery under another name."""
    return replace(layout, file=file)
