"""How a source of an older major version of a dataset is brought up: its declaration is rewritten, its rows need no code.

A supplier that still delivers version 1 stands beside one that delivers version 2; everything after the declaration sees one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.datasets import DATASETS, released
from schemas.mistakes import did_you_mean
from schemas.settings import Source

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.problems import Problem
    from schemas.yamlfile import Document


@dataclass(frozen=True)
class Conversion:
    """From major version ``major`` of a dataset to the next. Measures are named as in the old version.

    ``renamed``: old name → new name. ``times``: measures whose unit changed, as (numerator, denominator) from the old unit to the
    new. ``classes``: measure → old code → new code. ``dropped``: measures that are no more; their columns are ignored.
    """

    dataset: str
    major: int
    renamed: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    classes: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()


CONVERSIONS: tuple[Conversion, ...] = ()  # every dataset is at its first major version


def converts(dataset: str, major: int, conversions: Sequence[Conversion] | None = None) -> bool:
    """Whether a major version of a dataset is brought up to the next one."""
    return any((c.dataset, c.major) == (dataset, major) for c in (CONVERSIONS if conversions is None else conversions))


def brought_up(source: Source) -> Source:
    """The declaration in terms of this release's contract; as it is when that is the one it names, or nothing leads there."""
    contract = DATASETS.get(source.dataset)
    while contract is not None and source.contract < contract.major:
        step = next((c for c in CONVERSIONS if (c.dataset, c.major) == (source.dataset, source.contract)), None)
        if step is None:
            return source
        source = _applied(step, source)
    return source


def mistakes(source: Source, document: Document, folder: Path = released.FOLDER) -> Iterator[Problem]:
    """Measures that the version a source says it delivers does not have; of this release's own version others tell."""
    contract = DATASETS.get(source.dataset)
    if contract is None or source.contract >= contract.major:
        return
    promised = released.of_major(source.dataset, source.contract, folder)
    known = list(promised["measures"]) if promised else []
    for name in source.measures if not source.pivot else source.pivot.values.values():
        if promised and name not in known:
            what = f"`{name}` is not a measure of {source.dataset} {promised['version']}, the version this source delivers"
            path = ("pivot", "values") if source.pivot else ("measures", name)
            yield document.problem(path, what, did_you_mean(name, known, f"Or deliver contract: {contract.major}."))


def _applied(step: Conversion, source: Source) -> Source:
    """One step; the columns of the supplier's file stay what they are."""
    updated: dict[str, Any] = {"contract": step.major + 1}
    dropped = [m for name, m in source.measures.items() if name in step.dropped]
    updated["measures"] = {
        step.renamed.get(name, name): _measure(step, name, measure)
        for name, measure in source.measures.items() if name not in step.dropped
    }  # fmt: skip
    if source.pivot:
        values = {raw: step.renamed.get(name, name) for raw, name in source.pivot.values.items() if name not in step.dropped}
        updated["pivot"] = source.pivot.model_copy(update={"values": values})
        updated["measures"] |= {
            step.renamed.get(name, name): _measure(step, name, source.measure(name))
            for name in source.pivot.values.values() if name in step.times or name in step.classes
        }  # fmt: skip
    still = {column for measure in updated["measures"].values() for column in measure.columns}
    updated["ignore"] = (*source.ignore, *(c for m in dropped for c in m.columns if c not in still))
    if source.marks:
        updated["marks"] = tuple(
            mark.model_copy(update={"measures": tuple(step.renamed.get(m, m) for m in mark.measures if m not in step.dropped)})
            for mark in source.marks
        )
    return source.model_copy(update=updated)


def _measure(step: Conversion, name: str, measure: Any) -> Any:
    """How a measure is read, in the new unit and the new codes."""
    numerator, denominator = step.times.get(name, (1, 1))
    codes = step.classes.get(name, {})
    # A supplier that writes the code itself gets a word for each.
    classes = {str(old): new for old, new in codes.items()} | {
        text: codes.get(code, code) for text, code in measure.classes.items()
    }
    return measure.model_copy(update={"times": measure.times * numerator, "over": measure.over * denominator, "classes": classes})
