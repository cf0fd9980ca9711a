"""Person-level content by the shape of values. Works on the distinct texts of a column, wherever in a text they stand.

*Strong* shapes (a MAC address, a digest, an e-mail address) close the gate at the first sight. *Weak* ones also occur by
chance among honest codes, so they count only when more than half of the column's distinct values have them.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_EDGE, _END = r"(?:^|[^0-9A-Za-z])", r"(?:$|[^0-9A-Za-z])"
_HEX2, _HEX4 = "[0-9A-Fa-f]{2}", "[0-9A-Fa-f]{4}"
_MACS = (
    rf"{_EDGE}{_HEX2}(?::{_HEX2}){{5}}{_END}", rf"{_EDGE}{_HEX2}(?:-{_HEX2}){{5}}{_END}",
    rf"{_EDGE}{_HEX4}\.{_HEX4}\.{_HEX4}{_END}", rf"{_EDGE}[0-9A-Fa-f]{{12}}{_END}",
    rf"{_EDGE}{_HEX2}(?:_{_HEX2}){{5}}{_END}", rf"{_EDGE}{_HEX2}(?: {_HEX2}){{5}}{_END}",
)  # fmt: skip
_STRONG = {
    "hashed identifiers": _EDGE + "(?:0x)?(?:" + "|".join(f"[0-9A-Fa-f]{{{n}}}" for n in (32, 40, 56, 64, 96, 128)) + ")" + _END,
    "web tokens": r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.",
    "device names": r"Mozilla/[0-9]|(?i:\b(?:iphone|ipad|galaxy s[0-9]+|airpods)\b)",
    "e-mail addresses": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}",
    "phone numbers": r"(?:^|[^0-9A-Za-z:.T])\+[1-9][0-9]{0,2}[ -]?(?:\(0\))?[ -]?[0-9]{1,4}(?:[ -]?[0-9]{2,4}){2,4}" + _END,
}
_UUID = rf"{_EDGE}[0-9A-Fa-f]{{8}}(?:-{_HEX4}){{3}}-[0-9A-Fa-f]{{12}}{_END}"
_IP4 = r"^(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}$"
_NL = (
    "[A-Z]{2}-[0-9]{2}-[0-9]{2}", "[0-9]{2}-[0-9]{2}-[A-Z]{2}", "[0-9]{2}-[A-Z]{2}-[0-9]{2}", "[A-Z]{2}-[0-9]{2}-[A-Z]{2}",
    "[A-Z]{2}-[A-Z]{2}-[0-9]{2}", "[0-9]{2}-[A-Z]{2}-[A-Z]{2}", "[0-9]{2}-[A-Z]{3}-[0-9]", "[0-9]-[A-Z]{3}-[0-9]{2}",
    "[A-Z]{2}-[0-9]{3}-[A-Z]", "[A-Z]-[0-9]{3}-[A-Z]{2}", "[A-Z]{3}-[0-9]{2}-[A-Z]", "[A-Z]-[0-9]{2}-[A-Z]{3}",
    "[0-9]-[A-Z]{2}-[0-9]{3}", "[0-9]{3}-[A-Z]{2}-[0-9]",
)  # fmt: skip
# Written together, four digits with two letters is a postcode (1012AB) or an area code (GM0363): those series need their dashes.
_NL_BARE = tuple(p.replace("}-[", "}[").replace("]-[", "][") for p in _NL if p not in {_NL[0], _NL[1]})
_BE = "[0-9]-[A-Z]{3}-[0-9]{3}"
_DE = "[A-ZÄÖÜ]{1,3}[ -][A-Z]{1,2}[ -]?[1-9][0-9]{0,3}[EH]?"
_WEAK = {
    "licence plates": "^(?:" + "|".join((*_NL, *_NL_BARE, _BE, _DE)) + ")$",
    "phone numbers": r"^(?:06[ -]?[0-9]{8}|0[1-9][0-9]{1,3}[ -][0-9]{6,8}|00(?:31|32|33|44|49)[0-9]{8,11})$",
    # Addresses of the internet, IMEI with dashes or a software version, SIM cards, whole numbers of 48 bits.
    "device identifiers": rf"{_IP4}|^[0-9A-Fa-f]{{0,4}}(?::[0-9A-Fa-f]{{0,4}}){{4,7}}$|^[0-9]{{2}}-[0-9]{{6}}-[0-9]{{6}}-[0-9]$"
    r"|^(?:01|35|86|99)[0-9]{14}$|^89[0-9]{17,18}$",
    "bank accounts and cards": r"^[A-Z]{2}[0-9]{2}[A-Z]{4}[0-9A-Z]{7,26}$|^[0-9]{4}(?: [0-9]{4}){3}$",
    "hashed identifiers": r"^(?:[A-Za-z0-9+/]{22}==|[A-Za-z0-9+/]{27}=|[A-Za-z0-9+/]{43}=|\$2[aby]\$.{56})$",
}

# A few such codes may be attributes of places; many of them follow something else.
_MANY = 8
_OF_MANY = {
    "hashed identifiers": rf"{_EDGE}(?:0x)?(?:{'|'.join(f'[0-9A-Fa-f]{{{n}}}' for n in (16, 20, 24, 28, 48))}){_END}|^[A-Z2-7]{{52}}$"
    "|^[0-7][0-9A-HJKMNP-TV-Z]{25}$",
    "device identifiers": "^(?:[3-9][0-9]|1[0-8]|2[1-9])[0-9]{12,13}$",
}
_TOKEN, _TURNS = (
    "^[A-Za-z0-9_-]{20,64}$",
    "[a-z][A-Z0-9]|[A-Z][a-z0-9]|[0-9][A-Za-z]",
)  # in chance text classes change all the time
_GAP, _STOP = r"(?:^|[\s,;(\"])", r"(?:$|[\s,;)\".])"
_IN_TEXT = _GAP + "(?:" + "|".join((*_NL, _BE)) + ")" + _STOP
_MONTHS = "JAN|FEB|MAR|MRT|APR|MAY|MEI|JUN|JUL|AUG|SEP|OCT|OKT|NOV|DEC|DEZ|DES"
# Numbers of at most eight digits, and moments, in plain writing: no shape of this module can match them (a test tries).
_PLAIN = r"^(?:-?[0-9]{0,8}(?:\.[0-9]{0,6})?|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|\+00:00)?)$"
_PLATES = 5  # distinct ones: so many codes of exactly those series are no accident


def kinds_in(texts: pa.Array, *, is_place: bool = False, is_time: bool = False, known: frozenset[str] = frozenset()) -> list[str]:
    """Kinds of person-level content among distinct, non-null texts.

    ``known``: values the declaration itself maps (a supplier's place ids), left out of the weak shapes. A UUID in the place
    column, and two-digit groups without a letter in a time column, are honest.
    """
    if not len(texts) or all_plain(texts):
        return []
    return looked_for(texts, is_place=is_place, is_time=is_time, known=known)


def all_plain(texts: pa.Array) -> bool:
    """Whether one look is enough: all texts are numbers of few digits, or moments. Most columns are, in each of a day's hundred files."""
    return bool(pc.all(pc.match_substring_regex(texts, _PLAIN)).as_py())


def looked_for(texts: pa.Array, *, is_place: bool, is_time: bool, known: frozenset[str]) -> list[str]:
    """:func:`kinds_in` of some texts, shape by shape."""
    texts = pc.replace_substring(pc.utf8_normalize(texts.cast(pa.large_string()), "NFKC"), "%3A", ":")
    kinds = [kind for kind, shape in _STRONG.items() if _any(texts, shape)]
    if _has_mac(texts, is_time):
        kinds.append("device identifiers")
    if not is_place and _any(texts, _UUID):
        kinds.append("identifiers of single records")
    trimmed = pc.utf8_trim_whitespace(texts)
    unknown = trimmed.filter(pc.invert(pc.is_in(trimmed, pa.array(sorted(known), pa.large_string()))))
    if len(unknown):
        kinds += [kind for kind, shape in _WEAK.items() if _share(pc.match_substring_regex(unknown, shape)) > 0.5]
        if _share(_is_imei(unknown)) > 0.5 or _share(pc.match_substring_regex(unknown, "^[2-7][0-9]{14}$")) > 0.5:
            kinds.append("device identifiers")
        kinds += _of_many(unknown)
    return list(dict.fromkeys(kinds))


def _of_many(texts: pa.Array) -> list[str]:
    """Kinds whose shape honest codes have too, so that it takes a number of different ones."""
    kinds = []
    if pc.sum(_plates(texts)).as_py() >= _PLATES or _share(_plates(texts)) > 0.5:
        kinds.append("licence plates")
    if len(texts) >= 4 and _share(_is_citizen_number(texts)) > 0.9:
        kinds.append("person identifiers")
    if len(texts) < _MANY:
        return kinds
    for kind, shape in _OF_MANY.items():
        lettered = pc.match_substring_regex(texts, "[A-Za-z]") if kind == "hashed identifiers" else pa.scalar(True)
        if _share(pc.and_(pc.match_substring_regex(texts, shape), lettered)) > 0.5:
            kinds.append(kind)
    turns = pc.divide(pc.count_substring_regex(texts, _TURNS).cast(pa.float64()), pc.max_element_wise(pc.utf8_length(texts), 1))
    if _share(pc.and_(pc.match_substring_regex(texts, _TOKEN), pc.greater(turns, 0.25))) > 0.5:
        kinds.append("hashed identifiers")
    return kinds


def _plates(texts: pa.Array) -> pa.Array:
    upper = pc.utf8_upper(texts)
    return pc.and_(pc.match_substring_regex(upper, _IN_TEXT), pc.invert(pc.match_substring_regex(upper, f"-(?:{_MONTHS})-")))


def _is_citizen_number(texts: pa.Array) -> np.ndarray:
    """Which texts are nine digits that pass the check of Dutch citizen numbers."""
    shaped = np.asarray(pc.match_substring_regex(texts, "^[0-9]{9}$"))
    found = np.zeros(len(texts), dtype=bool)
    if shaped.any():
        joined = "".join(texts.filter(pa.array(shaped)).to_pylist())
        digits = np.frombuffer(joined.encode("ascii"), dtype=np.uint8).reshape(-1, 9).astype(np.int64) - ord("0")
        found[shaped] = (digits @ np.array([9, 8, 7, 6, 5, 4, 3, 2, -1])) % 11 == 0
    return found


def _any(texts: pa.Array, shape: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, shape)).as_py())


def _share(hits: pa.Array | np.ndarray) -> float:
    return float(np.asarray(hits, dtype=bool).mean())


def _has_mac(texts: pa.Array, is_time: bool) -> bool:
    """Any MAC address. Twelve bare digits, and digit pairs in a time column, may be a date: they need a letter."""
    for number, shape in enumerate(_MACS):
        hits = pc.match_substring_regex(texts, shape)
        if not pc.any(hits).as_py():
            continue
        if number < 3 and not is_time:
            return True
        found = pc.extract_regex(texts.filter(hits), shape.replace(_EDGE, _EDGE + "(?P<mac>", 1).removesuffix(_END) + ")" + _END)
        macs = pc.struct_field(found, "mac")
        number_like = pc.match_substring_regex(macs, "^[0-9:-]+(?:[eE][0-9]+)?$")
        mixed = pc.and_(pc.match_substring_regex(macs, "[0-9]"), pc.invert(number_like))
        if pc.any(mixed).as_py():
            return True
    return False


def _is_imei(texts: pa.Array) -> np.ndarray:
    """Which texts are 15 digits whose last one is the Luhn check digit of the others."""
    shaped = np.asarray(pc.match_substring_regex(texts, "^[0-9]{15}$"))
    found = np.zeros(len(texts), dtype=bool)
    if not shaped.any():
        return found
    joined = "".join(texts.filter(pa.array(shaped)).to_pylist())
    digits = np.frombuffer(joined.encode("ascii"), dtype=np.uint8).reshape(-1, 15) - ord("0")
    doubled = digits[:, 1::2] * 2
    total = digits[:, 0::2].sum(axis=1) + (doubled - 9 * (doubled > 9)).sum(axis=1)
    found[shaped] = (total % 10 == 0) & digits.any(axis=1)
    return found
