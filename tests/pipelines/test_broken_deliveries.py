"""A generated corpus of broken deliveries: never a crash, good rows beside bad ones count, every row is accounted for.

Each break is applied to the same good delivery; what must remain of it is worked out from the break, not from the code.
"""

import io
import json
import random
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.intake import Found, take_in
from tests import evidence
from tests.pipelines.layouts import AMSTERDAM, GOOD, HEADER, LATE, MAP, cells, checks, csv, parquet, source, take

MARKERS = ("a4:83:e7:12:34:56", "0123456789abcdef0123456789abcdef", "KX-912-P", "j.devries@example.org", "490154203237518")
Q1, Q2 = "06-20T18:00", "06-20T18:15"
ALL = {("bridge", Q1), ("bridge", Q2), ("gate", Q1), ("gate", Q2)}


@dataclass(frozen=True)
class Broken:
    """``content`` as delivered; ``refused``: (line, check); ``good``: (place, start) whose cells must be ok or withheld."""

    name: str
    content: bytes
    state: str = "accepted"
    refused: list[tuple[int, str]] = field(default_factory=list)
    good: set[tuple[str, str]] = field(default_factory=lambda: set(ALL))
    duplicate: int = 0
    code: str = ""


def with_line(name: str, line: str | bytes, check: str, **more) -> Broken:
    """The good delivery with a bad line in its middle (line 4 of the file)."""
    extra = line if isinstance(line, bytes) else line.encode()
    parts = [HEADER.encode(), *(g.encode() for g in GOOD[:2]), extra, *(g.encode() for g in GOOD[2:])]
    return Broken(name, b"\n".join(parts) + b"\n", refused=[(4, check)], **more)


ROW = "2026-06-20 20:30,B1,{},20,"
CORPUS = [
    Broken("untouched", csv(*GOOD)),
    with_line("text in a number", ROW.format("veel"), "not_a_number"),
    with_line("negative count", ROW.format("-7"), "not_negative"),
    with_line("absurd number", ROW.format("9999999"), "plausible"),
    with_line("number beyond any type", ROW.format("9" * 400), "too_large"),
    with_line("a half person", ROW.format("7.5"), "not_whole"),
    with_line("infinite", ROW.format("inf"), "not_a_number"),
    with_line("unknown place", "2026-06-20 20:30,Q7,40,20,", "place_unknown"),
    with_line("place without an id", "2026-06-20 20:30,,40,20,", "place_missing"),
    with_line("no time", ",B1,40,20,", "time_missing"),
    with_line("a time that is none", "yesterday,B1,40,20,", "time_unreadable"),
    with_line("30 February", "2026-02-30 20:30,B1,40,20,", "time_unreadable"),
    with_line("a time the clock skips", "2026-03-29 02:30,B1,40,20,", "time_does_not_exist"),
    with_line("an hour that comes twice", "2026-10-25 02:30,B1,40,20,", "time_ambiguous"),
    with_line("off the grid", "2026-06-20 20:31,B1,40,20,", "not_aligned"),
    with_line("the year 0026", "0026-06-20 20:30,B1,40,20,", "time_out_of_range"),
    with_line("header again in the middle", HEADER, "time_unreadable"),
    with_line("too few fields", "2026-06-20 20:30,B1", "fields"),
    with_line("too many fields", "2026-06-20 20:30,B1,40,20,,,", "fields"),
    with_line("a quote that never closes", '2026-06-20 20:30,"B1,40,20,', "quotes"),
    with_line("a NUL byte", b"2026-06-20 20:30,B1,4\x000,20,", "nul_byte"),
    with_line("zeros where a disk was full", b"\x00" * 64, "nul_byte"),
    with_line("another encoding", "2026-06-20 20:30,B1,40,20,Süd".encode("latin-1"), "encoding"),
    with_line("semicolons on one line", "2026-06-20 20:30;B1;40;20;", "fields"),
    Broken("cut in the middle of a line", csv(*GOOD)[:-9], refused=[(5, "fields")], good=ALL - {("gate", Q2)}),
    Broken("the same row twice", csv(*GOOD, GOOD[0]), duplicate=1),
    Broken("the whole file twice, with its header", csv(*GOOD) * 2, refused=[(6, "time_unreadable")], duplicate=4),
    Broken("conflicting rows", csv(*GOOD, "2026-06-20 20:00,B1,41,20,"), refused=[(2, "conflict"), (6, "conflict")],
           good=ALL - {("bridge", Q1)}),
    Broken("every row bad", csv(*(ROW.format("x") for _ in range(3))), good=set(),
           refused=[(n, "not_a_number") for n in (2, 3, 4)]),
    Broken("blank lines and Windows line ends", csv(*GOOD).replace(b"\n", b"\r\n\r\n")),
    Broken("byte order mark", b"\xef\xbb\xbf" + csv(*GOOD)),
    Broken("UTF-16 with its mark", csv(*GOOD).decode().encode("utf-16")),
    Broken("header only", csv(), good=set()),
    Broken("columns in another order", csv(*(",".join(reversed(g.split(","))) for g in GOOD), header="note,out,in,counter,at")),
    Broken("an ignored column gone", csv(*(g[:-1] for g in GOOD), header="at,counter,in,out")),
    Broken("empty", b"", state="refused", code="empty", good=set()),
    Broken("white space only", b" \n\n", state="refused", code="empty", good=set()),
    Broken("a column gone", csv(*(g.rsplit(",", 2)[0] + "," for g in GOOD), header="at,counter,in,note"), "refused", good=set(),
           code="missing_column"),
    Broken("a column twice", csv(*("7," + g for g in GOOD), header="in," + HEADER), "refused", good=set(),
           code="repeated_column"),
    Broken("a header in another encoding", csv(*GOOD).replace(b"note", b"n\xf6te"), "refused", good=set(), code="header"),
    Broken("a picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "refused", good=set(), code="header"),
    Broken("an extra column", csv(*(g + ",1" for g in GOOD), header=HEADER + ",extra"), "closed", good=set(),
           code="undeclared_column"),
    Broken("an extra column without a name", csv(*(g + ",1" for g in GOOD)), "closed", good=set(), code="undeclared_column"),
    Broken("no header at all", csv(*GOOD, header=None), "closed", good=set(), code="undeclared_column"),
    Broken("wrong delimiter", csv(*GOOD).replace(b",", b";"), "closed", good=set(), code="undeclared_column"),
    Broken("a web page", b"<html>\n<body>404</body>\n</html>\n", "closed", good=set(), code="undeclared_column"),
]  # fmt: skip


@pytest.mark.parametrize("broken", CORPUS, ids=lambda b: b.name)
def test_rule_11_a_broken_delivery_loses_no_good_row(broken: Broken, tmp_path):
    taken = take(broken.content, tmp_path)
    assert taken.state == broken.state
    assert (taken.reason or "").startswith(broken.code)
    assert [(row, check) for row, _, check in checks(taken)] == broken.refused
    assert taken.rows_refused == len(broken.refused) and taken.rows_duplicate == broken.duplicate
    counted = {(place, start) for (place, start, _), cell in cells(taken).items() if cell[0] in {"ok", "suppressed"}}
    assert counted == broken.good
    assert taken.rows_accepted + taken.rows_suppressed == len(broken.good)
    known = {"at", "counter", "in", "out", ""}
    for row in taken.refused.to_pylist():
        assert row["column_name"] in known and row["message"].count(".") >= 1


def typed() -> dict[str, list]:
    """The good delivery as typed columns, without its note."""
    stamps, counters = ([g.split(",")[i] for g in GOOD] for i in (0, 1))
    return {"at": stamps, "counter": counters, "in": [40, 50, 100, 7], "out": [20, 0, 200, 300]}


def test_broken_parquet_is_refused_or_counted(tmp_path):
    declared = source(reader={"format": "parquet"})
    good = typed()
    whole = parquet(good)
    assert take(whole, tmp_path, declared).rows_accepted == 3
    for length in range(1, len(whole), 211):
        cut = take(whole[:length], tmp_path, declared)
        assert cut.state == "refused" and cut.reason.startswith(("not_parquet", "empty"))
    damaged = bytearray(whole)
    for position in range(4, len(whole) - 8, 53):
        damaged[position] ^= 0xFF
        assert take(bytes(damaged), tmp_path, declared).state in {"accepted", "refused", "closed"}
        damaged[position] ^= 0xFF
    assert take(csv(*GOOD), tmp_path, declared).reason.startswith("not_parquet")
    nested = take(parquet(good | {"in": pa.array([[1]] * 4)}), tmp_path, declared)
    assert nested.reason.startswith("column_type: the declared column `in`")
    texts = take(parquet(good | {"in": ["40", "x", None, "7"]}), tmp_path, declared)
    assert (texts.rows_accepted, texts.rows_suppressed, checks(texts)) == (2, 1, [(2, "in", "not_a_number")])
    times = pa.array([1, 2, 3, 4], pa.time32("s"))
    for odd in (pa.array([None] * 4), pa.array([True, False, None, True]), times, pa.array([0.5] * 4)):
        assert take(parquet(good | {"in": odd}), tmp_path, declared).rows_in == 4
    empty = take(parquet({k: v[:0] for k, v in good.items()} | {"in": pa.array([], pa.int64())}), tmp_path, declared)
    assert (empty.state, empty.rows_in) == ("accepted", 0)
    assert take(parquet({}), tmp_path, declared).reason.startswith("missing_column")


def test_a_file_that_went_away_is_refused(tmp_path):
    gone = take_in(Found(tmp_path / "no", "no", 0, 0), source(), k=15, withhold_zero=False, tz=AMSTERDAM, after=None, until=LATE)
    assert gone.state == "refused" and gone.reason.startswith("unreadable")


# --- poisoned files -----------------------------------------------------------------------------------------------------------


def notes(values, header=HEADER) -> bytes:
    quoted = ['"' + v.replace('"', '""') + '"' for v in values]
    return csv(*(g + q for g, q in zip(GOOD, quoted, strict=True)), header=header)


def poisoned_csv() -> dict[str, bytes]:
    found = {}
    for number, marker in enumerate(MARKERS):
        found[f"undeclared column {number}"] = csv(*(f"{g},{marker}" for g in GOOD), header=HEADER + ",seen")
        found[f"ignored column {number}"] = notes([marker] * 4)
        found[f"nested in JSON {number}"] = notes([json.dumps({"seen": [{"macAddress": marker, "t": 1}]})] * 4)
        found[f"JSON within JSON {number}"] = notes([json.dumps({"raw": json.dumps([{"x": marker, "y": 2}])})] * 4)
        found[f"name of a column {number}"] = csv(*(g + ",1" for g in GOOD), header=f"{HEADER},{marker}")
        found[f"place column {number}"] = csv(*(g.replace("B1", marker) for g in GOOD))
    for number, marker in enumerate(MARKERS[:2]):
        found[f"a line too long {number}"] = csv(*GOOD, f"{GOOD[0]},{marker},{marker}")
        found[f"time column {number}"] = csv(*GOOD, f"{marker},B1,1,1,")
        found[f"count column {number}"] = csv(*GOOD, f"2026-06-20 20:30,B1,{marker},1,")
    return found


def left_behind(taken) -> str:
    """Everything an intake hands on, as one text."""
    return repr(taken) + repr(taken.cells.to_pylist()) + repr(taken.refused.to_pylist()) + str(taken.cells.schema.metadata)


@pytest.mark.parametrize("name", list(poisoned_csv()))
def test_rule_04_nothing_of_a_poisoned_delivery_is_kept(name, tmp_path):
    taken = take(poisoned_csv()[name], tmp_path)
    text = left_behind(taken)
    assert not [m for m in MARKERS if m.lower() in text.lower()]
    assert taken.state == "closed" and taken.cells.num_rows == taken.refused.num_rows == taken.rows_in == 0
    # A column whose name is a marker of a weak shape (a plate) is closed as undeclared: a name alone is no majority.
    assert taken.reason.startswith(("person_level: ", "undeclared_column: ") if name.startswith("name of") else "person_level: ")
    assert taken.records_read >= 4


@pytest.mark.parametrize("marker", MARKERS)
def test_rule_04_markers_that_look_like_a_cell_are_refused_without_being_quoted(marker, tmp_path):
    """One marker among honest values may pass as a weak shape; the row is refused, and the text is still not repeated."""
    for row in (f"{marker},B1,1,1,", f"2026-06-20 20:30,{marker},1,1,", f"2026-06-20 20:30,B1,{marker},1,"):
        text = left_behind(take(csv(*GOOD, row), tmp_path))
        assert marker.lower() not in text.lower()


def poisoned_parquet() -> dict[str, object]:
    mac, digest, plate, mail, imei = MARKERS
    return {
        "struct": pa.array([{"a": {"b": mac}}] * 4), "list": pa.array([[digest]] * 4),
        "records": pa.array([[{"x": 1.0, "who": plate}]] * 4),
        "map": pa.array([[("k", mail)]] * 4, pa.map_(pa.string(), pa.string())), "number": pa.array([int(imei)] * 4),
        "dictionary": pa.array([mac] * 4).dictionary_encode(), "large": pa.array([mail] * 4, pa.large_string()),
        "binary": pa.array([mac.encode()] * 4), "leaf name": pa.array([{"meta": {"imsi": 1}}] * 4),
        "decimal": pa.array([int(imei)] * 4, pa.decimal128(18, 0)),
        "json in struct": pa.array([{"raw": json.dumps({"email": mail})}] * 4),
    }  # fmt: skip


@pytest.mark.parametrize("name", list(poisoned_parquet()))
def test_rule_04_nested_parquet_is_closed_and_forgotten(name, tmp_path):
    content = parquet(typed() | {"note": poisoned_parquet()[name]})
    taken = take(content, tmp_path, source(reader={"format": "parquet"}))
    assert taken.state == "closed" and taken.reason.startswith("person_level: column 5:")
    assert not [m for m in MARKERS if m.lower() in left_behind(taken).lower()]


# --- at random, against a plain loop ------------------------------------------------------------------------------------------

_COUNTS = st.sampled_from(["0", "3", "14", "15", "40", "400", "", "x", "-1", "7.5", "99999999"])
_WHOLE = [f"2026-06-20 20:{m}" for m in ("00", "15", "30")]
_STAMPS = st.sampled_from([*_WHOLE, "2026-03-29 02:15", "2026-06-20 20:05", "later", ""])
_PLACES = st.sampled_from(["B1", "G2", "Q7", ""])


def naive(rows: list[tuple[str, str, str, str]]) -> tuple[dict, dict[str, int]]:
    """Cells and counts by the definitions, a row at a time."""
    counts = dict.fromkeys(("accepted", "suppressed", "refused", "duplicate"), 0)
    seen: dict[tuple[str, str], list] = {}
    for stamp, place, *texts in rows:
        if stamp not in _WHOLE or place not in MAP:
            counts["refused"] += 1
            continue
        values = [None if t == "" else int(t) if t.isdigit() and int(t) <= 30_000 else "bad" for t in texts]
        seen.setdefault((MAP[place], f"06-20T18:{stamp[-2:]}"), []).append(values)
    found = {}
    for (place, start), all_rows in seen.items():
        good = [v for v in all_rows if "bad" not in v]
        counts["refused"] += len(all_rows) - len(good)
        if good and any(v != good[0] for v in good):
            counts["refused"] += len(good)
            good = []
        if good:
            counts["duplicate"] += len(good) - 1
            counts["suppressed" if any(v is not None and 0 < v < 15 for v in good[0]) else "accepted"] += 1
        for measure, value in zip(("count_in", "count_out"), good[0] if good else ("bad", "bad"), strict=True):
            small = isinstance(value, int) and 0 < value < 15
            found[place, start, measure] = (
                ("invalid", None, None, None) if value == "bad" else ("missing", None, None, None) if value is None
                else ("suppressed", None, 0, 14) if small else ("ok", value, value, value)
            )  # fmt: skip
    return found, counts


@settings(max_examples=evidence.count(15, 400), deadline=None)
@given(st.lists(st.tuples(_STAMPS, _PLACES, _COUNTS, _COUNTS), max_size=25))
def test_rule_11_accounting_agrees_with_a_plain_loop(tmp_path_factory, rows):
    taken = take(csv(*(",".join((*row, "")) for row in rows)), tmp_path_factory.mktemp("d"))
    expected, counts = naive(rows)
    assert cells(taken) == expected
    assert counts == {name: getattr(taken, f"rows_{name}") for name in counts}
    assert taken.rows_in == taken.records_read == len(rows)


@settings(max_examples=evidence.count(15, 300), deadline=None)
@given(st.integers(0, 10**9))
def test_any_damage_to_the_bytes_is_survived(tmp_path_factory, seed):
    """Bytes flipped, cut out, doubled and put elsewhere, in CSV and in Parquet."""
    rng = random.Random(seed)
    sink = io.BytesIO()
    pq.write_table(pa.table({"at": ["2026-06-20 20:00"], "counter": ["B1"], "in": [40], "out": [20], "note": ["x"]}), sink)
    for declared, content in ((source(), csv(*GOOD)), (source(reader={"format": "parquet"}), sink.getvalue())):
        damaged = bytearray(content)
        for _ in range(rng.randint(1, 6)):
            at, length = rng.randrange(len(damaged) or 1), rng.randint(1, 12)
            piece = bytes(damaged[at : at + length])
            other = bytes([rng.randrange(256)])
            stop, put = rng.choice([(at + 1, other), (at + length, b""), (at, piece), (at, piece[::-1] * 3)])
            damaged[at:stop] = put
        taken = take(bytes(damaged), tmp_path_factory.mktemp("d"), declared)
        assert taken.state in {"accepted", "refused", "closed"}
        assert len(cells(taken)) == taken.cells.num_rows
