"""More disguises, written with the detectors in view: what slips between their shapes, lists and thresholds."""

from __future__ import annotations

import base64
from hashlib import blake2b, sha256, sha512

from tests.pipelines.screen.case import Case, column, nested
from tests.pipelines.screen.disguises_blind import MACS, PEOPLE, PLATES, UUIDS

_WIDE = str.maketrans("0123456789abcdef:", "０１２３４５６７８９ａｂｃｄｅｆ：")

SEEING: tuple[Case, ...] = (
    column("hashes of MAC addresses in base 64", "ref", [base64.b64encode(sha256(m.encode()).digest()).decode() for m in MACS]),
    column("hashes in base 64 for web addresses, without padding", "ref",
        [base64.urlsafe_b64encode(sha256(m.encode()).digest()).decode().rstrip("=") for m in MACS]),
    column("hashes in base 32", "ref", [base64.b32encode(sha256(m.encode()).digest()).decode().rstrip("=") for m in MACS]),
    column("short hashes of twelve digits", "ref", [blake2b(m.encode(), digest_size=6).hexdigest() for m in MACS]),
    column("hashes of 24 digits", "ref", [blake2b(m.encode(), digest_size=12).hexdigest() for m in MACS]),
    column("long hashes with a prefix", "ref", [f"sha512:{sha512(m.encode()).hexdigest()}" for m in MACS]),
    column("salted hashes with a version", "ref", [f"v1${blake2b(m.encode(), digest_size=10).hexdigest()}" for m in MACS]),
    column("MAC addresses in full-width characters", "code", [m.translate(_WIDE) for m in MACS]),
    column("MAC addresses with underscores", "code", [m.replace(":", "_") for m in MACS]),
    column("MAC addresses with escaped colons", "code", [m.replace(":", "%3A") for m in MACS]),
    column("MAC addresses as numbers", "nummer", [str(int(m.replace(":", ""), 16)) for m in MACS]),
    column("UUID in braces", "code", ["{" + u.upper() + "}" for u in UUIDS]),
    column("sortable ids of 26 characters", "volgcode", [f"01J8Z3K{n:02d}Q4W5E6R7T8Y9V{n * 7:03d}" for n in PEOPLE]),
    column("ids of 21 characters", "volgcode", [base64.urlsafe_b64encode(sha256(m.encode()).digest()).decode()[:21] for m in MACS]),
    column("SIM card numbers", "kaart", [f"8931{4400000000000 + 7919 * n:015d}" for n in PEOPLE]),
    column("IMEI with software version", "toestel", [f"35209900176{1480 + n}{n % 10}" for n in PEOPLE]),
    column("citizen numbers", "dossier", ["111222333", "123456782", "232262536", "100000009"]),
    column("IP addresses of version 6", "net", [f"2001:db8:85a3:{n:x}::8a2e:370:{7000 + n}" for n in PEOPLE]),
    column("telephone numbers without a blank", "melder", [f"00316{12345600 + 13 * n}" for n in PEOPLE]),
    column("plates inside sentences", "opmerking", [f"auto {p} reed door" for p in PLATES]),
    column("plates in lower case", "opmerking", [p.lower() for p in PLATES]),
    column("German plates", "opmerking", [f"KA-PA {777 + n}" for n in range(8)]),
    column("some plates among ordinary words", "opmerking", [*PLATES[:6],
        "rustig", "druk", "regenachtig", "markt op het plein", "wegwerk", "avondspits", "kermis", "niets"]),
    column("names of browsers", "bron2", [f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_{n} like Mac OS X) Build/{n * 7919}" for n in PEOPLE]),
    column("names of telephones", "ssidnaam", [f"iPhone van Jan-{n}" for n in PEOPLE]),
    column("a plain column named for devices in German", "Gerätekennung", [f"wert-{n}a" for n in PEOPLE]),
    column("a column named in one long word", "hashedmacaddress", [f"wert-{n}b" for n in PEOPLE]),
    column("a column named for faces", "faceEmbedding", [f"wert-{n}c" for n in PEOPLE]),
    column("a column named for a visitor's number", "bezoekernummer", [f"wert-{n}d" for n in PEOPLE]),
    column("a file named for telephone numbers", "soort", ["tel-nrs-7733"], file="+31612345678"),
    column("a file named for personal ids", "soort", ["pers-nrs-7734"], file="personId_dump"),
    nested("names and values apart, as triples", {"kenmerken": [{"key": "macAddress", "value": m} for m in MACS[:4]]}),
    nested("plates in a list of texts", {"lijst": PLATES}),
    nested("IMSI as whole numbers in a list", {"lijst": [204041234500000 + 7919 * n for n in PEOPLE]}),
    nested("moments of everyone who came in", {"entries": [f"2026-06-01T00:0{n}:1{n}Z" for n in range(8)]}),
    nested("speeds of everyone who passed", {"speeds": [1.21, 1.37, 0.98, 1.44, 1.05, 1.29]}),
    nested("records with a count of one", {"personen": [{"count": 1, "x": 4.5 + n, "y": 7.25} for n in range(5)]}),
    nested("GeoJSON tracks",
        {"geometry": {"type": "LineString", "coordinates": [[4.89123 + i / 1e4, 52.37 + i / 1e4, 0, 1781000000 + 5 * i] for i in range(9)]}}),
    nested("persons under another key", {"objects": [{"class": "person", "confidence": 0.91, "trackId": n * 7919} for n in range(5)]}),
    nested("devices two lists down", {"lanes": [{"lane": 1, "count": 2, "gezien": MACS[:2]}]}),
    nested("a map from hashed devices to signal strength", {"sterkte": {sha256(m.encode()).hexdigest(): -60 for m in MACS[:4]}}, declared=False),
)  # fmt: skip
