"""A card's formula as a fraction of sums over its inputs, where it is one: what a published value says about the counts behind it.

Attributes and parameters are numbers that are published with the settings in force, so they stand as SQL over the row's ``settings``.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from indicators import formula
from indicators.grammar import Card

Affine = dict[str | None, str]  # input → its factor as SQL; None → what is added


@dataclass(frozen=True)
class Fraction:
    """``over`` divided by ``under``; both are sums of inputs with factors."""

    over: Affine
    under: Affine


def fraction(card: Card) -> Fraction | None:
    """The formula of a card as a fraction, or None where it is something else (a class, a baseline, a product of inputs)."""
    names = {
        *card.inputs,
        *card.attributes,
        *card.parameters,
        *card.baseline,
        *card.let,
        *card.applies_to.attributes,
        "interval_minutes",
    }
    lets = {name: formula.parse_expression(text, names, "number").tree for name, text in card.let.items()}
    tree = _bare(formula.parse_expression(card.formula, names, "number").tree)
    over, under = (tree.this, _bare(tree.expression)) if isinstance(tree, exp.Div) else (tree, exp.Literal.number(1))
    read = _Reader(card, lets)
    made = read.affine(over), read.affine(under)
    if made[0] is None or made[1] is None or not set(made[0]) - {None}:
        return None
    return Fraction(made[0], made[1])


def _bare(tree: exp.Expr) -> exp.Expr:
    """Without the guards around a divisor: ``nullif(x, 0)``, and ``greatest(x, 1)`` of a count, which a hidden one is at least."""
    while isinstance(tree, exp.Paren | exp.Nullif) or (isinstance(tree, exp.Greatest) and isinstance(tree.this, exp.Column)):
        tree = tree.this
    return tree


class _Reader:
    def __init__(self, card: Card, lets: dict[str, exp.Expr]) -> None:
        self.inputs, self.lets, self.baseline = set(card.inputs), lets, set(card.baseline)

    def affine(self, tree: exp.Expr) -> Affine | None:
        """Factors of the inputs; None where it is no sum of them."""
        tree = _bare(tree)
        if isinstance(tree, exp.Literal):
            return {None: f"{tree.this}::DOUBLE"}
        if isinstance(tree, exp.Column):
            return self._name(tree.name)
        sides = [self.affine(side) for side in (tree.this, tree.args.get("expression")) if side is not None]
        if isinstance(tree, exp.Neg | exp.Add | exp.Sub | exp.Mul | exp.Div) and all(sides):
            return _joined(tree, [side for side in sides if side])
        return None

    def _name(self, name: str) -> Affine | None:
        if name in self.inputs:
            return {name: "1"}
        if name in self.lets:
            return self.affine(self.lets[name])
        if name in self.baseline:
            return None
        where = "$.interval_minutes" if name == "interval_minutes" else f"$.values.{name}"
        return {None: f"CAST(json_extract(settings, '{where}') AS DOUBLE)"}


def _joined(tree: exp.Expr, sides: list[Affine]) -> Affine | None:
    """The sides of a sum, or of a product or quotient with a number; None for anything else."""
    left, right = sides[0], sides[-1]
    if isinstance(tree, exp.Neg):
        return _times(left, "-1")
    if isinstance(tree, exp.Add | exp.Sub):
        return _plus(left, right if isinstance(tree, exp.Add) else _times(right, "-1"))
    if set(right) == {None}:
        return _times(left, right[None] if isinstance(tree, exp.Mul) else f"(1 / nullif({right[None]}, 0))")
    return _times(right, left[None]) if isinstance(tree, exp.Mul) and set(left) == {None} else None


def _times(what: Affine, factor: str) -> Affine:
    return {name: f"({by}) * ({factor})" for name, by in what.items()}


def _plus(left: Affine, right: Affine) -> Affine:
    return {n: " + ".join(f"({side[n]})" for side in (left, right) if n in side) for n in dict.fromkeys((*left, *right))}
