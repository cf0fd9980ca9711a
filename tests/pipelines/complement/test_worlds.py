"""Complementary suppression through drukte itself, attacked by the audit, beside counts under k withheld alone."""

from __future__ import annotations

from indicators.card import catalogue
from pipelines.privacy import audit
from tests import evidence
from tests.pipelines.complement.worlds import drawn, ran

DANGER = ("elevated", "high", "critical")


def test_rules_07_08_nothing_small_is_worked_out_and_no_level_is_lost(tmp_path):
    """Towns that leak with counts under k withheld alone leak nothing in one publication, and keep each level from elevated on."""
    towns, side = evidence.count(1, 25), evidence.count(4, 10)
    leaks = shown = withheld = dangers = 0
    for seed in range(towns):
        world = drawn(seed, side=side)
        levels = []
        for beside in (False, True):
            with ran(world, tmp_path / f"{seed}-{beside}", beside=beside) as (store, config):
                report = audit(store.published, config, catalogue())
                rows = store.con.execute("SELECT indicator, place, interval_start, level FROM indicator_values").fetchall()
                levels.append({row[:3]: row[3] for row in rows if row[3] in DANGER})
                numbers = "SELECT count(*) FILTER (status = 'ok') FROM observations"
                kept = "SELECT count(*) FROM kept_apart WHERE value IS NOT NULL"
                counted, apart = (store.con.execute(sql).fetchall()[0][0] for sql in (numbers, kept))
            if beside:
                assert not report.unsafe, (seed, report.unsafe[0])
            else:
                leaks += bool(report.unsafe)
        assert {key: levels[1].get(key) for key in levels[0]} == levels[0], seed
        shown, withheld, dangers = shown + counted, withheld + apart, dangers + len(levels[0])
    assert leaks == towns and dangers and withheld, "the known-bad strategy is caught, and there is something to lose"
    evidence.record("privacy-beside-one-publication", towns * side, 0, {
        "unsafe cells": 0, "towns of ten worlds that leak with counts under k withheld alone": leaks, "numbers published": shown,
        "numbers withheld beside others": withheld, "levels at or above elevated": dangers, "of these lost": 0,
    })  # fmt: skip
