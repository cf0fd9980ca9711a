"""Properties over random files: no layout crashes the readers or a guess, every row is accounted for, and the order of rows is nothing."""

import json

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipelines import guess, readers
from pipelines.readers import UnreadableError
from schemas import yamlfile
from schemas.problems import Problems
from schemas.settings import Source
from schemas.settings.source import Json
from tests import evidence
from tests.pipelines.layouts import csv, source, take

QUICK = settings(max_examples=evidence.count(8, 300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_LEAF = st.one_of(st.none(), st.booleans(), st.integers(-5, 10**20), st.floats(allow_nan=False), st.text(max_size=6))
_VALUE = st.recursive(
    _LEAF,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=12,
)
_READERS = [
    Json(format="json", **how)
    for how in (
        {}, {"records": "[]"}, {"records": "data[].x[]"}, {"lines": True}, {"records": "[]", "together": ("a", "b"), "position": "n"},
        {"records": "data[]", "columns": ("a", "b")},
    )
]  # fmt: skip


@QUICK
@given(_VALUE, st.sampled_from(_READERS))
def test_any_document_is_a_table_or_a_reasoned_refusal(value, reader):
    for content in (json.dumps(value).encode(), json.dumps({"data": value}).encode(), json.dumps([value, value]).encode()):
        try:
            raw = readers.read(content, reader)
        except UnreadableError as error:
            assert error.code and str(error)
        else:
            assert raw.table.num_rows == len(raw.row_numbers) == len(set(raw.row_numbers.tolist()))
            assert len(raw.names) == raw.table.num_columns


@QUICK
@given(
    st.binary(max_size=60), st.sampled_from([b"", b"[", b'{"a":', b'[{"at": "x"}]', b'{"data": []}\n']), st.sampled_from(_READERS)
)
def test_any_bytes_as_a_document_are_a_table_or_a_reasoned_refusal(content, start, reader):
    try:
        readers.read(start + content, reader)
    except UnreadableError as error:
        assert error.code and str(error)


@QUICK
@given(
    st.lists(
        st.dictionaries(st.sampled_from("abc"), st.one_of(st.integers(0, 9), st.text("xyz", max_size=3)), max_size=3), max_size=6
    )
)
def test_records_come_back_as_they_were_written(records):
    """Oracle: the json module. Numbers and texts as text, a key that is absent as no value."""
    assume(any(records) or not records)  # of records without any key there is no layout
    raw = readers.read(json.dumps(records).encode(), Json(format="json", records="[]"))
    found = [dict(zip(raw.names, row.values(), strict=True)) for row in raw.table.to_pylist()]
    assert [{k: v for k, v in row.items() if v is not None} for row in found] == [
        {k: str(v) for k, v in r.items()} for r in records
    ]


LANES = {"columns": ["counter", "lane"], "map": {"B1|1": "bridge", "B1|2": "bridge", "G2|1": "gate"}, "parts": "sum"}
_ROW = st.tuples(st.sampled_from([f"2026-06-20 20:{m:02}" for m in (0, 15, 30, 45, 7)]), st.sampled_from(["B1,1", "B1,2", "G2,1", "X9,1"]),
                 st.sampled_from(["0", "3", "20", "40", "-1", "", "n/a", "x"]), st.sampled_from(["1", "0.4", ""]))  # fmt: skip


@QUICK
@given(
    st.lists(_ROW, min_size=1, max_size=14), st.randoms(use_true_random=False), st.sampled_from([None, "30min"]), st.booleans()
)
def test_rule_11_and_22_pieces_uptime_and_meanings_are_accounted_for_in_any_order(tmp_path, rows, random, coarse, runs_on):
    measure = {"column": "n", "cumulative": {"wraps_at": 1000}} if runs_on else {"column": "n"}
    declared = source(
        place=LANES, aggregate_to=coarse, measures={"count_total": measure}, ignore=[], sentinels={"-1": "outage", "n/a": "not_applicable"},
        uptime={"column": "up", "at_least": 0.5},
        time={"columns": ["at"], "format": "%Y-%m-%d %H:%M", "clock": "local", "timezone": "Europe/Amsterdam", "stamps": "end"},
    )  # fmt: skip
    shuffled = random.sample(rows, len(rows))
    one, other = (
        take(csv(*map(",".join, r), header="at,counter,lane,n,up"), tmp_path, declared) for r in (rows, shuffled)
    )  # take() asserts rule 11
    columns = ["place", "interval_start", "measure", "value", "value_low", "value_high", "status"]
    assert one.cells.select(columns).equals(other.cells.select(columns))
    for cell in one.cells.to_pylist():
        assert not (cell["status"] == "ok" and 1 <= cell["value"] < 15), "withheld"


_CELL = st.sampled_from(
    [
        "",
        "1",
        "20",
        "1,5",
        "1.234",
        "B1",
        "in",
        "2026-06-20",
        "05/06/2026",
        "20:15",
        "2026-06-20T20:00:00Z",
        "1781978400",
        "Süd",
        '"q"',
    ]
)


@QUICK
@given(st.lists(st.lists(_CELL, min_size=3, max_size=3), min_size=1, max_size=8), st.sampled_from([",", ";", "\t"]), st.sampled_from(
    ["at|id|count", "tijd|sensor|in", "a|b|c", "Datum|Uur|Aantal", "1|2|3"]), st.sampled_from(["utf-8", "latin-1"]))  # fmt: skip
def test_a_draft_of_any_table_is_refused_at_its_todos_only(rows, delimiter, head, encoding):
    text = "\n".join([delimiter.join(head.split("|")), *(delimiter.join(row) for row in rows)])
    check_draft(text.encode(encoding), "any.csv")


@QUICK
@given(_VALUE)
def test_a_draft_of_any_document_is_refused_at_its_todos_only(value):
    check_draft(json.dumps([{"id": 1, "x": value}, value]).encode(), "any.json")


@QUICK
@given(st.binary(max_size=80), st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"PAR1", b"{", b"a,b\n1,2\n"]))
def test_a_draft_of_any_bytes_is_a_draft_or_a_reason(content, start):
    check_draft(start + content, "any.bin")


def check_draft(content, name):
    try:
        draft = guess.draft(content, name)
    except UnreadableError as error:
        assert str(error)
        return
    if draft.closed:
        assert draft.text == ""
        return
    with pytest.raises(Problems) as caught:
        yamlfile.build(Source, yamlfile.parse(draft.text, "draft.yaml"))
    lines = draft.text.splitlines()
    assert all("TODO" in lines[p.line - 1] for p in caught.value.problems), draft.text + "\n".join(
        map(str, caught.value.problems)
    )
