"""What goes wrong with deliveries: each fault as a name, what it makes of a sound delivery, and what may be said of it.

A fault of one row says with which checks that row may be refused; ``harmless`` ones lose nothing. ``FILTERED`` and ``MISSING`` stand
for a row that the declaration leaves out, or of which it says that there is no value.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

from tests.pipelines.broken.layouts import Document, Layout

FILTERED, MISSING, SAME = "filtered", "missing", "same"
NUMBER, WHEN, WHERE, SHAPE = "value", "time", "place", "line"


@dataclass(frozen=True)
class Case:
    """A bad delivery. ``row``: the only row (from 0) it befalls; ``checks``: what may become of that row, or codes of the whole."""

    name: str
    source: str
    content: bytes
    checks: frozenset[str]
    row: int | None = None
    file: str = "delivery.csv"


# --- one cell of one row: (kind of cell, name, text, what may become of it) ----------------------------------------------------

_NUMBER = {"not_a_number", "too_large", FILTERED}
CELLS: tuple[tuple[str, str, str, set[str]], ...] = (
    (NUMBER, "text in a number", "veel", _NUMBER),
    (NUMBER, "a negative count", "-7", {"not_negative", FILTERED}),
    (NUMBER, "an absurd number", "99999999", {"plausible", "too_large", FILTERED}),
    (NUMBER, "a number beyond any type", "9" * 400, _NUMBER),
    (NUMBER, "a number in the units of another", "4000000", {"plausible", "too_large", FILTERED}),
    (NUMBER, "a third of a person", "40.333", {"not_whole", "not_a_number", SAME, FILTERED}),
    (NUMBER, "infinite", "Infinity", _NUMBER),
    (NUMBER, "not a number, in words", "NaN", {*_NUMBER, MISSING}),
    (NUMBER, "hexadecimal", "0x1F", _NUMBER),
    (NUMBER, "a formula", "=SUM(A1:A9)", _NUMBER),
    (NUMBER, "a command for a spreadsheet", "+cmd|' /C calc'!A0", _NUMBER),
    (NUMBER, "a function of a spreadsheet", "@SUM(1+1)*cmd|' /C calc'!A0", _NUMBER),
    (NUMBER, "a script", "<script>alert(1)</script>", _NUMBER),
    (NUMBER, "a statement of SQL", "1); DROP TABLE observations; --", _NUMBER),
    (NUMBER, "an error of a spreadsheet", "#REF!", _NUMBER),
    (NUMBER, "digits of another script", "４２", _NUMBER),
    (NUMBER, "a minus sign that is none", "−5", _NUMBER),
    (NUMBER, "a unit behind it", "42 pers.", _NUMBER),
    (NUMBER, "two numbers", "42 43", _NUMBER),
    (NUMBER, "a question mark", "42?", _NUMBER),
    (NUMBER, "a truth", "TRUE", _NUMBER),
    (NUMBER, "nothing", "", {MISSING, SAME, FILTERED, "incomplete"}),
    (NUMBER, "an invisible space", "\u00a0", {MISSING, SAME, FILTERED, "incomplete"}),
    (NUMBER, "a text of 100,000 letters", "x" * 100_000, _NUMBER),
    (WHEN, "no time", "", {"time_missing"}),
    (WHEN, "a time in words", "yesterday", {"time_unreadable"}),
    (WHEN, "30 February", "30-02-2026", {"time_unreadable"}),
    (WHEN, "the order of another country", "02/25/2026 10:00 PM", {"time_unreadable"}),
    (WHEN, "a time as a spreadsheet counts", "46193.8333", {"time_unreadable"}),
    (WHEN, "seconds since 1970", "1750442400", {"time_unreadable"}),
    (WHEN, "a formula for a time", "=NOW()", {"time_unreadable"}),
    (WHEN, "a script for a time", "<img src=x onerror=alert(1)>", {"time_unreadable"}),
    (WHEN, "a range of times", "10:00-11:00", {"time_unreadable"}),
    (WHERE, "no place", "", {"place_missing", FILTERED}),
    (WHERE, "a place nobody declared", "Q7", {"place_unknown", FILTERED}),
    (WHERE, "a place in another case", "aTtIgUpPe", {"place_unknown", FILTERED}),
    (WHERE, "a formula for a place", "=HYPERLINK(A1)", {"place_unknown", FILTERED}),
    (WHERE, "a script for a place", "<script src=//x>", {"place_unknown", FILTERED}),
    (WHERE, "a path for a place", "../../etc/hosts", {"place_unknown", FILTERED}),
    (WHERE, "a place of 10,000 letters", "x" * 10_000, {"place_unknown", FILTERED}),
)  # fmt: skip


def of_cells(layout: Layout) -> Iterator[Case]:
    """One cell of the middle row is not what it should be."""
    positions = {NUMBER: layout.value, WHEN: layout.time, WHERE: layout.place}
    for kind, name, text, checks in CELLS:
        if kind == WHERE and layout.source == "waterdam-sections":
            continue  # a place is a column there: see the faults of whole files
        content = layout.content(layout.put(positions[kind], text))
        yield Case(name, layout.source, content, frozenset(checks), layout.middle, layout.file)


# A time that the clock of the place skips, in layouts that have a stamp in one column.
SKIPPED = {
    "hardbruecke": "2020-03-29T02:30", "melbourne-pedestrians": "2014-10-05T02:00", "telraam-berlin": "2024-03-31T02:00",
    "ndw-a10": "2024-03-31T02:00", "waterdam-island": "2026-03-29T02:30", "waterdam-roads": "2026-03-29T02:30",
}  # fmt: skip


def of_clocks(layout: Layout) -> Iterator[Case]:
    """The middle row has a stamp that is well written and cannot be."""
    if layout.source not in SKIPPED:
        return
    skipped = datetime.fromisoformat(SKIPPED[layout.source])
    for name, at, check in (
        ("a time that the clock skips", skipped, "time_does_not_exist"), ("off the grid", skipped.replace(hour=12, minute=1), "not_aligned"),
        ("a century too late", skipped.replace(year=2126, month=5), "time_out_of_range"),
        ("before there were counters", skipped.replace(year=1926, month=5), "time_out_of_range"),
    ):  # fmt: skip
        content = layout.content(layout.put(layout.time, at.strftime(layout.stamp)))
        yield Case(name, layout.source, content, frozenset({check}), layout.middle, layout.file)


# --- one line ------------------------------------------------------------------------------------------------------------------

LINES: tuple[tuple[str, Callable[[Layout, str], bytes], set[str]], ...] = (
    ("too few fields", lambda la, line: line.rsplit(la.delimiter, 1)[0].encode(), {"fields"}),
    ("too many fields", lambda la, line: (line + la.delimiter * 3).encode(), {"fields"}),
    ("shifted by a column", lambda la, line: (la.delimiter + line.rsplit(la.delimiter, 1)[0]).encode(),
     {"time_missing", "time_unreadable", "place_missing", "place_unknown", "not_a_number", FILTERED}),
    ("a quote that never closes", lambda la, line: ('"' + line).encode(), {"quotes"}),
    ("a NUL byte", lambda la, line: line.encode()[:-1] + b"\x00" + line.encode()[-1:], {"nul_byte"}),
    ("zeros where a disk was full", lambda la, line: b"\x00" * 200, {"nul_byte"}),
    ("a byte of another encoding", lambda la, line: line.encode() + b"\xfc", {"encoding"}),
    ("another delimiter", lambda la, line: line.replace(la.delimiter, "|").encode(), {"fields"}),
    ("a message of a program", lambda la, line: b"Traceback (most recent call last): ValueError", {"fields"}),
    ("a comment", lambda la, line: b"# exported by hand", {"fields"}),
    ("a total", lambda la, line: ("Total" + la.delimiter + "123456").encode(), {"fields"}),
    ("half a megabyte of commas", lambda la, line: (la.delimiter * 500_000).encode(), {"fields"}),
)  # fmt: skip


def of_lines(layout: Layout) -> Iterator[Case]:
    """The middle line is not what it should be."""
    at = layout.first_line - 1 + layout.middle
    for name, broken, checks in LINES:
        lines = [line.encode() for line in layout.lines()]
        lines[at] = broken(layout, layout.lines()[at])
        yield Case(name, layout.source, b"\n".join(lines) + b"\n", frozenset(checks), layout.middle, layout.file)
    if layout.header:
        lines = layout.lines()
        content = "\n".join([*lines[:at], lines[0], *lines[at + 1 :]]) + "\n"
        yield Case(
            "the header again",
            layout.source,
            content.encode(),
            frozenset({"time_unreadable", FILTERED}),
            layout.middle,
            layout.file,
        )


# --- the whole file ------------------------------------------------------------------------------------------------------------

_ALIEN = {"undeclared_column", "missing_column", "header", "not_csv", "person_level"}


def of_files(layout: Layout) -> Iterator[Case]:
    """The file as a whole is not what it should be; the ``SAME`` ones only look different."""

    def case(name: str, content: bytes, *checks: str, file: str = layout.file) -> Case:
        return Case(name, layout.source, content, frozenset(checks), None, file)

    plain, lines, d = layout.content(), layout.lines(), layout.delimiter
    yield case("empty", b"", "empty")
    yield case("white space only", b" \r\n\t\n", "empty")
    yield case("only NUL bytes", b"\x00" * 4096, "empty")
    yield case("a mark of byte order", b"\xef\xbb\xbf" + plain, SAME)
    yield case("UTF-16 with its mark", plain.decode().encode("utf-16"), SAME)
    yield case("UTF-16 without its mark", plain.decode().encode("utf-16-le"), "header", "rows", *_ALIEN)
    yield case("line ends of Windows and blank lines", plain.replace(b"\n", b"\r\n\r\n"), SAME)
    yield case("line ends of an old Mac", plain.replace(b"\n", b"\r"), SAME)
    yield case("every field quoted", "\n".join(d.join(f'"{c}"' for c in line.split(d)) for line in lines).encode(), SAME)
    yield case("cut in the middle of a line", plain[: -len(lines[-1]) // 2 - 1], "cut")
    yield case("the file twice", plain * 2, "twice")
    yield case("another delimiter throughout", plain.replace(d.encode(), b"\t"), *_ALIEN)
    yield case("a web page instead", b"<!DOCTYPE html>\n<html><body><h1>503 Service Unavailable</h1></body></html>\n", *_ALIEN)
    yield case("an error in JSON instead", b'{"error": "quota exceeded", "status": 429}\n', *_ALIEN)
    yield case("a spreadsheet instead", _zipped({"xl/workbook.xml": b"<workbook/>" * 50}), *_ALIEN, "rows")
    yield case("a picture instead", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, *_ALIEN, "rows")
    yield case("a PDF instead", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n", *_ALIEN, "rows")
    yield case("a delimiter too many on each line", "\n".join(line + d for line in lines).encode(), *_ALIEN)
    yield case("a column nobody declared", "\n".join(line + d + "1" for line in lines).encode(), *_ALIEN)
    yield case(
        "a column gone", "\n".join(d.join(line.split(d)[:-1]) for line in lines).encode(), *_ALIEN, "fields", "pattern", SAME
    )
    if layout.header is None:
        yield case("a header where there is none", ("a,b,c,d,e,f\n" + plain.decode()).encode(), "one")
        return
    head = layout.header
    yield case("no header", "\n".join(lines[1:]).encode(), *_ALIEN)
    yield case("header only", (lines[0] + "\n").encode(), "nothing")
    yield case("a column with another name", "\n".join([d.join((*head[:-1], head[-1] + "_new")), *lines[1:]]).encode(), *_ALIEN)
    yield case(
        "a column twice", "\n".join(f"{line.split(d)[layout.value]}{d}{line}" for line in lines).encode(), "repeated_column"
    )
    yield case("a header in another encoding", plain.replace(head[0].encode(), b"\xe9" + head[0].encode(), 1), "header")
    yield case("a text above the header", b"Export of the counting system\n\n" + plain, *_ALIEN)
    yield case("units below the header", "\n".join([lines[0], d.join(["[-]"] * len(head)), *lines[1:]]).encode(), "one")
    if declared_name := layout.file if layout.file != "delivery.csv" else None:
        yield case("a wrong name", plain, "issued_at", file="export (1).csv")
        yield case("a name with an impossible time", plain, "issued_at", file=_digits(declared_name))


def _digits(name: str) -> str:
    """A name in which every digit became a nine."""
    return "".join("9" if c.isdigit() else c for c in name)


# --- documents -----------------------------------------------------------------------------------------------------------------

_UNREAD = frozenset(
    {"not_json", "layout", "undeclared_column", "missing_column", "encoding", "empty", "json", "person_level", "time_missing"}
)


def of_documents(document: Document) -> Iterator[Case]:
    """JSON that is cut, odd or another thing."""
    plain = document.content()

    def case(name: str, content: bytes, *more: str) -> Case:
        return Case(name, document.source, content, _UNREAD | set(more), None, "delivery.json")

    yield case("untouched", plain, SAME)
    yield case("a mark of byte order before a document", b"\xef\xbb\xbf" + plain, SAME)
    for share in (1, 2, 3):
        yield case(f"cut off after {share} quarters", plain[: len(plain) * share // 4], *(["rows"] if document.lines else []))
    yield case("nothing at all", b"")
    yield case("an empty object", b"{}", "nothing")
    yield case("an empty list", b"[]", "nothing")
    yield case("null", b"null", "nothing")
    yield case("a number alone", b"42", "nothing")
    yield case("a text alone", b'"closed"', "nothing")
    yield case("an error instead", b'{"error": {"code": 429, "message": "quota exceeded"}}')
    yield case("a web page instead of a document", b"<html><body>503</body></html>")
    yield case("single quotes", plain.replace(b'"', b"'"))
    yield case("a comma too many", plain[:-2] + b"," + plain[-2:], "rows")
    yield case("two documents", plain + plain, "twice")
    yield case("a key twice", plain.replace(b'{"', b'{"a": 1, "a": 2, "', 1), "repeated_key")
    yield case("a key nobody declared", plain.replace(b'{"', b'{"extra": 1, "', 1))
    yield case("in another encoding", plain.replace(b'"', b'"\xe9', 1))
    yield case("a hundred thousand lists in each other", b"[" * 100_000 + b"]" * 100_000)
    yield case("NUL bytes behind it", plain + b"\x00" * 512, "rows")
    for name, text in (("words", '"veel"'), ("a formula", '"=1+1"'), ("NaN", "NaN"), ("nothing", "null"), ("below zero", "-5"), ("absurd", "1e30"),
                       ("a list", "[1, 2]"), ("an object", '{"a": 1}'), ("true", "true"), ("digits without end", "9" * 500)):  # fmt: skip
        yield case(f"{name} for a count", _with_count(document, text), "rows", "nothing", SAME)
    for name, text in (
        ("no time in a record", "null"),
        ("a time in words in a record", '"soon"'),
        ("a number for a time", "1750442400"),
    ):
        yield case(name, _with_time(document, text), "rows", "nothing", SAME)


_COUNT = {"hystreet": '"ltr_pedestrians_count": 400', "gent-parking": '"availablespaces": 11', "amsterdam-cmsa-zones": '"count": 30',
          "amsterdam-telcameras-v3": '"count": 4'}  # fmt: skip
_TIME = {"hystreet": '"2026-06-20T20:00:00.000+02:00"', "gent-parking": '"2026-06-20T20:13:27+02:00"',
         "amsterdam-cmsa-zones": '"2026-06-20T18:00:07Z"', "amsterdam-telcameras-v3": '"2026-06-20T18:00:00Z"'}  # fmt: skip


def _with_count(document: Document, text: str) -> bytes:
    found = _COUNT[document.source]
    assert found in document.content().decode()
    return document.content().decode().replace(found, f"{found.split(':')[0]}: {text}", 1).encode()


def _with_time(document: Document, text: str) -> bytes:
    found = _TIME[document.source]
    assert found in document.content().decode()
    return document.content().decode().replace(found, text, 1).encode()


# --- packed files --------------------------------------------------------------------------------------------------------------


def _zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


def of_zips(layout: Layout) -> Iterator[Case]:
    """A zip that is cut, dangerous or holds bad members; the codes are those of its deliveries."""
    good = layout.content()

    def case(name: str, content: bytes, *codes: str) -> Case:
        return Case(name, "packed", content, frozenset(codes), None, "delivery.zip")

    one = _zipped({"a.csv": good})
    yield case("a sound zip", one, SAME)
    yield case("a zip cut off", one[: len(one) // 2], "not_zip")
    yield case("no zip", good, "not_zip")
    yield case("an empty zip", _zipped({}), "none")
    yield case("a zip with other files only", _zipped({"readme.txt": b"hello"}), "none")
    yield case("a bomb of a zip", _zipped({"a.csv": b"0" * 100_000_000}), "too_large", "ratio")
    yield case("a small bomb", _zipped({"a.csv": b"0" * 900_000}), "ratio")
    yield case("a member over the limit", _zipped({"a.csv": good * 4_000}, zipfile.ZIP_STORED), "too_large")
    yield case("a hundred members", _zipped({f"{n}.csv": good for n in range(100)}), "too_many_members")
    yield case("a member that leaves the archive", _zipped({"../../a.csv": good}), "path")
    yield case("a member with a root", _zipped({"/etc/a.csv": good}), "path")
    yield case(
        "a zip in a zip", _zipped({"a.csv": _zipped({"b.csv": good})}), "header", "undeclared_column", "person_level", "rows"
    )
    yield case("a bad member beside a good one", _zipped({"a.csv": good, "b.csv": b""}), SAME, "empty")
    damaged = bytearray(one)
    damaged[60:70] = b"\xff" * 10
    yield case("a member whose content is damaged", bytes(damaged), "not_zip")
    locked = bytearray(one)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(mark) + at] |= 1
    yield case("a member that is locked", bytes(locked), "encrypted")
    lying = bytearray(_zipped({"a.csv": b"0" * 5_000_000}))
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        lying[lying.index(mark) + at : lying.index(mark) + at + 4] = (10_000).to_bytes(4, "little")
    yield case("a member that states another size", bytes(lying), "too_large", "not_zip", "ratio")


# --- Parquet -------------------------------------------------------------------------------------------------------------------


def of_parquet(layout: Layout) -> Iterator[Case]:
    """Hardbrücke's rows as typed columns: cut, damaged, of other types."""
    assert layout.header is not None
    texts = dict(zip(layout.header, map(list, zip(*layout.rows, strict=True)), strict=True))
    sound = texts | {name: pa.array(map(int, texts[name]), pa.int64()) for name in ("In", "Out")}

    def written(**changes: object) -> bytes:
        sink = io.BytesIO()
        pq.write_table(pa.table({k: v for k, v in (sound | changes).items() if v is not None}), sink)
        return sink.getvalue()

    def case(name: str, content: bytes, *codes: str) -> Case:
        return Case(name, "hardbruecke-history", content, frozenset(codes), None, "delivery.parquet")

    whole, n = written(), len(layout.rows)
    yield case("sound columns", whole, SAME)
    for eighth in range(1, 8):
        yield case(f"columns cut off after {eighth} eighths", whole[: len(whole) * eighth // 8], "not_parquet")
    for eighth in range(8):
        damaged = bytearray(whole)
        at = 4 + (len(whole) - 12) * eighth // 8
        damaged[at : at + 3] = bytes(b ^ 0xFF for b in damaged[at : at + 3])
        yield case(f"columns damaged in eighth {eighth + 1}", bytes(damaged), "not_parquet", "rows", *_ALIEN, "column_type", SAME)
    yield case("text instead of columns", layout.content(), "not_parquet")
    yield case("columns without rows", written(**{k: pa.array([], pa.string()) for k in texts}), "nothing")
    yield case("a typed column gone", written(Out=None), "missing_column")
    yield case("a typed column nobody declared", written(Extra=pa.array([1] * n)), "undeclared_column")
    yield case("lists for counts", written(In=pa.array([[1]] * n)), "column_type", "person_level")
    yield case("bytes for counts", written(In=pa.array([b"\xff\x00"] * n)), "column_type", "person_level")
    yield case("truths for counts", written(In=pa.array([True] * n)), "rows")
    yield case("empty counts", written(In=pa.array([None] * n, pa.int64())), "rows", SAME)
    yield case("numbers that are none", written(In=pa.array([float("nan"), float("inf")] * (n // 2), pa.float64())), "rows", SAME)
    yield case("numbers below zero", written(In=pa.array([-1] * n, pa.int64())), "rows")
    yield case("numbers beyond belief", written(In=pa.array([2**62] * n, pa.int64())), "rows")
    yield case("times of the day only", written(Timestamp=pa.array([1] * n, pa.time32("s"))), "rows", "column_type")
    yield case("times beyond time", written(Timestamp=pa.array([2**62] * n, pa.timestamp("us"))), "rows", "column_type")


def pretty(case: Case) -> str:
    """For a message of a failing test."""
    return f"{case.source}: {case.name}"


def corpus_of_documents(documents: tuple[Document, ...]) -> Iterator[Case]:
    for document in documents:
        json.loads(document.content().decode().splitlines()[0])  # sound to begin with
        yield from of_documents(document)
