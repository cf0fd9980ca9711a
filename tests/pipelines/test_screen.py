"""The gate: person-level content and undeclared columns close it; honest look-alikes pass; nothing of either is told."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from pipelines import readers
from pipelines.screen import Finding, names, reason, screen
from schemas.settings.source import Csv, Parquet
from tests.pipelines.layouts import GOOD, HEADER, csv, parquet, source

CSV = Csv(format="csv")
STAMP = [f"{datetime(2026, 6, 20, tzinfo=UTC) + timedelta(minutes=15 * i):%Y-%m-%d %H:%M}" for i in range(400)]


def findings(content, declared=None):
    declared = declared or source()
    return screen(readers.read(content, declared.reader), declared)


def noted(*notes):
    """A good delivery with texts in its ignored fifth column."""
    quoted = ['"' + n.replace('"', '""') + '"' for n in notes]
    return csv(*(f"{STAMP[i]},B1,40,20,{note}" for i, note in enumerate(quoted)))


DEVICE, HASHED, PLATE, MAIL, PHONE = (
    "device identifiers", "hashed identifiers", "licence plates", "e-mail addresses", "phone numbers",
)  # fmt: skip


def test_a_column_nobody_named_closes_the_gate():
    content = csv(*(line + ",7" for line in GOOD), header=HEADER + ",extra")
    assert findings(content) == [Finding(6, "undeclared")]


def test_a_column_is_declared_by_its_exact_name():
    assert findings(csv(*GOOD, header=HEADER.replace("note", "Note"))) == [Finding(5, "undeclared")]


@pytest.mark.parametrize(("value", "kind"), [
    ("00:1A:2b:3c:4d:5e", DEVICE), ("00-1A-2B-3C-4D-5E", DEVICE), ("001a.2b3c.4d5e", DEVICE), ("001A2B3C4D5E", DEVICE),
    ("00:11:22:33:44:55", DEVICE),
    ("seen 00:1a:2b:3c:4d:5e twice", DEVICE), ("490154203237518", DEVICE), ("204046123456789", DEVICE),
    ("192.168.1.17", DEVICE),
    ("d41d8cd98f00b204e9800998ecf8427e", HASHED), ("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", HASHED),
    ("0x" + "ab" * 32, HASHED),
    ("550e8400-e29b-41d4-a716-446655440000", "identifiers of single records"), ("12-AB-34", PLATE), ("AB-123-C", PLATE),
    ("12ABC3", PLATE),
    ("HH-AB 1234", PLATE), ("B XY 12E", PLATE), ("a.jansen@example.org", MAIL), ("+31612345678", PHONE),
    ("+31 6 1234 5678", PHONE),
    ("06-12345678", PHONE), ('{"personId": 7}', "person identifiers"), ('[{"macAddress": "x"}]', DEVICE),
    ('{"a": {"kenteken": "x"}}', PLATE),
    ('{"direction": [{"signals": [{"x": 1, "y": 2, "speed": 3}]}]}', "per-person records"),
    ('[{"x": 1, "y": 2}, {"x": 3, "y": 4}]', "per-person records"),
    (json.dumps({"inner": json.dumps({"imei": "x"})}), DEVICE), ('{"ids": ["00:1a:2b:3c:4d:5e"]}', DEVICE),
])  # fmt: skip
def test_rule_04_a_value_of_that_shape_closes_the_gate_also_in_an_ignored_column(value, kind):
    found = findings(noted("", value))
    assert Finding(5, kind) in found and {f.position for f in found} == {5}


HONEST = [
    "Ost-VBZ Total", "West-VBZ total", "CMSA-GAWW-17", "GAVM-01-noord", "GM0363", "WK036300", "BU03630000", "1012 AB",
    "1012AB", "123456",
    "9000002554", "Asd", "HT", "Uts23_T", "A10", "2026-06-20T20:00:00", "202606202000", "20260620200000",
    "2022-03-01T00:05:00+01:00", " 01-JAN-2012 00:00", "08:00 - 08:59", "0:05:00", "52.3702157", "4.8951679",
    "(-37.8178644, 144.9650682)",
    "RD 121687 487484", "RWS01_MONIBAS_0101hrl0039ra", "145.11", "1.234567890e12", "1583100000000", "v1.2.3", "Zone 0",
    "lane1 ", "1.000.000",
    "19/08/2016 12:39:50 PM +0000", "Flinders St-Spring St (West)", '{"type": "Point", "coordinates": [4.9, 52.4]}', "12", "",
    '{"direction": [{"azimuth": 12, "count": 3}, {"azimuth": 192, "count": 5}]}', "[0, 3, 12]",
    "Hoofdrichting", "100%", "ok", "LINESTRING (1 2, 3 4)",
]  # fmt: skip


@pytest.mark.parametrize("value", HONEST)
def test_honest_look_alikes_pass_each_alone(value):
    assert findings(noted(value)) == []


def test_honest_look_alikes_pass_together_and_in_the_place_column():
    assert findings(noted(*HONEST)) == []
    mapped = source(place={"columns": ["counter"], "map": {"12-AB-34": "bridge", "490154203237518": "gate"}})
    assert findings(csv(f"{STAMP[0]},12-AB-34,1,1,", f"{STAMP[0]},490154203237518,1,1,"), mapped) == []
    uuid = "550e8400-e29b-41d4-a716-446655440000"
    assert findings(csv(f"{STAMP[0]},{uuid},1,1,"), source(place={"columns": ["counter"], "map": {uuid: "bridge"}})) == []


def test_a_time_column_may_hold_pairs_of_digits():
    declared = source(time={"columns": ["at"], "format": "%y-%m-%d-%H-%M-%S", "clock": "utc"})
    assert findings(csv("26-06-20-20-00-00,B1,1,1,"), declared) == []
    assert findings(csv("26-06-20-20-00-0a,B1,1,1,"), declared) == [Finding(1, DEVICE)]


def test_a_weak_shape_counts_when_most_of_the_column_has_it():
    assert findings(noted("12-AB-34", "noord", "zuid")) == []
    assert findings(noted("12-AB-34", "34-CD-56", "zuid")) == [Finding(5, PLATE)]


@pytest.mark.parametrize("name", [
    "mac", "MAC", "mac_address", "macAdres", "clientMACAddress", "src.mac", "imei", "IMSI", "msisdn", "deviceId",
    "DEVICE_ID", "device-ids", "deviceid",
    "Kenteken", "kentekens", "licensePlate", "Kennzeichen", "personId", "person_id", "persoonId", "bsn", "BSN-nummer",
    "Burgerservicenummer", "e-mail",
    "emailadres", "Telefoonnummer", "phone", "Nationaliteit", "nationality_count", "Staatsangehörigkeit", "hash",
    "hashed_id", "sha256", "pseudoniem",
    "ov_chipkaart", "trajectoryId", "visitor_id", "Geräte-ID", "bluetoothAddress",
])  # fmt: skip
def test_rule_04_a_column_of_that_name_closes_the_gate_even_when_it_is_declared(name):
    assert names.kind_of(name)
    declared = source(ignore=["note", name])
    found = findings(csv(*(line + ",x" for line in GOOD), header=f"{HEADER},{name}"), declared)
    assert [f.position for f in found] == [6] and found[0].kind != "undeclared"


@pytest.mark.parametrize("name", [
    "In", "Out", "Timestamp", "Name", "sensor_id", "sensor_name", "count", "uptime", "hardware_version", "Ordening",
    "Uur5Minuten", "geohash", "device_count",
    "number_of_devices", "aantal_personen", "personen", "machine", "plate_count", "Ridership", "CMSA-GAKH-01_0",
    "objectnummer", "template", "platform",
    "Sensor Description", "voertuigcategorie", "id_meetlocatie", "technical_exclusion", "recordid",
])  # fmt: skip
def test_honest_column_names_pass(name):
    assert names.kind_of(name) is None


def nested_delivery(column):
    return parquet({"at": STAMP[:2], "counter": ["B1"] * 2, "in": [40] * 2, "out": [20] * 2, "note": column})


@pytest.mark.parametrize(("column", "kind"), [
    (pa.array([{"meta": {"macAddress": "x"}}] * 2), DEVICE),
    (pa.array([{"meta": {"code": "00:1a:2b:3c:4d:5e"}}, None]), DEVICE),
    (pa.array([[{"speed": 1.0, "x": 2.0}], []]), "per-person records"),
    (pa.array([{"signals": [{"count": 1}]}, None]), "per-person records"),
    (pa.array([["00:1a:2b:3c:4d:5e"], None]), DEVICE),
    (pa.array([[("k", "a.b@example.org")], None], pa.map_(pa.string(), pa.string())), MAIL),
    (pa.array([490154203237518, 490154203237518]), DEVICE),
    (pa.array([b"\x00\x1a\xff\x3c\x4d\x5e"] * 2, pa.binary(6)), "bytes that cannot be screened"),
    (pa.array([b"\x00\x1a\xff\x3c\x4d\x5e"] * 2), "bytes that cannot be screened"),
    (pa.array([b"00:1a:2b:3c:4d:5e"] * 2), DEVICE),
    (pa.array(["00:1a:2b:3c:4d:5e"] * 2).dictionary_encode(), DEVICE),
    (pa.array([{"lanes": [{"lane": 1, "count": 3}]}] * 2), None),
    (pa.array([{"lon": 4.9, "lat": 52.4}] * 2), None),
])  # fmt: skip
def test_rule_04_nested_parquet_is_screened_to_its_leaves(column, kind):
    found = findings(nested_delivery(column), source(reader={"format": "parquet"}))
    assert found == ([Finding(5, kind)] if kind else [])


def test_rule_04_codes_that_come_back_over_time_close_the_gate():
    """200 codes at one counter, each in 3 of 300 intervals: that is how devices or passes look."""
    passing = [f"{STAMP[(i * 3 + visit * 101) % 300]},B1,40,20,c{i:05}" for i in range(200) for visit in range(3)]
    assert findings(csv(*passing)) == [Finding(5, "identifiers that repeat over time")]
    wandering = [f"{STAMP[i % 40]},{place},40,20,c{i % 70:05}" for i in range(400) for place in ("B1", "G2")]
    assert findings(csv(*wandering)) == [Finding(5, "identifiers that repeat over time")]


def test_serials_batches_and_counts_may_repeat():
    serials = [f"{STAMP[t]},B1,40,20,sensor-{s:04}x" for t in range(20) for s in range(80)]
    assert findings(csv(*serials)) == [], "each of many sensors reports nearly always"
    batches = [f"{STAMP[t]},{place},40,20,batch{t:05}" for t in range(300) for place in ("B1", "G2")]
    assert findings(csv(*batches)) == [], "a batch belongs to one interval"
    counts = [f"{STAMP[t]},B1,40,20,{t * 37 % 5000}" for t in range(400)]
    assert findings(csv(*counts)) == []


def test_lines_that_do_not_fit_are_screened_too():
    assert findings(csv(*GOOD, "x,00:1a:2b:3c:4d:5e")) == [Finding(0, DEVICE)]


def test_names_that_are_identifiers_themselves_close_the_gate():
    declared = source(ignore=["note", "00:1a:2b:3c:4d:5e"])
    assert findings(csv(*(g + ",1" for g in GOOD), header=HEADER + ",00:1a:2b:3c:4d:5e"), declared) == [Finding(6, DEVICE)]


def test_the_reason_names_positions_only():
    content = csv(*(f"{g},jan@example.org" for g in GOOD), header=HEADER + ",Contactpersoon")
    declared = source()
    raw = readers.read(content, CSV)
    told = reason(screen(raw, declared), declared, raw)
    assert told.startswith("person_level: column 6: ") and "jan" not in told and "Contact" not in told
    wrong = readers.read(content.replace(b",", b";"), CSV)
    assert "delimiter" in reason([Finding(1, "undeclared")], declared, wrong)
    assert Parquet(format="parquet")
