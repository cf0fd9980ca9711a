"""A municipality joins: `config init` on several inputs, each of which `config check` finds sound at once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from indicators import config_check
from pipelines import newtown, start
from pipelines.faults import UsageError
from pipelines.newtown import decide, earth, ical
from schemas import config as settings
from schemas import yamlfile
from tests.cli.conftest import Drukte, drukte  # noqa: F401  (a fixture)

ROOT = Path(__file__).resolve().parents[2]
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


# Where on earth

KNOWN = [  # published control points: RD x, y and the longitude and latitude of the same stone
    ((155000.000, 463000.000), (5.38720621, 52.15517440)),  # Amersfoort, by definition
    ((120700.723, 487525.501), (4.88352559, 52.37453253)),  # Westertoren, Amsterdam
    ((233883.131, 582065.167), (6.56820053, 53.21938317)),  # Martinitoren, Groningen
]


@pytest.mark.parametrize(("rd", "lonlat"), KNOWN)
def test_rd_new_becomes_wgs_84_within_a_metre(rd: tuple[float, float], lonlat: tuple[float, float]) -> None:
    ((lon, lat),) = earth.rd_to_wgs84(np.array([rd]))
    assert abs(lat - lonlat[1]) * 111_300 < 0.5 and abs(lon - lonlat[0]) * 68_000 < 0.5


@given(st.floats(20_000, 270_000), st.floats(310_000, 610_000), st.floats(20, 400))
def test_an_area_in_rd_and_the_same_on_the_ellipsoid_agree(x: float, y: float, side: float) -> None:
    corners = np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]])
    assert earth.area(Polygon(earth.rd_to_wgs84(corners))) == pytest.approx(side * side, rel=5e-4)  # the scale of RD is 0.9999


def test_an_area_agrees_with_the_sphere_far_from_home() -> None:
    cell = Polygon([(144.96, -37.82), (144.97, -37.82), (144.97, -37.81), (144.96, -37.81)])
    zone = 2 * np.pi * 6371007.18**2 * abs(np.sin(np.radians(-37.81)) - np.sin(np.radians(-37.82))) * 0.01 / 360
    assert earth.area(cell) == pytest.approx(zone, rel=5e-3)


# Calendars

ICS = """BEGIN:VCALENDAR\r
BEGIN:VEVENT\r
SUMMARY:Grote ker\r
 mis\\, klasse C\r
DTSTART;TZID=Europe/Amsterdam:20260501T140000\r
DTEND;TZID=Europe/Amsterdam:20260501T233000\r
LOCATION:Square\r
BEGIN:VALARM\r
DTSTART:19990101T000000Z\r
END:VALARM\r
END:VEVENT\r
BEGIN:VEVENT\r
SUMMARY:Markt\r
DTSTART;VALUE=DATE:20260603\r
RRULE:FREQ=WEEKLY;COUNT=3\r
EXDATE;VALUE=DATE:20260610\r
END:VEVENT\r
BEGIN:VEVENT\r
SUMMARY:Loop\r
DTSTART:20261025T000000Z\r
DURATION:PT3H\r
CATEGORIES:A\r
END:VEVENT\r
BEGIN:VEVENT\r
SUMMARY:Weg\r
STATUS:CANCELLED\r
DTSTART:20260101T000000Z\r
END:VEVENT\r
BEGIN:VEVENT\r
SUMMARY:Kapot\r
DTSTART;TZID=Customized Time Zone:20260101T000000\r
END:VEVENT\r
END:VCALENDAR\r
"""


def test_an_icalendar_file_is_unfolded_and_read_with_its_zones_days_repeats_and_classes() -> None:
    entries, notes = ical.read(ICS, AMSTERDAM)
    told = [(e.name, e.start, e.end, e.class_) for e in entries]
    assert told == [
        ("Grote kermis, klasse C", datetime(2026, 5, 1, 12, tzinfo=UTC), datetime(2026, 5, 1, 21, 30, tzinfo=UTC), "C"),
        ("Markt", datetime(2026, 6, 2, 22, tzinfo=UTC), datetime(2026, 6, 3, 22, tzinfo=UTC), None),
        ("Markt", datetime(2026, 6, 16, 22, tzinfo=UTC), datetime(2026, 6, 17, 22, tzinfo=UTC), None),
        ("Loop", datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 10, 25, 3, tzinfo=UTC), "A"),
    ]
    assert notes[0] == "`Weg` is cancelled, and left out"
    assert notes[1].startswith("`Kapot` is left out")


# Towns


def square(x: float, y: float, wide: float, high: float) -> list[list[list[float]]]:
    return [[[x, y], [x + wide, y], [x + wide, y + high], [x, y + high], [x, y]]]


def write_drawing(folder: Path, features: list[tuple[dict[str, Any], dict[str, Any] | None]], **more: Any) -> Path:
    path = folder / "drawing.geojson"
    listed = [{"type": "Feature", "properties": p, "geometry": g} for p, g in features]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": listed, **more}), encoding="utf-8")
    return path


def rd_zone(x: float, y: float, wide: float, high: float) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": square(x, y, wide, high)}


@pytest.fixture
def asked(tmp_path: Path) -> newtown.Asked:
    """A square and a street in RD New, 100 x 80 m each, side by side; a camera file in the layout of another town."""
    drawing = write_drawing(tmp_path, [
        ({"naam": "Grote Markt", "camera": "CAM1"}, rd_zone(233_800, 582_000, 100, 80)),
        ({"naam": "Vismarkt", "camera": "CAM2"}, rd_zone(233_700, 582_000, 100, 80)),
    ])  # fmt: skip
    sample = tmp_path / "telling_20260601.csv"
    sample.write_text(
        "tijd;camera;aantal\n" + "".join(f"2026-06-01T10:{m:02}+02:00;{c};200\n" for m in (0, 15) for c in ("CAM1", "CAM2"))
    )
    decide = {"supplier": "us", "licence": "own", "dataset": "zone_counts", "stamps": "start", "place.columns": "[camera]",
              "measures": "{present: {column: aantal}}", "absent": "missing", "delay": "5min", "issued_at": "none"}  # fmt: skip
    return newtown.Asked(
        slug="groningen", name="Groningen", places=drawing, legal_basis="Gemeentewet art. 172", dpia="D-1", today=date(2026, 6, 1),
        cbs="GM0014", sample=(sample,), decide=decide, id_property="camera",
    )  # fmt: skip


def sound(config_dir: Path, slug: str) -> settings.Config:
    config, cards, mistakes = start.checked(config_dir, slug)
    assert mistakes == []
    assert [
        n for n in config_check.warnings(config, cards, datetime(2026, 6, 2, tzinfo=UTC)) if "judges no place" in n.what
    ] == []
    return config


def test_a_drawing_in_rd_new_and_a_sample_file_make_a_town_that_is_sound_at_once(asked: newtown.Asked, tmp_path: Path) -> None:
    made = newtown.init(asked, tmp_path / "cfg")
    config = sound(tmp_path / "cfg", "groningen")
    assert config.place_ids == ("grote-markt", "vismarkt")
    assert [r.place.usable_area for r in config.places] == [pytest.approx(8000, rel=1e-3)] * 2
    assert config.sources["groningen-telling-20260601"].place.map == {"CAM1": "grote-markt", "CAM2": "vismarkt"}
    assert config.sources["groningen-telling-20260601"].files == "telling_*.csv"  # and not of that day alone
    assert "density" in made.indicators and "capacity" in made.without["occupancy"]
    text = (tmp_path / "cfg" / "municipalities" / "groningen.yaml").read_text(encoding="utf-8")
    assert "moving: elevated from 1.1 (for 10min)" in text  # the generic edges beside the key
    assert "# occupancy: {}" in text and "grote-markt - vismarkt" in text
    assert any("read as EPSG:28992" in n for n in made.notes)
    with pytest.raises(UsageError, match="nothing is overwritten"):
        newtown.init(asked, tmp_path / "cfg")


def test_a_town_with_lines_a_calendar_and_a_source_of_the_house(asked: newtown.Asked, tmp_path: Path) -> None:
    names = ["havenplein", "stationsplein", "brugstraat"]
    drawing = write_drawing(
        tmp_path,
        [
            ({"place": n, "name": n, "capacity": 900, "place_type": "standing"}, rd_zone(1e5 + 200 * i, 4e5, 90, 90))
            for i, n in enumerate(names[:2])
        ],
    )
    lines = tmp_path / "lines.csv"
    lines.write_text("place;name;from_zone;to_zone;effective_width\nbrugstraat;Brugstraat;havenplein;stationsplein;6,5\n")
    (tmp_path / "c.ics").write_text(ICS.replace("LOCATION:Square", "LOCATION:Op het Havenplein"), newline="")
    more = replace(asked, places=drawing, lines=lines, calendar=tmp_path / "c.ics", sample=(), decide={}, id_property=None,
                   source=("waterdam-zones", "waterdam-gates"), slug="havenstad")  # fmt: skip
    made = newtown.init(more, tmp_path / "cfg")
    config = sound(tmp_path / "cfg", "havenstad")
    assert set(config.sources) == {"havenstad-waterdam-zones", "havenstad-waterdam-gates"}
    assert {"occupancy", "specific_flow"} <= set(made.indicators)
    assert config.rows_of("brugstraat")[0].place.effective_width == 6.5
    fair = config.municipality.events[0]
    assert (fair.class_, list(fair.places)) == ("C", ["havenplein"])
    assert {len(e.places) for e in config.municipality.events[1:]} == {3}  # where no place is named, all of them


def test_a_town_elsewhere_by_the_hour(asked: newtown.Asked, tmp_path: Path) -> None:
    """Real places of the worked example in Melbourne, as if somebody drew them for the first time."""
    there = json.loads((ROOT / "config/municipalities/melbourne/places.geojson").read_text(encoding="utf-8"))["features"]
    drawing = write_drawing(
        tmp_path, [({k: v for k, v in f["properties"].items() if k != "valid_from"}, f["geometry"]) for f in there]
    )
    town = replace(asked, slug="stad", places=drawing, timezone="Australia/Melbourne", holidays="AU-VIC", sample=(), decide={}, cbs=None,
                   id_property=None, source=("melbourne-pedestrians",), purpose="open-data")  # fmt: skip
    newtown.init(town, tmp_path / "cfg")
    config = sound(tmp_path / "cfg", "stad")
    assert config.municipality.interval % config.sources["melbourne-pedestrians"].stored_interval == (
        config.municipality.interval * 0
    )


def test_overlaps_and_slivers_are_told_apart(asked: newtown.Asked, tmp_path: Path) -> None:
    drawing = write_drawing(tmp_path, [
        ({"name": "a", "camera": "CAM1"}, rd_zone(100_000, 400_000, 100, 100)),
        ({"name": "b", "camera": "CAM2"}, rd_zone(100_080, 400_000, 100, 100)),
        ({"name": "c"}, rd_zone(100_000, 400_099.8, 80, 50)),
    ])  # fmt: skip
    notes = newtown.init(replace(asked, places=drawing), tmp_path / "cfg").notes
    assert any(n.startswith("`a` and `b` overlap by 2000 m², 20 %") for n in notes), notes
    assert any(n.startswith("`a` and `c` overlap by a sliver of 16") for n in notes), notes


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"slug": "Gro ningen"}, "is not a slug"),
        ({"timezone": "Europe/Groningen"}, "not an IANA time zone"),
        ({"crs": "EPSG:4326"}, "its coordinates are those of EPSG:28992"),
        ({"decide": {}}, "no source is complete"),
        ({"decide": {"colour": "red"}}, "there is no such key in the draft"),
        ({"sample": (), "source": ("nowhere",)}, "there is no source `nowhere`"),
        ({"sample": (), "source": ("waterdam-zones",)}, "none of its ids"),
        ({"purpose": "marketing"}, "there is no purpose `marketing`"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(
    asked: newtown.Asked, change: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        newtown.init(replace(asked, **change), tmp_path / "cfg")
    assert not (tmp_path / "cfg").exists()


def test_without_a_terminal_the_error_names_the_missing_options(drukte: Drukte, tmp_path: Path) -> None:  # noqa: F811
    code, said, errors = drukte("config", "init", "--config", tmp_path, "--slug", "x", "--name", "X")
    assert (code, said) == (2, "")
    for option in ("--places", "--legal-basis", "--dpia", "--source or --sample"):
        assert option in errors
    assert "--slug" not in errors


DRAFT = """\
time:
  columns: TODO   # each of these is a time; candidates:
  #   [id] as epoch_s
  #   [day] as %Y-%m-%d
  format: epoch_s   # of the first candidate
  clock: utc
place:
  columns: [name]
  map:   # the supplier's id
    A: a
    B: b
ignore: [id, day]
delay: TODO   # stated delay
"""


def _decided(**decisions: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    given = {key.replace("__", "."): value for key, value in decisions.items()}
    text, left = decide.decide(DRAFT, given, None, lambda columns: {f"{columns[0]}-1": "one"}, "Europe/Berlin")
    return yamlfile.parse(text, "draft").data, left


def test_a_decision_takes_the_place_of_what_was_open_and_of_what_follows_from_it() -> None:
    data, left = _decided(columns="[day]", place__columns="[id]")
    assert left == ("delay",)
    assert data["time"] == {"columns": ["day"], "format": "%Y-%m-%d", "clock": "local", "timezone": "Europe/Berlin"}
    assert data["place"] == {"columns": ["id"], "map": {"id-1": "one"}} and data["ignore"] == ["day"]
    data, left = _decided(time__columns="[id]", delay="5min", place__unmapped="filter")
    assert left == () and data["time"]["clock"] == "utc" and data["place"]["unmapped"] == "filter"
    assert data["place"]["map"] == {"A": "a", "B": "b"}
    with pytest.raises(UsageError, match=r"no such key in the draft"):
        _decided(colour="red")
    assert _decided(columns="[day]", time__format="%d-%m-%Y %H:%M", delay="5min")[0]["time"]["format"] == "%d-%m-%Y %H:%M"
    assert decide.choices(DRAFT) == {"time.columns": ["[id] as epoch_s", "[day] as %Y-%m-%d"], "delay": ["stated delay"]}


def test_what_a_sample_leaves_open_is_told_with_what_fits_the_file(asked: newtown.Asked, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        newtown.init(replace(asked, decide={}), tmp_path / "cfg")
    told = str(refused.value)
    assert "--decide time.stamps=…     start | end" in told and "{present: {column: aantal}} for zone_counts" in told


def test_a_town_of_lines_alone(asked: newtown.Asked, tmp_path: Path) -> None:
    lines = tmp_path / "lines.csv"
    lines.write_text("name,camera,effective_width\nGate,CAM1,3\nBridge,CAM2,4.5\n")
    more = {**asked.decide, "dataset": "passage_counts", "measures": "{count_total: {column: aantal}}"}
    made = newtown.init(replace(asked, places=None, lines=lines, decide=more), tmp_path / "cfg")
    assert sound(tmp_path / "cfg", "groningen").place_ids == ("gate", "bridge")
    assert "specific_flow" in made.indicators
