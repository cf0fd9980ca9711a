"""Mapped counts against the dataset's contract: once a batch, with pandera, every failure with its row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pandas as pd
import pandera.errors

from schemas import vocabulary
from schemas.datasets import Contract
from schemas.datasets.contract import support_of
from schemas.settings.source import Source

FAILURES = ("position", "measure", "check_name", "told")
_NONE = pd.DataFrame({name: pd.Series(dtype="str" if name != "position" else "int64") for name in FAILURES})


def contract_mistake(source: Source, contract: Contract | None, measures: tuple[str, ...]) -> str | None:
    """Why a source's declaration does not fit the dataset it names, or None."""
    if contract is None:
        return f"the dataset `{source.dataset}` is not known"
    return next(_mistakes(source, contract, measures), None)


def _mistakes(source: Source, contract: Contract, measures: tuple[str, ...]) -> Iterator[str]:
    if source.contract != contract.major:
        yield f"the source delivers contract {source.contract} of {contract.name}, this release reads {contract.major}"
    strange = [m for m in measures if m not in contract.measures]
    if strange:
        yield f"{contract.name} has no measure `{strange[0]}`"
    if contract.exclusive and sum(bool(set(group) & set(measures)) for group in contract.exclusive) > 1:
        yield f"{contract.name} takes one of these groups of measures: {' or '.join(' + '.join(g) for g in contract.exclusive)}"
    alone = [m for m in measures if vocabulary.columns()[m].support and not support_of(m, measures)]
    if alone:
        yield f"`{alone[0]}` without the count behind it"
    yield from _units(source, contract, measures)
    if contract.sporadic and source.absent != "missing":
        yield f"{contract.name} comes when somebody reports: an absent row is never zero"


def _units(source: Source, contract: Contract, measures: tuple[str, ...]) -> Iterator[str]:
    """Units and pieces that the kind of a measure does not allow (rule 1)."""
    known = [(m, contract.kind_of(m), source.measure(m)) for m in measures if m in contract.measures]
    for name, kind, declared in known:
        if kind != "flow" and (declared.cumulative or declared.per):
            yield f"`{name}` is a {kind}; only a flow can be counted on or be a rate"
        pieces = len(declared.columns) > 1 or (source.place.parts == "sum" and kind == "class")
        if pieces and kind in ("class", "speed"):
            yield f"`{name}` is a {kind}, which cannot be added up"
    strange = sorted({m for mark in source.marks for m in mark.measures} - set(measures))
    if strange:
        yield f"a mark names `{strange[0]}`, which the source does not deliver"


def failures(frame: pd.DataFrame, contract: Contract, measures: tuple[str, ...], interval: timedelta) -> pd.DataFrame:
    """Cells of ``frame`` that break the contract, as :data:`FAILURES`.

    ``frame``: index 0…n−1; place, interval_start, and the measures with the types of the contract.
    ``position`` is the row's index, ``told`` what is wrong. Empty when all is well.
    """
    schema = contract.schema(measures, interval)
    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        return _NONE.copy()
    if cases["index"].isna().any():
        raise ValueError(f"the mapped frame itself does not fit {contract.name}: {cases['check'].iloc[0]}")
    names = {(m, str(check.error)): str(check.name) for m in measures for check in schema.columns[m].checks}
    keys = zip(cases["column"], cases["check"].astype(str), strict=True)
    return pd.DataFrame(
        {
            "position": cases["index"].astype("int64").to_numpy(),
            "measure": cases["column"].to_numpy(),
            "check_name": [names.get(key, "contract") for key in keys],
            "told": cases["check"].astype(str).to_numpy(),
        }
    )
