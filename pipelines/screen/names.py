"""Person-level content by the name of a column, JSON key or Parquet leaf: English, Dutch and German variants.

A name is cut into words at case changes, digits' edges and punctuation; a phrase is found when its words stand in a row
(``device id`` in ``DeviceID``, ``device_id``, ``src-device-id``) or written as one (``deviceid``).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_PHRASES = {
    "device identifiers": (
        "mac", "mac address", "mac addr", "mac adres", "mac adresse", "mac hash", "bssid", "ssid", "bd addr", "imei", "imeisv", "imsi",
        "tmsi", "suci", "supi", "msisdn", "iccid", "eid hash", "device id", "device ids", "device uuid", "device hash", "device token",
        "device identifier", "device name", "device address", "apparaat id", "toestel id", "geraete id", "gerat id", "geraet id",
        "geraetekennung", "advertising id", "advertiser id", "ad id", "idfa", "idfv", "gaid", "aaid", "maid", "android id", "client mac",
        "bluetooth address", "bluetooth adres", "bluetooth id", "ble address", "ble id", "wifi id", "client id", "probe id", "handset id",
        "sim id", "sim number", "ip address", "ip adres", "ip adresse", "ipv4", "ipv6",
    ),
    "licence plates": (
        "plate", "plates", "license plate", "licence plate", "number plate", "plate number", "plate hash", "registration number",
        "vehicle registration", "vin", "kenteken", "kentekens", "kentekenhash", "kentekennummer", "nummerplaat", "kennzeichen",
        "kfz kennzeichen", "nummernschild", "autokennzeichen", "anpr", "vehicle id", "voertuig id", "fahrzeug id",
    ),
    "person identifiers": (
        "person id", "person ids", "persons id", "person uuid", "person key", "person number", "person name", "people id", "persoon id",
        "persoons id", "persoonsid", "persoonsnummer", "personen id", "personennummer", "person nr", "bsn", "burgerservicenummer", "sofi",
        "sofinummer", "ssn", "social security", "personalausweis", "ausweisnummer", "passport", "passport number", "paspoort",
        "paspoortnummer", "reisepass", "identity card", "national id", "user id", "user ids", "user name", "user hash", "gebruiker id",
        "gebruikers id", "gebruikersnaam", "benutzer id", "nutzer id", "customer id", "customer number", "klant id", "klantnummer",
        "kunden id", "kundennummer", "subscriber", "subscriber id", "abonnee", "abonnee id", "abonneenummer", "teilnehmer id", "visitor id",
        "bezoeker id", "besucher id", "pedestrian id", "passenger id", "reiziger id", "traveller id", "traveler id", "rider id",
        "card id", "card number", "kaart id", "kaartnummer", "kartennummer", "chipkaart", "chipkaartnummer", "chip id", "ov chipkaart",
        "first name", "last name", "full name", "surname", "voornaam", "achternaam", "vorname", "nachname", "birth date", "birthdate",
        "date of birth", "dob", "geboortedatum", "geburtsdatum", "face id", "face hash", "face embedding", "gezicht", "iban",
        "pseudonym", "pseudonyms", "pseudonym id", "pseudoniem", "pseudo id", "tag id", "ticket id", "contact id",
    ),
    "e-mail addresses": ("email", "e mail", "email address", "email adres", "emailadres", "mail address", "mailadres", "emailadresse"),
    "phone numbers": (
        "phone", "telephone", "phone number", "phonenumber", "cell number", "mobile number", "mobiel nummer", "mobiele nummer",
        "mobielnummer", "telefoon", "telefoonnummer", "telefoonnr", "gsm nummer", "telefon", "telefonnummer", "handynummer", "rufnummer",
    ),
    "nationality": (
        "nationality", "nationalities", "nationaliteit", "nationaliteiten", "staatsangehoerigkeit", "staatsangehorigkeit", "nationalitaet",
        "nationalitat", "citizenship", "ethnicity", "etniciteit", "religion", "religie", "geloof",
    ),
    "hashed identifiers": (
        "hash", "hashed", "hash id", "hashed id", "hashes", "id hash", "sha", "sha1", "sha256", "sha 256", "sha 1", "md5", "md 5", "digest",
        "gehasht", "gehashte", "versleuteld id", "hashwaarde", "hashwert",
    ),
    "single trajectories": (
        "trajectory", "trajectories", "trajectory id", "traject id", "trajektorie", "track id", "tracking id", "track uuid", "trip id hash",
        "session id", "sessie id", "sitzungs id", "journey id", "reis id", "path id", "tracker id",
    ),
}  # fmt: skip
# A total of such things is a count, not an identifier; nationality is refused even as a count.
_COUNTED = {"count", "counts", "counted", "aantal", "aantallen", "anzahl", "total", "totaal", "share", "number", "num", "sum", "mean"}
_COUNTABLE = {"plate", "plates", "phone", "kenteken", "kentekens", "telefoon", "subscriber", "hashes", "hashed", "email", "trajectories"}


@cache
def _table() -> dict[tuple[str, ...], str]:
    """Phrase (words in a row, or the whole as one word) → kind."""
    found = {}
    for kind, phrases in _PHRASES.items():
        for phrase in phrases:
            words = tuple(phrase.split())
            found[words] = kind
            if len("".join(words)) > 4:
                found[("".join(words),)] = kind
    return found


def words(name: str) -> tuple[str, ...]:
    """A name in lower-case words: ``clientMACAddress`` → client, mac, address; accents fall away (ä → a)."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).replace("ß", "ss")
    cut = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", plain)
    cut = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", cut)
    return tuple(re.findall(r"[a-z0-9]+", cut.lower()))


def kind_of(name: str) -> str | None:
    """The kind of person-level content a name announces, or None."""
    whole = words(name)
    plural = tuple(w.rstrip("s") for w in whole)
    table = _table()
    for tokens in {whole, plural}:
        for start in range(len(tokens)):
            for stop in range(start + 1, min(len(tokens), start + 4) + 1):
                phrase = tokens[start:stop]
                kind = table.get(phrase)
                if kind and not (set(whole) & _COUNTED and len(phrase) == 1 and phrase[0] in _COUNTABLE):
                    return kind
    return None
