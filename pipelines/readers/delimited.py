"""Delimited text as raw tables: cells stay text.

Lines that are not records of the declared layout (bad bytes, NUL, open quotes, another number of fields) are set aside with
a reason, so that the good lines beside them count.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from pipelines.readers.raw import BAD_LINES, EMPTY, MOST_COLUMNS, Raw, UnreadableError
from schemas.settings.source import Csv

BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_MESSAGES = {
    "nul_byte": "the line holds NUL bytes: it was cut or damaged. Ask for the file again.",
    "encoding": "the line is not readable in the declared encoding. Correct `encoding:` or ask for the file again.",
    "quotes": "the quotes of this line do not close on it. Ask the supplier to quote fields whole, without line breaks.",
}


def read(content: bytes, reader: Csv) -> Raw:
    lines = lines_of(content, reader.encoding)
    numbers = np.arange(1, len(lines) + 1, dtype=np.int64)
    above, lines, numbers = lines.slice(0, reader.skip_lines), lines.slice(reader.skip_lines), numbers[reader.skip_lines :]
    filled = np.asarray(pc.not_equal(pc.utf8_trim_whitespace(lines), ""))
    lines, numbers = lines.filter(pa.array(filled)), numbers[filled]
    if not len(lines):
        raise UnreadableError("empty", EMPTY)
    check = _damage(lines, reader.delimiter)
    fields = field_counts(lines, reader.delimiter)
    names: tuple[str | None, ...] = tuple(reader.columns or ())
    if reader.header:
        if check[0]:
            told = _MESSAGES[check[0]].replace("the line", "the header line").replace("this line", "the header line")
            raise UnreadableError("header", told)
        names = _header(lines.slice(0, 1), int(fields[0]), reader.delimiter)
        lines, numbers, check, fields = lines.slice(1), numbers[1:], check[1:], fields[1:]
    width = max(len(names), _usual_width(fields[check == ""]))
    if width > MOST_COLUMNS:
        raise UnreadableError("not_csv", f"more than {MOST_COLUMNS} columns: not the declared layout. Check `delimiter:`.")
    names = (*names, *[None] * (width - len(names)))
    check[(check == "") & (fields != width)] = "fields"
    good = check == ""
    table = _parse(lines.filter(pa.array(good)), width, reader.delimiter)
    bad = _bad_lines(numbers[~good], check[~good], fields[~good], width)
    return Raw(table, names, numbers[good], bad, pa.concat_arrays([above, lines.filter(pa.array(~good))]))


def lines_of(content: bytes, encoding: str) -> pa.Array:
    """The physical lines as text; bytes that the encoding does not know become U+FFFD, which marks the line."""
    marked = next((name for bom, name in BOMS if content.startswith(bom)), encoding)
    text = content.decode(marked, errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    return pc.split_pattern(pa.array([text], pa.large_string()), "\n")[0].values


def _damage(lines: pa.Array, delimiter: str) -> np.ndarray:
    """Per line the name of what is wrong with it as text, or an empty string."""
    check = np.full(len(lines), "", dtype=object)
    d = re.escape(delimiter)
    whole = f'^(?:"(?:[^"]|"")*"|[^"{d}][^{d}]*|)(?:{d}(?:"(?:[^"]|"")*"|[^"{d}][^{d}]*|))*$'
    quoted = np.asarray(pc.match_substring(lines, '"'))
    if quoted.any():
        closed = np.ones(len(lines), dtype=bool)
        closed[quoted] = np.asarray(pc.match_substring_regex(lines.filter(pa.array(quoted)), whole))
        check[~closed] = "quotes"
    check[np.asarray(pc.match_substring(lines, "\ufffd"))] = "encoding"
    check[np.asarray(pc.match_substring(lines, "\x00"))] = "nul_byte"
    return check


def field_counts(lines: pa.Array, delimiter: str) -> np.ndarray:
    """Number of fields per line; delimiters inside quoted fields do not count."""
    bare = pc.replace_substring_regex(lines, f'(^|{re.escape(delimiter)})"(?:[^"]|"")*"', r"\1")
    return np.asarray(pc.count_substring(bare, delimiter)) + 1


def _usual_width(fields: np.ndarray) -> int:
    """The most common number of fields: when it is over the header's, whole columns are undeclared."""
    return int(np.bincount(fields).argmax()) if len(fields) else 0


def _header(line: pa.Array, width: int, delimiter: str) -> tuple[str | None, ...]:
    cells = _parse(line, width, delimiter).to_pylist()[0]
    return tuple(cells[f"c{i}"].strip() for i in range(width))


def _parse(lines: pa.Array, width: int, delimiter: str) -> pa.Table:
    """Lines already known to be whole records, as a table of text columns ``c0`` …; one line is one row."""
    names = [f"c{i}" for i in range(width)]
    if not len(lines):
        return pa.table({n: pa.array([], pa.string()) for n in names})
    content = _joined(lines)
    table = pacsv.read_csv(
        pa.BufferReader(content),
        read_options=pacsv.ReadOptions(column_names=names, use_threads=False, block_size=content.size + 1),
        parse_options=pacsv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False),
        convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )
    if table.num_rows != len(lines):
        raise UnreadableError("not_csv", "the lines do not come apart into records. Check `delimiter:` and the quotes.")
    return table


def _joined(lines: pa.Array) -> pa.Buffer:
    whole = pa.LargeListArray.from_arrays([0, len(lines)], lines)
    return pc.binary_join(whole, pa.scalar("\n", pa.large_string()))[0].as_buffer()


def _bad_lines(numbers: np.ndarray, check: np.ndarray, fields: np.ndarray, width: int) -> pa.Table:
    messages = np.full(len(numbers), "", dtype=object)
    for name, text in _MESSAGES.items():
        messages[check == name] = text
    for count in np.unique(fields[check == "fields"]):
        told = f"the line has {count} fields where {width} are expected. Ask the supplier for whole lines."
        messages[(check == "fields") & (fields == count)] = told
    columns = [pa.array(numbers, pa.int64()), pa.array(check, pa.string()), pa.array(messages, pa.string())]
    return pa.table(columns, schema=BAD_LINES)
