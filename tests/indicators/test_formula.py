"""The formula language: what is allowed, what is refused with what to do, and what a name may become."""

from __future__ import annotations

import math

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators import formula

NAMES = {"a", "b", "c"}


@pytest.mark.parametrize(
    "text",
    [
        "a", "-a", "a + b - c * 2", "a / nullif(b, 0)", "a / 60", "a / nullif(b - c, 0.0)", "a / (nullif(b, 0))",
        "greatest(a, b, 0.5)", "least(a, b)", "sqrt(a + 1)", "abs(a)", "round(a, 2)", "floor(a)", "ceil(a)", "exp(a)", "ln(a)",
        "case when a > b then 1 else c end", "1.5e3 * a",
    ],
)  # fmt: skip
def test_decision_4_numbers_that_are_allowed(text: str) -> None:
    assert formula.parse_expression(text, NAMES, "number").names <= NAMES


@pytest.mark.parametrize("text", ["a >= 1", "a > b and not c < 3", "(a = 1 or b <> 2)", "a between b and c", "a + b <= 2 * c"])
def test_decision_4_conditions_that_are_allowed(text: str) -> None:
    assert formula.parse_expression(text, NAMES, "condition").names <= NAMES


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("(select 1)", "number", "query"),
        ("a + (select max(b) from cells)", "number", "query"),
        ("now()", "number", "allow-list"),
        ("current_timestamp", "number", "clock"),
        ("current_date", "number", "clock"),
        ("random()", "number", "random"),
        ("sum(a)", "number", "aggregate"),
        ("avg(a)", "number", "aggregate"),
        ("median(a)", "number", "aggregate"),
        ("count(*)", "number", "aggregate"),
        ("sum(a) over ()", "number", "window"),
        ("lag(a) over (order by b)", "number", "window"),
        ("coalesce(a, 0)", "number", "missing"),
        ("ifnull(a, 0)", "number", "missing"),
        ("a is null", "condition", "NULL"),
        ("a is not null", "condition", "NULL|allow-list"),
        ("nullif(a, null)", "number", "NULL"),
        ("a // b", "number", "remainder"),
        ("a % b", "number", "allow-list"),
        ("a::integer", "number", "cast"),
        ("a / b", "number", "not guarded"),
        ("a / 0", "number", "not guarded"),
        ("a / nullif(b, 1)", "number", "not guarded"),
        ("a / (b + 1)", "number", "not guarded"),
        ("a / greatest(b, 1)", "number", "not guarded"),
        ("nope + a", "number", "`nope` is not declared"),
        ("t.a", "number", "plain name"),
        ('"a"', "number", "plain name"),
        ("'a'", "number", "text"),
        ("true", "condition", "constant"),
        ("foo(a)", "number", "allow-list"),
        ("read_csv('x')", "number", "allow-list"),
        ("a; drop table cells", "number", "one expression"),
        ("a +", "number", "not an expression"),
        ("", "number", "not one expression"),
        ("a > b", "number", "is not a number"),
        ("a + b", "condition", "is not a condition"),
        ("a and b", "condition", "is not a condition"),
        ("(a > b) + 1", "number", "is not a number"),
        ("case when a then 1 else 2 end", "number", "CASE"),
        ("case a when 1 then 2 else 3 end", "number", "CASE"),
        ("case when a > 1 then 2 end", "number", "CASE"),
        ("a in (1, 2)", "condition", "allow-list"),
        ("[a, b]", "number", "allow-list"),
        ("a -- b\n; b", "number", "one expression"),
    ],
)
def test_decision_4_refused_with_what_to_do(text: str, kind: formula.Kind, what: str) -> None:
    with pytest.raises(ValueError, match=what) as caught:
        formula.parse_expression(text, NAMES, kind)
    said, bar, fix = str(caught.value).partition(" | ")
    assert said and bar and fix.endswith(".")


def test_render_replaces_whole_names_only() -> None:
    tree = formula.parse_expression("a * ab + a / nullif(b, 0)", {"a", "ab", "b"}, "number").tree
    assert formula.render(tree, {"a": "a_low"}) == "a_low * ab + a_low / NULLIF(b, 0)"
    assert formula.render(tree, {}) == "a * ab + a / NULLIF(b, 0)"


_numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))
_trees = st.recursive(
    st.sampled_from(["a", "b", "c"]) | st.integers(0, 99).map(str),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(text=_trees, a=_numbers, b=_numbers, c=_numbers)
def test_rule_12_what_is_rendered_means_what_was_written(text: str, a: float, b: float, c: float) -> None:
    tree = formula.parse_expression(text, NAMES, "number").tree
    rendered = formula.render(tree, {"a": "a_low"})
    with duckdb.connect() as con:
        query = f"SELECT ({rendered})::DOUBLE FROM (SELECT ?::DOUBLE AS a_low, ?::DOUBLE AS b, ?::DOUBLE AS c)"
        got = con.execute(query, [a, b, c]).fetchone()[0]
    assert math.isclose(got, eval(text, {"a": a, "b": b, "c": c}), rel_tol=1e-9, abs_tol=1e-6)


@pytest.mark.parametrize(
    ("text", "value"),
    [("greatest(a / nullif(b, 0), 0)", None), ("least(7, a / nullif(b, 0), 9)", None), ("2 * greatest(least(a / nullif(b, 0), 5), 1)", None),
     ("greatest(a, least(c, b), -3)", 6), ("greatest(1, 2)", 2)],
)  # fmt: skip
def test_unknown_is_not_calm_a_part_without_an_answer_is_not_skipped(text: str, value: float | None) -> None:
    rendered = formula.render(formula.parse_expression(text, NAMES, "number").tree, {})
    got = duckdb.sql(f"SELECT ({rendered})::DOUBLE FROM (SELECT 6 AS a, 0 AS b, 3 AS c)").fetchall()
    assert got == [(value,)]
