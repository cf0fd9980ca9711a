"""The corpus of bad deliveries (:mod:`tests.pipelines.broken`): over a thousand of them under ``DRUKTE_PROVE=1``, each fault once else.

For a fault of one row the oracle is the delivery without that row: whatever becomes of it, everything else must come out the same.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipelines import intake
from pipelines.intake import Found, Taken
from tests import evidence
from tests.pipelines.broken import faults, layouts
from tests.pipelines.broken.faults import FILTERED, MISSING, SAME, Case
from tests.pipelines.layouts import LATE, cells, checks, take

SECONDS = 10  # for one delivery, on a machine that does other things too
MEGABYTES = 400  # over what the process held before; the largest delivery unpacks to what `packed.most_mb` allows
DELIMITED = {la.source: la for la in layouts.delimited()}
POISON = (
    "<script",
    "=SUM",
    "cmd|",
    "DROP TABLE",
    "HYPERLINK",
    "onerror",
    "etc/hosts",
    "yesterday",
    "veel",
    "xxxx",
    "Traceback",
    "quota",
)
_SHAPE = re.compile(r"[^.].*\. [A-Z].*[.`]\)?\.?", re.DOTALL)  # what is wrong. What to do.


def zone(source: str) -> ZoneInfo:
    stated = layouts.declared(source).time.timezone
    return ZoneInfo(stated or "Europe/Amsterdam")


@cache
def sound(source: str, *, whole: bool, folder: Path) -> Taken:
    """What becomes of the sound delivery, or of it without the row that faults befall."""
    layout = DELIMITED[source]
    content = layout.content() if whole else layout.without_middle()
    return take(content, folder, layouts.declared(source), layout.file, tz=zone(source))


def corpus() -> list[Case]:
    """Every case, or in `make test` every fault of a row or file once, in a layout by turns."""
    by_layout = [
        [*faults.of_cells(la), *faults.of_clocks(la), *faults.of_lines(la), *faults.of_files(la)] for la in layouts.delimited()
    ]
    by_document = [list(faults.of_documents(document)) for document in layouts.documents()]
    zips = [*faults.of_zips(layouts.delimited()[0]), *faults.of_parquet(layouts.delimited()[0])]
    everything = [case for cases in (*by_layout, *by_document, zips) for case in cases]
    if evidence.proving():
        return everything
    some: list[Case] = []
    for group in (by_layout, by_document):
        names = list(dict.fromkeys(case.name for cases in group for case in cases))
        for number, name in enumerate(names):
            there = [case for cases in group for case in cases if case.name == name]
            some.append(there[number % len(there)])
    return some + zips


def judge_row(case: Case, taken: Taken, folder: Path) -> str | None:
    """What is wrong with how a fault of one row was taken, or None."""
    layout, clean = DELIMITED[case.source], cells(sound(case.source, whole=True, folder=folder))
    without, found = cells(sound(case.source, whole=False, folder=folder)), cells(taken)
    touched = {key[:2] for key in clean if clean[key] != without.get(key)}
    for key in {*found, *without}:
        if key[:2] not in touched and found.get(key) != without.get(key):
            return f"another cell changed: {key} {without.get(key)} → {found.get(key)}"
        if key[:2] in touched and key in found and not (
            found[key] in (without.get(key), clean.get(key)) or found[key][0] in ("invalid", "missing") or SAME in case.checks
        ):  # fmt: skip
            return f"a cell of the bad row became {found[key]}"
    told = [(row, check) for row, _, check in checks(taken) if check != "incomplete"]
    if not told:
        filtered = taken.rows_filtered == sound(case.source, whole=True, folder=folder).rows_filtered + 1
        return (
            None
            if (filtered and FILTERED in case.checks) or (not filtered and {MISSING, SAME} & case.checks)
            else "nothing was said"
        )
    assert case.row is not None
    if {row for row, _ in told} != {layout.first_line + case.row}:
        return f"another line was named: {told}"
    return None if {check for _, check in told} <= case.checks else f"another check: {told}"


def judge_file(case: Case, taken: Taken, folder: Path) -> str | None:  # noqa: PLR0911
    """What is wrong with how a bad file was taken, or None."""
    code = (taken.reason or "").split(":")[0]
    if taken.state != "accepted":
        if taken.cells.num_rows or taken.rows_in or taken.refused.num_rows:
            return "something of it was kept"
        return None if code in case.checks or (code and "nothing" in case.checks) else f"another code: {taken.reason}"
    if case.source not in DELIMITED:
        return None if {SAME, "rows", "nothing", "twice"} & case.checks or taken.rows_refused else "accepted"
    clean, found = sound(case.source, whole=True, folder=folder), cells(taken)
    if {SAME, "one", "twice"} & case.checks and found == cells(clean):
        more = taken.rows_refused + taken.rows_filtered - clean.rows_refused - clean.rows_filtered
        return None if SAME in case.checks or more or taken.rows_duplicate else "the line too many was not counted"
    if "cut" in case.checks:
        last = DELIMITED[case.source].first_line + len(DELIMITED[case.source].rows) - 1
        near = {cell["row_number"] > last - 3 for cell in clean.cells.to_pylist() if _key(cell) not in found}
        return None if taken.rows_refused and near <= {True} else "more than the end was lost"
    if {"nothing", "rows", "fields", *faults._ALIEN} & case.checks and not taken.rows_accepted:
        return None
    return f"accepted with {taken.rows_accepted} rows and {taken.rows_refused} refused"


def _key(cell: dict[str, Any]) -> tuple[str, str, str]:
    return cell["place"], f"{cell['interval_start'].astimezone(UTC):%m-%dT%H:%M}", cell["measure"]


def hygiene(case: Case, taken: Taken) -> str | None:
    """What must hold of every delivery: an account, words that help, and nothing of what was wrong repeated."""
    text = repr(taken) + repr(taken.cells.to_pylist()) + repr(taken.refused.to_pylist())
    if leaked := [p for p in POISON if p in text]:
        return f"content is repeated: {leaked}"
    declared = layouts.declared(case.source) if case.source != "packed" else layouts.packed()
    known = {*declared.declared_columns(), ", ".join(declared.time.columns), ", ".join(declared.place.columns), ""}
    for row in taken.refused.to_pylist():
        if row["column_name"] not in known:
            return f"a column of another name: {row['column_name']}"
        if not _SHAPE.fullmatch(row["message"]) and row["check_name"] != "more":
            return f"no what-and-what-to-do: {row['message']}"
    if taken.reason and not _SHAPE.fullmatch(taken.reason):
        return f"no what-and-what-to-do: {taken.reason}"
    return None


def peak_over(before: int) -> int | None:
    """Megabytes by which this process has grown at most since ``before``; None where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    return (int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) - before) // 1024  # type: ignore[index]


def held() -> int:
    """Kilobytes this process holds now; its peak is counted anew from here on."""
    Path("/proc/self/clear_refs").write_text("5")
    return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1])  # type: ignore[index]


def taken_in(case: Case, folder: Path) -> list[Taken]:
    """What becomes of a case: one delivery, or each of a zip."""
    if case.source != "packed":
        return [take(case.content, folder, layouts.declared(case.source), case.file, tz=zone(case.source))]
    (folder / "zips").mkdir(exist_ok=True)
    (folder / "zips" / case.file).write_bytes(case.content)
    found: list[Found] = intake.find(layouts.packed(), folder / "zips")
    how = {"k": 15, "withhold_zero": False, "tz": ZoneInfo("Europe/Zurich"), "after": None, "until": LATE}
    return [intake.take_in(each, layouts.packed(), **how) for each in found]  # type: ignore[arg-type]


def judge_zip(case: Case, deliveries: list[Taken], folder: Path) -> str | None:
    clean = cells(sound("hardbruecke", whole=True, folder=folder))
    for taken in deliveries:
        if taken.state == "accepted":
            if "rows" not in case.checks and (SAME not in case.checks or cells(taken) != clean):
                return f"accepted: {taken.rows_accepted}"
        elif (taken.reason or "").split(":")[0] not in case.checks:
            return f"another code: {taken.reason}"
    return None if deliveries or "none" in case.checks else "nothing was found"


def test_rule_11_a_thousand_bad_deliveries_are_told_apart_counted_and_lose_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases, wrong, states, slowest, largest = corpus(), [], Counter[str](), (0.0, ""), 0
    for source in DELIMITED:
        for whole in (True, False):
            sound(source, whole=whole, folder=tmp_path)
    before = held() if Path("/proc/self/clear_refs").exists() else 0
    for case in cases:
        begun = time.perf_counter()
        deliveries = taken_in(case, tmp_path)
        slowest, largest = max(slowest, (time.perf_counter() - begun, faults.pretty(case))), max(largest, len(case.content))
        states.update(taken.state for taken in deliveries)
        if case.source == "packed":
            faulty = judge_zip(case, deliveries, tmp_path)
        else:
            faulty = (judge_file if case.row is None else judge_row)(case, deliveries[0], tmp_path)
        wrong += [f"{faults.pretty(case)}: {what}" for what in (faulty, *(hygiene(case, taken) for taken in deliveries)) if what]
    grown = peak_over(before)
    assert not wrong, "\n".join(wrong)
    assert slowest[0] < SECONDS, slowest
    assert grown is None or grown < MEGABYTES, f"{grown} MB for deliveries of up to {largest / 1e6:.1f} MB"
    assert len(cases) >= evidence.count(110, 1_000) and {case.source for case in cases} >= {*DELIMITED, "packed"}
    with capsys.disabled():
        print(f" {len(cases)} bad deliveries, slowest {slowest[0]:.2f} s ({slowest[1]}), memory + {grown} MB", end="")
    evidence.record("rule-11-bad-deliveries", len(cases), None, {
        "layouts": len({case.source for case in cases}), "faults": len({case.name for case in cases}), "deliveries": dict(states),
        "crashes": 0, "accounts_that_do_not_add_up": 0, "slowest_seconds": round(slowest[0], 2), "memory_grown_by_mb": grown,
    })  # fmt: skip


def test_a_fault_that_is_not_told_would_be_seen(tmp_path: Path) -> None:
    """The judges themselves: a number changed in passing, and a bad row or file of which nothing is said."""
    layout = DELIMITED["hardbruecke"]
    other = (("99", *layout.rows[0][1:]), *layout.put(layout.value, "veel")[1:])
    declared, tz = layouts.declared("hardbruecke"), zone("hardbruecke")
    changed = take(layout.content(other), tmp_path, declared, tz=tz)
    case = Case("a", "hardbruecke", b"", frozenset({"not_a_number"}), layout.middle)
    assert "another cell changed" in str(judge_row(case, changed, tmp_path))
    plain = take(layout.content(), tmp_path, declared, tz=tz)
    assert judge_row(case, plain, tmp_path) == "nothing was said"
    assert "accepted with" in str(judge_file(case, plain, tmp_path))
