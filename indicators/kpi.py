"""KPIs: how well signals do their work, declared like a card: definition, texts, limits and worked examples in one file.

Output (did the signal come, in time, and not in vain) and outcome (what became of it) are kept apart by ``kind``. A KPI reads
counts of a period and gives one number, with an interval where few cases stand behind it. Here are the grammar, the reading
and the one SQL text; what a period's counts are, is the business of whoever fills table ``kpis``.

Mistakes are :class:`schemas.problems.Problems` with file, line, key and fix.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import duckdb
from pydantic import Field

from indicators import formula, series
from indicators.example_run import Difference, Result, connection
from indicators.grammar import Series
from indicators.mutants import variants
from schemas import yamlfile
from schemas.mistakes import did_you_mean
from schemas.problems import Problem, Problems
from schemas.settings import Text
from schemas.settings.base import RoleId, Strict
from schemas.yamlfile import Document, Path_

KPIS = Path(__file__).with_name("kpis")
Z95 = 1.959963984540054  # two-sided 95 %
COLUMNS = ("value", "low", "high", "n")
EMPTY = "none"  # in examples: a list without values, which is not the same as an unknown one
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN = {*COLUMNS, "middle", "in_order", "raw", "cases", "per"}


class KpiInput(Strict):
    """A number of the period. ``median``: given as a list of values, and the name stands for their median."""

    is_: Literal["number", "median"] = Field(default="number", alias="is")
    unit: str
    meaning: Text


class Interval(Strict):
    """The 95 % interval beside the value, and why it is worked out so.

    ``wilson``: the value is a share of ``n`` cases. ``byar``: the value is ``n`` events divided by ``per`` (Poisson).
    ``order_statistics``: the value is the median of input ``of``. ``none``: low and high stay empty.
    """

    method: Literal["wilson", "byar", "order_statistics", "none"]
    per: str | None = None
    of: str | None = None
    because: Text


class KpiExpect(Strict):
    """What an example gives; ``_`` is: nothing there. A column left out is not compared."""

    value: Series
    low: Series | None = None
    high: Series | None = None
    n: Series


class KpiExample(Strict):
    """A worked example that runs as a test. ``given``: a number, ``_`` for not known; for a median its values, or ``none``."""

    name: str = Field(min_length=12, description="a sentence")
    given: dict[str, Series] = Field(min_length=1)
    expect: KpiExpect


class Kpi(Strict):
    """The grammar of a KPI. ``n`` says how many cases stand behind the value; of a median they are its values.

    ``shown_with``: KPIs without which this one is never shown, so that a false rate stands beside the hits.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    kind: Literal["output", "outcome"]
    title: Text
    desired_effect: Text
    question: Text
    meaning: Text
    limits: Text
    owner: RoleId
    shown_with: tuple[str, ...] = ()
    inputs: dict[str, KpiInput] = Field(min_length=1)
    formula: str
    n: str | None = None
    unit: str
    digits: int = Field(ge=0, le=6)
    interval: Interval
    references: tuple[str, ...] = Field(min_length=1)
    examples: tuple[KpiExample, ...] = Field(min_length=1)

    def expressions(self) -> dict[Path_, str]:
        """Every expression, by where it stands."""
        found: dict[Path_, str | None] = {("formula",): self.formula, ("n",): self.n, ("interval", "per"): self.interval.per}
        return {path: text for path, text in found.items() if text is not None}

    @property
    def median(self) -> str | None:
        """The input that is given as a list of values, if there is one."""
        return next((name for name, given in self.inputs.items() if given.is_ == "median"), None)


def load(path: Path, shown_as: str | None = None) -> Kpi:
    """Read and check one KPI. Raises :class:`Problems`."""
    kpi, document = yamlfile.load(Kpi, path, shown_as)
    found = [mistake for rule in (_names, _expressions, _interval, _examples) for mistake in rule(kpi)]
    if kpi.id != path.stem:
        found.append((("id",), f"`{kpi.id}` in a file called `{path.name}`", f"Name the file `{kpi.id}.yaml`."))
    if found:
        raise Problems(document.problem(*mistake) for mistake in found)
    return kpi


@cache
def catalogue(folder: Path = KPIS) -> dict[str, Kpi]:
    """All KPIs by id. Raises :class:`Problems` over all files; ``shown_with`` names KPIs that exist."""
    kpis: dict[str, Kpi] = {}
    mistakes: list[Problem] = []
    documents: dict[str, Document] = {}
    for path in sorted(folder.glob("*.yaml")):
        shown = f"indicators/kpis/{path.name}"
        try:
            kpi = load(path, shown)
        except Problems as problems:
            mistakes += problems.problems
            continue
        kpis[kpi.id], documents[kpi.id] = kpi, yamlfile.read(path, shown)
    for kpi in kpis.values():
        for index, name in enumerate(kpi.shown_with):
            if name not in kpis:
                what = f"there is no KPI `{name}`"
                mistakes.append(documents[kpi.id].problem(("shown_with", index), what, did_you_mean(name, kpis)))
    if mistakes:
        raise Problems(mistakes)
    return kpis


Found = Iterator[tuple[Path_, str, str]]


def _names(kpi: Kpi) -> Found:
    for name in kpi.inputs:
        if name in _TAKEN or not _NAME.fullmatch(name):
            yield ("inputs", name), f"`{name}` cannot be a name here", f"Choose a-z, 0-9 and _, not {', '.join(sorted(_TAKEN))}."
    lists = [name for name, given in kpi.inputs.items() if given.is_ == "median"]
    for name in lists[1:]:
        yield ("inputs", name), "a second list of values", "Keep one: a KPI has one number of cases behind it."


def _expressions(kpi: Kpi) -> Found:
    used: set[str] = set()
    for path, text in kpi.expressions().items():
        try:
            used |= formula.parse_expression(text, set(kpi.inputs), "number").names
        except ValueError as error:
            what, _, fix = str(error).partition(" | ")
            yield path, what, fix
            return
    for name in kpi.inputs:
        if name not in used:
            yield ("inputs", name), f"`{name}` is declared and never used", "Leave it out, or use it."


def _interval(kpi: Kpi) -> Found:
    method, given, lists = kpi.interval.method, kpi.interval, kpi.median
    if (kpi.n is None) != (lists is not None):
        yield ("n",), "the number of cases", "Give `n:`; or leave it out where an input is a list of values, whose number it is."
    if (method == "byar") != (given.per is not None):
        yield (
            ("interval", "per"),
            f"`per` and method {method}",
            "Give `per:` with byar, and only with it: what the events are divided by.",
        )
    if (method == "order_statistics") != (given.of is not None):
        yield (
            ("interval", "of"),
            f"`of` and method {method}",
            "Give `of:` with order_statistics, and only with it: the list of values.",
        )
    elif given.of is not None and not (given.of == lists == kpi.formula.strip()):
        yield ("interval", "of"), f"`{given.of}` is not the median that the formula gives", "Name the input that is the formula."


def _examples(kpi: Kpi) -> Found:
    for index, example in enumerate(kpi.examples):
        path: Path_ = ("examples", index)
        for name in sorted(set(kpi.inputs) ^ set(example.given)):
            what = f"`{name}` is missing" if name in kpi.inputs else f"`{name}` is not of this KPI"
            yield (*path, "given"), what, f"Give exactly: {', '.join(kpi.inputs)}."
        texts = [(("given", name), text) for name, text in example.given.items() if name in kpi.inputs]
        texts += [(("expect", name), text) for name in COLUMNS if (text := getattr(example.expect, name)) is not None]
        for where, text in texts:
            is_list = where[0] == "given" and kpi.inputs[where[1]].is_ == "median"
            try:
                _list(text) if is_list else series.number(text)
            except ValueError as error:
                what, _, fix = str(error).partition(" | ")
                yield (*path, *where), what, fix


def _list(text: str) -> list[float] | None:
    """The values of a median: None where they are not known, empty for ``none``."""
    if text in (series.NOTHING, EMPTY):
        return None if text == series.NOTHING else []
    values = [value for token in series.tokens(text) if (value := series.number(token)) is not None]
    if len(values) < len(series.tokens(text)):
        raise ValueError(f"`_` among values | Leave out what is not known, or write `_` alone; no values at all is `{EMPTY}`.")
    return values


def sql(kpi: Kpi, counts: str = "counts") -> str:
    """The SELECT over ``counts``, a table name or a parenthesised query with a column an input: DOUBLE, of a median DOUBLE[].

    Gives all columns of ``counts`` and value, low, high (rounded) and n. An input that is not known leaves all four empty;
    no cases at all leave the value empty, with n = 0.
    """

    def text(written: str) -> str:
        return formula.render(formula.parse_expression(written, set(kpi.inputs), "number").tree, {kpi.median or "": "middle"})

    known = " AND ".join(f"{name} IS NOT NULL" for name in kpi.inputs)
    middle, n = (f"list_median({kpi.median})", f"len({kpi.median})") if kpi.n is None else ("NULL", text(kpi.n))
    low, high = _bounds(kpi.interval.method)
    return f"""-- {kpi.id}, version {kpi.version}: {kpi.title.en}
WITH given AS (
    SELECT *, {middle} AS middle, {f"list_sort({kpi.interval.of})" if kpi.interval.of else "NULL"} AS in_order
    FROM {counts}
),
measured AS (
    SELECT *,
        CASE WHEN {known} THEN ({text(kpi.formula)})::DOUBLE END AS raw,
        CASE WHEN {known} THEN ({n})::DOUBLE END AS cases,
        ({text(kpi.interval.per) if kpi.interval.per else "NULL"})::DOUBLE AS per
    FROM given
)
SELECT * EXCLUDE (middle, in_order, raw, cases, per),
    round(raw, {kpi.digits}) + 0.0 AS value,
    CASE WHEN raw IS NOT NULL THEN round({low}, {kpi.digits}) + 0.0 END AS low,
    CASE WHEN raw IS NOT NULL THEN round({high}, {kpi.digits}) + 0.0 END AS high,
    cases::BIGINT AS n
FROM measured"""


def _bounds(method: str) -> tuple[str, str]:
    """SQL of both ends of the 95 % interval over raw, cases, and per or in_order."""
    if method == "wilson":
        middle = f"(raw + {Z95**2} / (2 * cases)) / (1 + {Z95**2} / cases)"
        half = f"{Z95} / (1 + {Z95**2} / cases) * sqrt(raw * (1 - raw) / cases + {Z95**2} / (4 * cases * cases))"
        return f"greatest({middle} - {half}, 0)", f"least({middle} + {half}, 1)"
    if method == "byar":
        low = f"CASE WHEN cases = 0 THEN 0 ELSE cases * pow(1 - 1 / (9 * cases) - {Z95} / (3 * sqrt(cases)), 3) END"
        high = f"(cases + 1) * pow(1 - 1 / (9 * (cases + 1)) + {Z95} / (3 * sqrt(cases + 1)), 3)"
        return f"({low}) / per", f"({high}) / per"
    if method == "order_statistics":
        # At most 2.5 % of medians lies below the value of this rank. Under six values it is 0: there is no such interval.
        rank = f"floor((cases + 1 - {Z95} * sqrt(cases)) / 2)::BIGINT"
        return f"CASE WHEN {rank} >= 1 THEN in_order[{rank}] END", f"CASE WHEN {rank} >= 1 THEN in_order[-{rank}] END"
    return "NULL::DOUBLE", "NULL::DOUBLE"


def run(kpi: Kpi) -> list[Result]:
    """Every worked example through the very SQL, with what came out differently. An unguarded division is a ValueError."""
    with connection() as con:
        return [Result(example.name, tuple(_differences(con, kpi, example))) for example in kpi.examples]


def mutants(kpi: Kpi) -> list[str]:
    """Small faults put into the KPI that none of its worked examples notices, by name; empty when all are noticed."""
    return [name for name, changed in _faults(kpi) if not _noticed(changed)]


def _noticed(kpi: Kpi) -> bool:
    try:
        return not all(result.passed for result in run(kpi))
    except ValueError:
        return True  # refused


def _faults(kpi: Kpi) -> Iterator[tuple[str, Kpi]]:
    for by in (1, -1):
        yield f"digits {by:+d}", kpi.model_copy(update={"digits": kpi.digits + by})
    for path, text in kpi.expressions().items():
        for changed in variants(formula.parse_expression(text, set(kpi.inputs), "number").tree):
            field = str(path[0])
            whole: Any = changed if len(path) == 1 else kpi.interval.model_copy(update={str(path[1]): changed})
            yield f"{'.'.join(map(str, path))}: {changed}", kpi.model_copy(update={field: whole})
    for name, given in kpi.inputs.items():
        calm = {series.NOTHING: EMPTY if given.is_ == "median" else "0"}
        filled = [e.model_copy(update={"given": {**e.given, name: calm.get(e.given[name], e.given[name])}}) for e in kpi.examples]
        yield f"{name} not known written as 0", kpi.model_copy(update={"examples": tuple(filled)})


def _differences(con: duckdb.DuckDBPyConnection, kpi: Kpi, example: KpiExample) -> Iterator[Difference]:
    typed = ", ".join(f"${name}::DOUBLE{'[]' if given.is_ == 'median' else ''} AS {name}" for name, given in kpi.inputs.items())
    values: dict[str, Any] = {
        name: _list(text) if kpi.inputs[name].is_ == "median" else series.number(text) for name, text in example.given.items()
    }
    row = con.execute(f"SELECT value, low, high, n FROM ({sql(kpi, f'(SELECT {typed})')}\n)", values).fetchone()
    assert row is not None
    for column, got in zip(COLUMNS, row, strict=True):
        token = getattr(example.expect, column)
        wanted = None if token is None else series.number(token)
        if token is not None and not _agree(wanted, got, 0 if column == "n" else kpi.digits):
            yield Difference(None, column, token, series.NOTHING if got is None else f"{got:g}")


def _agree(wanted: float | None, got: float | None, digits: int) -> bool:
    if wanted is None or got is None:
        return wanted is got
    return math.isclose(wanted, got, abs_tol=10.0 ** -(digits + 3), rel_tol=0)
