"""Rule 22 on the sample city: orders, splits, doublings and stops of the same deliveries end in an equal state.

Each world gets the sample's own files in several ticks, in a random order, some cut in two, some doubled; after each
tick the current tables are kept, and at the end ``…_as_known`` of that moment must give them back (rule 10).
"""

import random
import re
import shutil
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indicators.card import catalogue
from pipelines.published import connect
from pipelines.store import Store
from pipelines.tick import tick
from schemas.config import load
from schemas.results import TABLES
from tests import evidence

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "sample"
SEED = 20260620
LAST = datetime(2026, 6, 21, 0, 0, tzinfo=UTC)  # after the last delivery was issued
# When proving, one world in ten has enough history for baselines and the whole evening; the others a week and two hours, in
# which nearly all faults of the sample fall. (first week, first and last hour of the event day)
LONG, SHORT = ("2026-05-16", "1600", "2400"), ("2026-06-13", "1800", "2000")
COMPARED = ("observations", "indicator_values", "situations")
LEFT_OUT = {"recorded_at", "run_id", "delivery_id", "revision", "situation_id", "group_id", "signalled_at"}


def sample_files(kind: tuple[str, str, str]) -> list[Path]:
    """The sample's deliveries, without the oldest weeks and the quiet hours of the event day."""
    (first_week, first, last), found = kind, []
    for path in sorted(p for p in SAMPLE.glob("*/*/*") if p.is_file()):
        week = re.search(r"(\d{4}-\d{2}-\d{2})", path.name)
        hour = re.search(r"20260620-(\d{4})-", path.name)
        if (week[1] >= first_week) if week else (hour and first <= hour[1] < last):
            found.append(path)
    return found


def split(path: Path, rng: random.Random) -> list[tuple[str, bytes | pa.Table]]:
    """The delivery as two: its rows shared out at random, each part under a name of its own with the same time of issue."""
    names = [f"{path.stem}".replace("_", f"_part{n}_", 1) + path.suffix for n in (1, 2)]
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        first = [rng.random() < 0.5 for _ in range(table.num_rows)]
        return [(names[0], table.filter(pa.array(first))), (names[1], table.filter(pa.array([not x for x in first])))]
    header, *lines = path.read_bytes().splitlines(keepends=True)
    # A row is a place and interval (rule 11): the two lines of its directions stay together.
    part = {tuple(line.split(b";")[:3]): rng.random() < 0.5 for line in lines}
    first = [part[tuple(line.split(b";")[:3])] for line in lines]
    return [(name, header + b"".join(x for x, mine in zip(lines, first, strict=True) if mine == want))
            for name, want in zip(names, (True, False), strict=True)]  # fmt: skip


def put(data: Path, path: Path, name: str, content: bytes | pa.Table | None = None) -> None:
    """Place a delivery into the data folder of the world."""
    target = data / path.parent.relative_to(SAMPLE) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        shutil.copyfile(path, target)
    elif isinstance(content, bytes):
        target.write_bytes(content)
    else:
        pq.write_table(content, target)


def arrivals(rng: random.Random, ticks: int, kind: tuple[str, str, str]) -> list[list[tuple[Path, str, bytes | pa.Table | None]]]:
    """The sample's deliveries shared out over ticks in a random order, some split, some doubled."""
    sent: list[tuple[Path, str, bytes | pa.Table | None]] = []
    for path in sample_files(kind):
        # A delivery whose faults decide on the file as a whole (gate, conflict) is one thing; the rest may be cut anywhere.
        if rng.random() < 0.2 and "device-ids" not in path.name:
            sent += [(path, name, content) for name, content in split(path, rng)]
        else:
            sent.append((path, path.name, None))
        if rng.random() < 0.15:
            sent.append((path, path.name.replace("_", "_again_", 1), None))
    rng.shuffle(sent)
    return [sent[i::ticks] for i in range(ticks)]


def state(con, source: str = "{}", tables: tuple[str, ...] = COMPARED) -> dict[str, list[tuple]]:
    """The compared tables ordered by key, without what rule 22 leaves out."""
    found = {}
    for name in tables:
        columns = ", ".join(c for c in TABLES[name].columns if c not in LEFT_OUT)
        found[name] = con.execute(f"SELECT {columns} FROM {source.format(name)} ORDER BY ALL").fetchall()
    return found


def differences(one: dict[str, list[tuple]], other: dict[str, list[tuple]]) -> str:
    """The first few rows that differ, for the message of a failing test."""
    out = []
    for name in COMPARED:
        left, right = set(map(repr, one[name])), set(map(repr, other[name]))
        out += [f"{name} only in the first: {r}" for r in sorted(left - right)[:3]]
        out += [f"{name} only in the second: {r}" for r in sorted(right - left)[:3]]
    return "\n".join(out)


def live(folder: Path, batches, keep: bool = False):
    """Tick once per batch, from ``LAST`` on; returns the final state and, with ``keep``, what was published after each tick."""
    data, published = folder / "data", folder / "w" / "published" / "indicators.duckdb"
    seen = []
    end = LAST + timedelta(minutes=5 * 8)
    for number, batch in enumerate(batches):
        for path, name, content in batch:
            put(data, path, name, content)
        at = end if number == len(batches) - 1 else LAST + timedelta(minutes=5 * number)
        config = load(ROOT / "config", "waterdam", data)
        with Store(folder / "w") as store:  # opened anew each time: a restart between any two ticks changes nothing
            tick(store, config, catalogue(), at=at)
        if keep or number == len(batches) - 1:
            con = connect(published)
            seen.append((at, state(con)))
            con.close()
    return seen


@pytest.fixture(scope="module")
def in_order(tmp_path_factory):
    """The sample as it is, in one tick; per kind of world."""

    @cache
    def state_of(kind):
        return live(tmp_path_factory.mktemp("plain"), [[(p, p.name, None) for p in sample_files(kind)]])[-1][1]

    return state_of


def test_rule_22_any_order_split_doubling_or_restart_ends_equal(in_order, tmp_path_factory):
    worlds = evidence.count(1, 50)
    for number in range(worlds):
        rng = random.Random(SEED + number)
        folder = tmp_path_factory.mktemp("world")
        kind = LONG if number % 10 == 9 else SHORT
        seen = live(folder, arrivals(rng, rng.randint(2, 5), kind), keep=True)
        same = seen[-1][1] == in_order(kind)  # a plain bool: pytest would spend minutes on showing two states
        assert same, f"world {number}\n{differences(in_order(kind), seen[-1][1])}"
        con = connect(folder / "w" / "published" / "indicators.duckdb")
        for at, published in seen:
            known = state(con, f"{{}}_as_known(as_of := TIMESTAMPTZ '{at.isoformat()}')")
            same = known == published
            assert same, f"world {number}, as known at {at}\n{differences(known, published)}"
        con.close()
        shutil.rmtree(folder)
    evidence.record("rule-22-any-order", worlds, SEED, {"equal": worlds, "as_known": "equal after every tick"})
