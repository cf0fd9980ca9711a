"""What was promised: a snapshot of every released contract, and what may change without a new major version.

A *major* version changes when a supplier or a reader who did right may have to do something: a measure, place kind, code or
derived measure gone or renamed; another type, unit, kind or support; a narrower range; a stricter requirement; measures that no
longer go together. A *minor* one when there is only more: an optional measure, place kind, code or derived measure, a wider range,
a laxer requirement. Texts are free. ``python -m schemas.datasets.released`` writes the snapshot of a new version, never over an
old one; a test compares every contract with its snapshots.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from schemas import vocabulary
from schemas.datasets.contract import Contract

FOLDER = Path(__file__).with_name("released")
Promise = Mapping[str, Any]
RULE = "docs/guide/contracts.en.md says what a version may change."


@dataclass(frozen=True)
class Change:
    """A difference between two versions of a contract, in words; ``breaking`` asks for a new major version."""

    what: str
    breaking: bool


def promise(contract: Contract) -> dict[str, Any]:
    """What a supplier and a reader of a dataset can rely on, as plain data. Lengths of time in minutes."""
    words, quality = vocabulary.columns(), contract.quality
    measures = {
        m: {"type": words[m].type, "unit": words[m].unit, "kind": words[m].kind, "counts": words[m].counts,
            "support": sorted(words[m].support), "most": quality.plausible.get(m), "codes": list(contract.codes.get(m, ()))}
        for m in contract.measures
    }  # fmt: skip
    derived = {
        name: {"kind": d.kind, "unit": d.unit, "place_kinds": list(d.place_kinds), "groups": [list(g) for g in d.groups],
               "how": [d.how, d.over, d.per, list(d.of), {str(k): list(v) for k, v in d.classes.items()}]}
        for name, d in contract.derived.items()
    }  # fmt: skip
    return {
        "name": contract.name, "version": contract.version, "place_kinds": list(contract.place_kinds), "measures": measures,
        "exclusive": [sorted(group) for group in contract.exclusive], "derived": derived, "sporadic": contract.sporadic,
        "holds_minutes": _minutes(contract.holds),
        "quality": {"cadence_max_minutes": _minutes(quality.cadence_max), "completeness": quality.completeness,
                    "delay_max_minutes": _minutes(quality.delay_max)},
    }  # fmt: skip


def _minutes(length: Any) -> float:
    return float(length.total_seconds() / 60)


def compare(old: Promise, new: Promise) -> list[Change]:
    """Every difference between two promises of one dataset, the breaking ones first."""
    found = [
        *_members("place kind", old["place_kinds"], new["place_kinds"]),
        *_members("measure", old["measures"], new["measures"]), *_members("derived measure", old["derived"], new["derived"]),
        *_measures(old["measures"], new["measures"]), *_derived(old["derived"], new["derived"]), *_exclusive(old, new),
        *_bound("completeness", old["quality"]["completeness"], new["quality"]["completeness"], higher_is_stricter=True),
        *_bound("delay_max", old["quality"]["delay_max_minutes"], new["quality"]["delay_max_minutes"], higher_is_stricter=False),
        *_bound("cadence_max", old["quality"]["cadence_max_minutes"], new["quality"]["cadence_max_minutes"], higher_is_stricter=False),
        *(Change(f"{key} is {new[key]}, it was {old[key]}", True) for key in ("sporadic", "holds_minutes") if old[key] != new[key]),
    ]  # fmt: skip
    return sorted(found, key=lambda change: not change.breaking)


def _members(what: str, old: Any, new: Any) -> Iterator[Change]:
    yield from (Change(f"{what} `{name}` is gone", True) for name in old if name not in new)
    yield from (Change(f"{what} `{name}` is new", False) for name in new if name not in old)


def _measures(old: Promise, new: Promise) -> Iterator[Change]:
    for name in old:
        if name not in new:
            continue
        for key in ("type", "unit", "kind", "counts", "support"):
            if old[name][key] != new[name][key]:
                yield Change(f"{key} of `{name}` is {new[name][key]}, it was {old[name][key]}", True)
        if new[name]["codes"] and not old[name]["codes"]:
            yield Change(f"`{name}` may only be a code, it could be any number", True)
        else:
            yield from _members(f"code of `{name}`", old[name]["codes"], new[name]["codes"])
        yield from _range(name, old[name]["most"], new[name]["most"])


def _range(name: str, old: float | None, new: float | None) -> Iterator[Change]:
    """A measure without an upper bound has the widest range."""
    if old != new:
        narrower = new is not None and (old is None or new < old)
        yield Change(f"range of `{name}` is {'narrower' if narrower else 'wider'}: up to {new}, it was {old}", narrower)


def _bound(what: str, old: float, new: float, *, higher_is_stricter: bool) -> Iterator[Change]:
    if old != new:
        stricter = (new > old) == higher_is_stricter
        yield Change(f"requirement {what} is {'stricter' if stricter else 'laxer'}: {new:g}, it was {old:g}", stricter)


def _derived(old: Promise, new: Promise) -> Iterator[Change]:
    for name in old:
        if name in new:
            yield from _members(f"place kind of `{name}`", old[name]["place_kinds"], new[name]["place_kinds"])
            for key in ("kind", "unit", "how"):
                if old[name][key] != new[name][key]:
                    yield Change(f"{key} of `{name}` is {new[name][key]}, it was {old[name][key]}", True)
            yield from _groups(name, old[name]["groups"], new[name]["groups"])


def _groups(name: str, old: list[list[str]], new: list[list[str]]) -> Iterator[Change]:
    """The first group that a source delivers counts: one more at the end takes nothing away, another order may."""
    if old != new:
        yield Change(f"`{name}` is made of {new}, it was of {old}", new[: len(old)] != old)


def _exclusive(old: Promise, new: Promise) -> Iterator[Change]:
    """Measures that may not come from one source: a new such pair refuses what was taken in, unless one of the two is new."""
    before, after = _pairs(old["exclusive"]), _pairs(new["exclusive"])
    for pair in sorted(after - before):
        yield Change(f"`{pair[0]}` no longer goes with `{pair[1]}`", all(m in old["measures"] for m in pair))
    for pair in sorted(before - after):
        if all(m in new["measures"] for m in pair):
            yield Change(f"`{pair[0]}` now goes with `{pair[1]}`", False)


def _pairs(groups: list[list[str]]) -> set[tuple[str, str]]:
    return {
        (min(a, b), max(a, b))
        for number, group in enumerate(groups)
        for other in groups[number + 1 :]
        for a in group
        for b in other
    }


@cache
def snapshots(folder: Path = FOLDER) -> dict[str, list[Promise]]:
    """Every released promise by dataset, in order of version."""
    found: dict[str, list[Promise]] = {}
    for path in folder.glob("*.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(told["name"], []).append(told)
    return {name: sorted(told, key=lambda p: number(p["version"])) for name, told in found.items()}


def number(version: str) -> tuple[int, int]:
    """``1.10`` as (1, 10)."""
    major, minor = version.split(".")
    return int(major), int(minor)


def of_major(dataset: str, major: int, folder: Path = FOLDER) -> Promise | None:
    """The last released promise of a major version."""
    return next((p for p in reversed(snapshots(folder).get(dataset, [])) if number(p["version"])[0] == major), None)


def mistakes(
    contract: Contract, released: list[Promise], converts: Callable[[str, int], bool] = lambda _name, _major: True
) -> list[str]:
    """Why a contract may not stand as it is beside what was released of it; empty when it may.

    ``converts`` tells whether a source of an older major version of a dataset is brought up to the next one.
    """
    now, version = promise(contract), contract.version
    same = next((p for p in released if p["version"] == version), None)
    before = [p for p in released if number(p["version"]) < number(version)]
    if any(number(p["version"]) > number(version) for p in released):
        return [f"{contract.name} {version} is older than what was released. Raise the version. {RULE}"]
    if same is not None:
        return [_told(contract, same, change) for change in compare(same, now)]
    found = [f"{contract.name} {version} has no snapshot. Run `python -m schemas.datasets.released`, and commit what it writes."]
    found += (
        [_told(contract, before[-1], c) for c in compare(before[-1], now) if before and _too_small(before[-1], version, c)]
        if before
        else []
    )
    majors = {number(p["version"])[0] for p in released} - {contract.major}
    found += [
        f"{contract.name}: nothing brings major version {m} up to {m + 1}. Declare it in schemas/datasets/conversions.py."
        for m in sorted(majors) if not converts(contract.name, m)
    ]  # fmt: skip
    return found


def _too_small(before: Promise, version: str, change: Change) -> bool:
    """Whether the step from a released version to this one is too small for a change."""
    return change.breaking and number(before["version"])[0] == number(version)[0]


def _told(contract: Contract, old: Promise, change: Change) -> str:
    major, minor = number(old["version"])
    if change.breaking:
        fix = f"This breaks what was promised: make it version {major + 1}.0, declare how {major} is brought up in schemas/datasets/conversions.py"
    else:
        fix = f"This breaks nothing: make it version {major}.{minor + 1}"
    return f"{contract.name}: {change.what}, since {old['version']} was released. {fix}, or take the change back. {RULE}"


def release(contracts: Mapping[str, Contract], folder: Path = FOLDER) -> list[Path]:
    """Write the snapshots that lack; returns their paths. Raises ValueError, writing nothing, when a contract may not be released."""
    known = snapshots(folder)
    wanted = {name: c for name, c in contracts.items() if c.version not in [p["version"] for p in known.get(name, [])]}
    wrong = [m for c in contracts.values() for m in mistakes(c, known.get(c.name, [])) if "has no snapshot" not in m]
    if wrong:
        raise ValueError("\n".join(wrong))
    folder.mkdir(exist_ok=True)
    written = []
    for name, contract in wanted.items():
        path = folder / f"{name}-{contract.version}.json"
        with path.open("x", encoding="utf-8") as file:
            json.dump(promise(contract), file, indent=1)
            file.write("\n")
        written.append(path)
    snapshots.cache_clear()
    return written


if __name__ == "__main__":
    from schemas.datasets import DATASETS

    print("\n".join(map(str, release(DATASETS))) or "nothing new to release")
