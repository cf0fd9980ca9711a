"""The formula language of a card: one short SQL expression, checked against an allow-list.

An expression reads one row and gives one number or one yes/no. It cannot look at other rows, at the clock or at
chance, cannot turn a missing value into a number, and cannot divide by zero. So it gives the same answer for a tick,
a backfill and a worked example, and an auditor can read it. Every mistake is a ValueError ``what | what to do``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from sqlglot import errors, exp, parse

Kind = Literal["number", "condition"]

_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg)
_FUNCTIONS = (exp.Nullif, exp.Greatest, exp.Least, exp.Abs, exp.Sqrt, exp.Ln, exp.Exp, exp.Floor, exp.Ceil, exp.Round)
_COMPARISONS = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ, exp.Between)
_LOGIC = (exp.And, exp.Or, exp.Not)
_NUMBERS = (*_ARITHMETIC, *_FUNCTIONS)

# What people try, and why it is refused. Looked up along the class hierarchy, so the broad ones come last.
_REFUSED: tuple[tuple[type[exp.Expr], str, str], ...] = (
    (exp.Coalesce, "coalesce turns a missing value into a number", "Leave it out: a missing input makes the level unknown."),
    (exp.Is, "a test for NULL", "Leave it out: a missing input makes the level unknown."),
    (exp.IntDiv, "// drops the remainder", "Use / and round or floor."),
    (exp.Mod, "% is not in the allow-list", "Write it another way."),
    (exp.Cast, "a cast", "Leave it out: every name is a number already."),
    (exp.Window, "a window over other rows", "Name an input with `ago:`; a formula reads one row."),
    (exp.AggFunc, "an aggregate over rows", "Leave it out: sums of DOUBLE depend on the order of rows."),
    (exp.Rand, "a random number", "Leave it out: the same rows must give the same number."),
    (exp.CurrentTimestamp, "the clock", "Leave it out: time is given, never read."),
    (exp.CurrentDate, "the clock", "Leave it out: time is given, never read."),
    (exp.Query, "a query inside the formula", "Name an input instead; the engine writes the query."),
    (exp.Boolean, "true or false as a constant", "Leave the condition out."),
    (exp.Null, "NULL as a constant", "Leave it out: only data can be missing."),
)


@dataclass(frozen=True)
class Expression:
    """A checked expression: its text as written, its tree, and the names it uses."""

    text: str
    tree: exp.Expr
    names: frozenset[str]


def parse_expression(text: str, names: Collection[str], kind: Kind) -> Expression:
    """Read ``text`` and check it against the allow-list.

    ``names`` are the names declared so far; ``kind`` says whether a number or a condition is wanted.
    Raises ValueError (``what | fix``).
    """
    tree = _one(text)
    found = _check(tree)
    if found != kind:
        want = "a condition (a comparison)" if kind == "condition" else "a number"
        raise ValueError(f"`{text}` is not {want} | Write {want} here.")
    used = frozenset(column.name for column in tree.find_all(exp.Column))
    for name in sorted(used - set(names)):
        raise ValueError(f"`{name}` is not declared | Use one of: {', '.join(sorted(names))}; or declare it.")
    return Expression(text, tree, used)


def _one(text: str) -> exp.Expr:
    try:
        trees = parse(text, read="duckdb")
    except errors.SqlglotError as error:
        raise ValueError(f"`{text}` is not an expression: {str(error).splitlines()[0]} | Write it as in SQL.") from None
    if len(trees) != 1 or trees[0] is None:
        raise ValueError(f"`{text}` is not one expression | Write a single expression, without `;`.")
    return trees[0]


def _check(node: exp.Expr) -> Kind:
    """The kind of ``node``, after checking it and everything below it."""
    if isinstance(node, exp.Paren):
        return _check(node.this)
    if isinstance(node, exp.Literal):
        return _literal(node)
    if isinstance(node, exp.Column):
        return _column(node)
    if isinstance(node, exp.Case):
        return _case(node)
    wanted: Kind = "condition" if isinstance(node, _LOGIC) else "number"
    if not isinstance(node, (*_NUMBERS, *_COMPARISONS, *_LOGIC)):
        raise ValueError(_refusal(node))
    for part in _operands(node):
        if _check(part) != wanted:
            what = f"`{part.sql('duckdb')}` is not a {wanted}"
            raise ValueError(f"{what} | AND, OR and NOT join conditions; the rest takes numbers.")
    if isinstance(node, exp.Div):
        _divisor(node)
    return "number" if isinstance(node, _NUMBERS) else "condition"


def _operands(node: exp.Expr) -> list[exp.Expr]:
    return [child for child in node.iter_expressions() if isinstance(child, exp.Expr)]


def _literal(node: exp.Literal) -> Kind:
    if node.is_string:
        raise ValueError(f"{node.sql('duckdb')} is a text | Formulas are made of numbers.")
    return "number"


def _column(node: exp.Column) -> Kind:
    if node.table or not isinstance(node.this, exp.Identifier) or node.this.quoted:
        raise ValueError(f"`{node.sql('duckdb')}` is not a plain name | Use names the card declares, without table or quotes.")
    return "number"


def _case(node: exp.Case) -> Kind:
    if node.this is not None or node.args.get("default") is None:
        raise ValueError("a CASE with an operand or without ELSE | Write CASE WHEN condition THEN number ELSE number END.")
    for branch in node.args["ifs"]:
        if _check(branch.this) != "condition" or _check(branch.args["true"]) != "number":
            raise ValueError("a CASE that does not go from conditions to numbers | Write CASE WHEN a > b THEN c ELSE d END.")
    if _check(node.args["default"]) != "number":
        raise ValueError("a CASE whose ELSE is not a number | Give a number after ELSE.")
    return "number"


def _divisor(node: exp.Div) -> None:
    """A division is guarded: the divisor is ``nullif(x, 0)`` or a constant other than 0."""
    below = node.expression.unnest()
    if isinstance(below, exp.Nullif):
        other = below.expression
        if isinstance(other, exp.Literal) and float(other.this) == 0:
            return
    if isinstance(below, exp.Literal) and float(below.this) != 0:
        return
    text = below.sql("duckdb")
    raise ValueError(f"the division by `{text}` is not guarded | Write nullif({text}, 0): dividing by 0 has no answer.")


def _refusal(node: exp.Expr) -> str:
    for kind, what, fix in _REFUSED:
        if isinstance(node, kind):
            return f"{what}: `{node.sql('duckdb')}` | {fix}"
    return (
        f"`{node.sql('duckdb')}` is not in the allow-list | Use + - * /, comparisons, AND, OR, NOT, CASE, and nullif, greatest,"
        " least, abs, sqrt, ln, exp, round, floor, ceil."
    )


def render(tree: exp.Expr, names: Mapping[str, str], optional: Collection[str] = ()) -> str:
    """DuckDB text of ``tree`` with names replaced; names not in ``names`` stay as they are.

    A comparison that uses a name of ``optional`` does not hold while that is unknown, instead of being unknown itself.
    greatest and least have no answer where one of their parts has none (DuckDB would skip that part).
    """

    def rename(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and node.name in names:
            return exp.column(names[node.name])
        return node

    def settle(node: exp.Expr) -> exp.Expr:
        if isinstance(node, _COMPARISONS) and any(c.name in optional for c in node.find_all(exp.Column)):
            return exp.func("coalesce", node.copy(), exp.false())
        return node

    settled = _bottom_up(tree.copy(), settle) if optional else tree.copy()
    return _whole(settled).transform(rename).sql(dialect="duckdb")


def written_out(tree: exp.Expr, lets: Mapping[str, exp.Expr]) -> exp.Expr:
    """``tree`` with each name of ``lets`` replaced by what it stands for (in which no such name stands any more)."""

    def replace(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and node.name in lets:
            return exp.Paren(this=lets[node.name].copy())
        return node

    return tree.transform(replace)


def _whole(tree: exp.Expr) -> exp.Expr:
    """``tree`` with each greatest and least made NULL where a part of it is: skipping an unknown would make it calm."""
    for node in reversed([n for n in tree.walk() if isinstance(n, exp.Greatest | exp.Least)]):
        parts = [p for p in (node.this, *node.expressions) if not isinstance(p, exp.Literal)]
        if not parts:
            continue
        unknown = exp.or_(*(exp.Is(this=exp.Paren(this=part.copy()), expression=exp.null()) for part in parts))
        new = exp.case().when(unknown, exp.null()).else_(node.copy())
        if node is tree:
            return new
        node.replace(new)
    return tree


def _bottom_up(tree: exp.Expr, change: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """``tree`` with each comparison replaced once (``transform`` would enter what it just put in)."""
    found = [n for n in tree.walk() if isinstance(n, _COMPARISONS)]
    for node in found:
        new = change(node)
        if node is tree:
            return new
        if new is not node:
            node.replace(new)
    return tree
