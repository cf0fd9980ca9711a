"""Raw tables keep positions and line numbers; a bad line is set aside and never takes its neighbours with it."""

import codecs
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import readers
from pipelines.readers import UnreadableError
from schemas.settings.source import Csv, Parquet
from tests import evidence

CSV = Csv(format="csv")
_CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00\n\r\ufffd\ufeff"), max_size=8)


def rows(raw):
    return [tuple(r.values()) for r in raw.table.to_pylist()]


def bad(raw):
    return [(r["row_number"], r["check_name"]) for r in raw.bad.to_pylist()]


def test_line_numbers_are_those_an_editor_shows():
    raw = readers.read(b'a,b\n\n1,2\r\n"x, y","say ""hi"""\n  \n3,4', CSV)
    assert raw.names == ("a", "b")
    assert rows(raw) == [("1", "2"), ("x, y", 'say "hi"'), ("3", "4")]
    assert raw.row_numbers.tolist() == [3, 4, 6] and raw.records == 3


@pytest.mark.parametrize(("line", "check"), [
    (b"1", "fields"), (b"1,2,3", "fields"), (b'"1,2', "quotes"), (b'"1"x,2', "quotes"), (b"1,\x002", "nul_byte"),
    (b"1,\xff", "encoding"),
])  # fmt: skip
def test_a_bad_line_is_named_and_the_good_ones_stay(line, check):
    raw = readers.read(b"a,b\n1,2\n" + line + b"\n3,4\n5,6\n", CSV)
    assert rows(raw) == [("1", "2"), ("3", "4"), ("5", "6")] and bad(raw) == [(3, check)]
    assert raw.records == 4


def test_a_quote_inside_an_unquoted_field_is_text():
    assert rows(readers.read(b'a,b\n5" pipe,x\nq,"y"\n', CSV)) == [('5" pipe', "x"), ("q", "y")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1"])
def test_encodings_and_byte_order_marks(encoding):
    declared = Csv(format="csv", encoding=encoding, delimiter="\t")
    raw = readers.read("naam\taantal\nOst-Süd\t3\n".encode(encoding), declared)
    assert raw.names == ("naam", "aantal") and rows(raw) == [("Ost-Süd", "3")]
    assert codecs.lookup(encoding)


def test_a_byte_order_mark_wins_from_the_declaration():
    assert readers.read("a,b\n1,é\n".encode("utf-16"), CSV).names == ("a", "b")


def test_without_a_header_the_declaration_names_the_columns():
    declared = Csv(format="csv", header=False, columns=("a", "b"))
    raw = readers.read(b"1,2\n3,4\n", declared)
    assert raw.names == ("a", "b") and raw.row_numbers.tolist() == [1, 2]


def test_more_fields_than_the_header_in_most_lines_are_columns_nobody_named():
    raw = readers.read(b"a,b\n1,2,x\n3,4,y\n5,6\n", CSV)
    assert raw.names == ("a", "b", None) and bad(raw) == [(4, "fields")]


@pytest.mark.parametrize("content", [b"", b"\n \r\n", b"\x00" * 100, b"\t"])
def test_an_empty_file_is_refused(content):
    for reader in (CSV, Parquet(format="parquet")):
        with pytest.raises(UnreadableError) as caught:
            readers.read(content, reader)
        assert caught.value.code == "empty"


def test_a_header_alone_is_a_delivery_without_rows():
    raw = readers.read(b"a,b\n", CSV)
    assert raw.names == ("a", "b") and raw.records == 0 and raw.table.num_columns == 2


@pytest.mark.parametrize("header", [b"a,\xff\n1,2\n", b'"a,b\n1,2\n', b"a\x00,b\n1,2\n"])
def test_a_header_that_cannot_be_read_refuses_the_delivery(header):
    with pytest.raises(UnreadableError, match="header line"):
        readers.read(header, CSV)


def test_parquet_cut_short_anywhere_is_refused_without_its_content():
    sink = io.BytesIO()
    pq.write_table(pa.table({"secret-name": ["secret-value"] * 1000}), sink)
    whole = sink.getvalue()
    for length in range(4, len(whole), 97):
        with pytest.raises(UnreadableError) as caught:
            readers.read(whole[:length], Parquet(format="parquet"))
        assert "secret" not in str(caught.value) and caught.value.__cause__ is None


@settings(max_examples=evidence.count(80, 2000), deadline=None)
@given(st.lists(st.tuples(_CELL, _CELL), max_size=20))
def test_every_csv_the_standard_library_writes_is_read_back(table):
    """Oracle: the csv module with all fields quoted, on any text without line breaks."""
    quoted = ["a,b", *(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in table)]
    raw = readers.read("\n".join(quoted).encode(), CSV)
    assert rows(raw) == table and raw.bad.num_rows == 0


@settings(max_examples=evidence.count(100, 3000), deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"a,b\n1,2\n"]))
def test_any_bytes_are_a_table_or_a_reasoned_refusal(content, start):
    for reader in (CSV, Csv(format="csv", header=False, columns=("a", "b")), Parquet(format="parquet")):
        try:
            raw = readers.read(start + content, reader)
        except UnreadableError as error:
            assert error.code and str(error)
        else:
            assert raw.records == raw.table.num_rows + raw.bad.num_rows == len(raw.row_numbers) + raw.bad.num_rows
