"""The gate's corpus: every disguise of person-level content is refused whole, no honest look-alike is, and nothing of a refused file is kept."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import duckdb
import pytest

from pipelines.intake import arrivals
from pipelines.publish import publish
from pipelines.store import Store
from schemas.settings import Source
from tests import evidence
from tests.pipelines.screen.case import START, Case
from tests.pipelines.screen.disguises_blind import BLIND
from tests.pipelines.screen.disguises_seeing import SEEING
from tests.pipelines.screen.honest import HONEST
from tests.town import Town

DISGUISES = (*BLIND, *SEEING)


def declared(case: Case, number: int) -> Source:
    """Time, place and count are mapped; whatever else the case declares is ignored."""
    return Source.model_validate({
        "source": f"case-{number}", "title": {"nl": "proef", "en": "trial"}, "supplier": "nobody", "licence": "CC0",
        "dataset": "zone_counts", "contract": 1, "files": f"{number}/*", "measures": {"present": {"column": "present"}}, "statistic": "instant",
        "reader": {"format": "csv"} if case.form == "csv" else {"format": "json", "lines": True},
        "time": {"columns": ["time"], "format": "%Y-%m-%dT%H:%M", "clock": "utc"}, "interval": "15min",
        "place": {"columns": ["place"], "map": {"square": "square", "alley": "alley"}}, "ignore": list(case.ignore),
        "delay": "5min", "issued_at": "none", "rank": 1,
    })  # fmt: skip


def taken(town: Town, store: Store, cases: tuple[Case, ...], first: int = 0) -> list[tuple[Case, str, str]]:
    """Take every case in as a run would: (case, state, reason)."""
    found, config, at = [], town.config, START.replace(day=2)
    for number, case in enumerate(cases, start=first):
        folder = town.data / str(number)
        folder.mkdir()
        (folder / f"{case.file}.{'csv' if case.form == 'csv' else 'jsonl'}").write_text(case.text, encoding="utf-8")
        [row] = arrivals.take_in(store, config, declared(case, number), at, "run", lambda _text, _share: None)
        found.append((case, row["state"], row["reason"] or ""))
    return found


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """Both halves of the corpus, taken in once; temporary files of this process go to a folder of its own, logs to a list."""
    folder, heard = tmp_path_factory.mktemp("gate"), []
    listener = logging.Handler()
    listener.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(listener)
    before, tempfile.tempdir = tempfile.tempdir, str(folder / "temporary")
    (folder / "temporary").mkdir()
    town = Town(folder / "town")
    try:
        with Store(folder / "workspace") as store:
            refused = taken(town, store, DISGUISES)
            honest = taken(town, store, HONEST, first=len(DISGUISES))
            publish(store, START.replace(day=2))
            tables = _as_text(store)
    finally:
        tempfile.tempdir = before
        logging.getLogger().removeHandler(listener)
    said = "\n".join([*heard, *(reason for _, _, reason in refused)])
    return refused, honest, tables, said, folder


def _as_text(store: Store) -> str:
    """Every table of the working database, as texts: compression does not hide a mark here."""
    names = store.con.execute("SELECT table_name FROM information_schema.tables WHERE table_catalog = 'working'").fetchall()
    return "\n".join(str(store.con.execute(f'FROM working."{name}"').fetchall()) for (name,) in names)


def test_every_disguise_is_refused(gate):
    let_in = [f"{case.name} ({state})" for case, state, _ in gate[0] if state != "closed"]
    assert not let_in, f"{len(let_in)} of {len(DISGUISES)} let in:\n" + "\n".join(let_in)
    assert len(DISGUISES) >= 60 and len(BLIND) * 2 >= len(DISGUISES) - 1, "half of them written without having seen the detectors"
    counts = {"disguises": len(DISGUISES), "written blind": len(BLIND), "refused": len(DISGUISES) - len(let_in)}
    evidence.record("privacy-gate-disguises", len(DISGUISES), None, counts)


def test_no_honest_look_alike_is_refused(gate):
    kept_out = [f"{case.name}: {reason}" for case, state, reason in gate[1] if state != "accepted"]
    assert not kept_out, f"{len(kept_out)} of {len(HONEST)} refused:\n" + "\n".join(kept_out)
    assert len(HONEST) >= 60
    evidence.record("privacy-gate-honest", len(HONEST), None, {"honest": len(HONEST), "refused": len(kept_out)})


def test_nothing_of_a_refused_file_is_kept(gate):
    """The marks are texts that nothing but the refused files has; they are looked for in every byte, table, log and message."""
    refused, _, tables, said, folder = gate
    files = [p for part in ("workspace", "temporary") for p in (folder / part).rglob("*") if p.is_file()]
    assert any(p.name == "working.duckdb" for p in files) and any(p.name == "indicators.duckdb" for p in files)
    everything = b"\n".join(p.read_bytes() for p in files) + tables.encode() + said.encode() + _published(folder).encode()
    honest = "\n".join(case.text for case in HONEST)
    marks = {m for case, _, _ in refused for m in case.marks if m not in honest}
    found = sorted(m for m in marks if m.encode() in everything)
    assert not found, f"{len(found)} of {len(marks)} marks: {found[:20]}"
    assert len(marks) > 300
    evidence.record("privacy-gate-marks", len(marks), None, {"marks": len(marks), "found": 0, "files": len(files)})


def _published(folder: Path) -> str:
    with duckdb.connect(str(folder / "workspace" / "published" / "indicators.duckdb"), read_only=True) as con:
        names = con.execute("SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'").fetchall()
        return "\n".join(str(con.execute(f'FROM "{name}"').fetchall()) for (name,) in names)


def test_an_undeclared_column_closes_the_gate_before_anything_is_looked_at():
    """The first rule is a closed list: what nobody named is refused, however harmless."""
    assert all(not case.declared or case.adds for case in DISGUISES)
    assert sum(not case.declared for case in DISGUISES) < 10, "the corpus tries the detectors, not the list"
