"""Disguises of person-level content, written from the issue and the domain facts alone, before the detectors were read.

A case is the file of a counting supplier with something added to it. What is added is *declared* (under `ignore`) unless the case
says otherwise: the closed column list would refuse it anyway, and a person who did not look has declared it. A case carries its own
marks: texts that may then be nowhere on disk but in the file itself.
"""

from __future__ import annotations

from hashlib import md5, sha1, sha256

from tests.pipelines.screen.case import Case, column, nested

PEOPLE = range(24)
MACS = [":".join(f"{(n * 37 + i * 53 + 16) % 256:02x}" for i in range(6)) for n in PEOPLE]
UUIDS = [f"{sha1(m.encode()).hexdigest()[:8]}-4e1b-4c3d-9a2f-{md5(m.encode()).hexdigest()[:12]}" for m in MACS]
LUHN_IMEI = ["352099001761481", "490154203237518", "356938035643809", "353918052107063"]
PLATES = ["GB-123-B", "9-XKP-01", "TN-12-34", "12-TBL-6", "H-583-SD", "K-099-VR", "33-ZZT-8", "XR-201-J"]


def _hashed(how: object, salt: str = "") -> list[str]:
    return [how((salt + m).encode()).hexdigest() for m in MACS]  # type: ignore[operator]


def _walk(n: int) -> list[dict[str, float]]:
    return [{"lat": 52.37 + n / 1e3 + i / 1e5, "lon": 4.89 + i / 1e5, "t": 1781000000 + 7 * i} for i in range(12)]


BLIND: tuple[Case, ...] = (
    column("sha-256 of MAC addresses as a reference", "ref", _hashed(sha256)),
    column("SHA-1 of MAC addresses as a tag", "tag", _hashed(sha1)),
    column("MD5 of MAC addresses as a source", "bron", _hashed(md5)),
    column("salted and cut hashes as a key", "sleutel", [h[:16] for h in _hashed(sha256, "pepper")]),
    column("hashes in capitals as a product", "artikel", [h.upper() for h in _hashed(sha1)]),
    column("MAC addresses with colons as a radio", "radio", MACS),
    column("MAC addresses with dashes in a description", "omschrijving", [f"gezien {m.replace(':', '-').upper()}" for m in MACS]),
    column("MAC addresses in groups of four with dots", "poort", [f"{m[:2]}{m[3:5]}.{m[6:8]}{m[9:11]}.{m[12:14]}{m[15:]}" for m in MACS]),
    column("MAC addresses without separators", "code", [m.replace(":", "") for m in MACS]),
    column("MAC addresses with blanks", "opmerking", [m.replace(":", " ").upper() for m in MACS]),
    column("IMSI of a Dutch network", "net", [f"20404{1234500000 + 7919 * n:010d}" for n in PEOPLE]),
    column("IMEI of telephones", "toestel_nr", LUHN_IMEI),
    column("IMEI with dashes", "serie", [f"{i[:2]}-{i[2:8]}-{i[8:14]}-{i[14]}" for i in LUHN_IMEI]),
    column("telephone numbers, international", "contact", [f"+3161234{5600 + 13 * n}" for n in PEOPLE]),
    column("telephone numbers, national", "melding", [f"06-1234{5600 + 13 * n}" for n in PEOPLE]),
    column("licence plates with dashes", "toelichting", PLATES),
    column("licence plates without dashes", "notitie", [p.replace("-", "") for p in PLATES]),
    column("Belgian licence plates", "notitie", [f"1-{a}BC-{n}" for a, n in zip("ADFHKLMP", range(137, 937, 100), strict=True)]),
    column("hashed licence plates", "voertuigklasse", [sha256(p.encode()).hexdigest() for p in PLATES]),
    column("UUID of devices as a session", "sessie", UUIDS),
    column("UUID without dashes", "bundel", [u.replace("-", "") for u in UUIDS]),
    column("e-mail addresses", "afzender", [f"jan.{n}devries@voorbeeld.nl" for n in PEOPLE]),
    column("transit card numbers", "kaart", [f"3528 0212 34{n:02d} 56{n:02d}" for n in range(10, 30)]),
    column("bank accounts", "rekening", ["NL91ABNA0417164300", "NL20INGB0001234567", "NL02RABO0123456789", "NL39RABO0300065264"]),
    column("JSON with devices in a text cell", "extra", [f'{{"dev": "{m}", "rssi": -60}}' for m in MACS]),
    column("web tokens", "sleutel", [f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ{n:04d}In0.c2lnbmF0dXJl{n:04d}" for n in PEOPLE]),
    column("ids that repeat across intervals and places", "groep", [f"Q{(n * 7919) % 9973:04d}" for n in PEOPLE]),
    column("a column named for the MAC address, its cells coded", "mac_address", [f"klasse-{n}" for n in PEOPLE]),
    column("a column named for the licence plate, in Dutch", "kenteken", [f"groep-{n}x" for n in PEOPLE]),
    column("a column named for a person's id", "personId", [f"nummer-{n}p" for n in PEOPLE]),
    column("nationality of those counted", "nationaliteit", ["nationaal-NL", "nationaal-DE", "nationaal-BE"]),
    column("dates of birth", "geboortedatum", [f"19{60 + n}-03-1{n % 10}" for n in PEOPLE]),
    column("a file named for plates", "soort", ["auto-nrs-7731"], file="kentekens_camera-3"),
    column("a file named for MAC addresses", "soort", ["radio-nrs-7732"], file="wifi_mac_hashes"),
    column("an undeclared column named by a device", MACS[3], ["onbekend-9917"], declared=False),
    column("an undeclared column with names of people", "bezoeker", [f"Jan{n} de Vries" for n in PEOPLE], declared=False),
    nested("device ids in nested JSON", {"meta": {"radio": {"bron": MACS}}}, each=True),
    nested("advertising ids in nested JSON", {"meta": {"ad": {"ref": UUIDS}}}, each=True),
    nested("a list of hashed devices beside the count", {"gezien": [h[:20] for h in _hashed(sha256)]}),
    nested("person messages as Amsterdam's v2",
        {"persons": [{"personId": f"p-{n}7719", "speed": 1.2 + n / 100, "distance": 4.0} for n in range(6)]}),
    nested("per-person signals as Amsterdam's v3",
        {"signals": [{"timestamp": f"2026-06-01T00:00:{n:02d}Z", "speed": 1.21 + n / 97} for n in range(6)]}),
    nested("a single trajectory as positions", {"route": _walk(1)}),
    nested("trajectories of several people", {"tracks": [_walk(n) for n in range(4)]}),
    nested("bounding boxes of people", {"detections": [{"bbox": [11.5 + n, 20.25, 40.5, 90.75], "conf": 0.9 + n / 97} for n in range(5)]}),
    nested("dwell times of everyone who was there", {"dwell": [12.5, 44.25, 101.75, 7.125, 33.5]}),
    nested("a face as a vector", {"features": [[round(((n * 31 + i * 17) % 199) / 199 - 0.5, 6) for i in range(64)] for n in range(3)]}),
    nested("devices as the keys of an object", {"per_bron": dict.fromkeys(MACS[:5], 1)}, declared=False),
    nested("JSON inside JSON inside a text", {"payload": '{"inner": "{\\"dev\\": \\"' + MACS[7] + '\\"}"}'}),
)  # fmt: skip
