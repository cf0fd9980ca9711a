"""Columns of plain numbers and moments are passed at one look: no shape could have found anything in them."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.screen import shapes

texts = st.lists(
    st.from_regex(shapes._PLAIN, fullmatch=True).filter(lambda t: t.isascii() and "\n" not in t), min_size=1, max_size=12
)


@settings(max_examples=60)
@given(texts=texts, is_place=st.booleans(), is_time=st.booleans())
def test_no_shape_finds_anything_in_plain_texts(texts: list[str], is_place: bool, is_time: bool) -> None:
    distinct = pa.array(sorted(set(texts)))
    assert shapes.all_plain(distinct)
    assert shapes.looked_for(distinct, is_place=is_place, is_time=is_time, known=frozenset()) == []


def test_one_text_that_is_not_plain_has_the_column_looked_at() -> None:
    assert not shapes.all_plain(pa.array(["12", "0612345678"]))
    assert shapes.kinds_in(pa.array(["12", "02:00:00:00:00:0a"])) == ["device identifiers"]
    for close in ("123456789", "2026-06-20T21:15:00+02:00", "12-34-56", "1.2.3.4", "12\n"):
        assert not shapes.all_plain(pa.array([close])), close
