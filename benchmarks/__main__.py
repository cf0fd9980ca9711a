"""``python -m benchmarks [NAME …] [--json FILE]``: run the benchmarks and print one table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.aims import AIMS, verdicts
from benchmarks.cards import history, one_slot
from benchmarks.command import help_at_once
from benchmarks.held_levels import held_levels
from benchmarks.history import backfill, tick_flat_in_history
from benchmarks.pairs import Pair, table
from benchmarks.published import file_to_published
from benchmarks.reading import reading_while_ticking
from benchmarks.validation import validation
from benchmarks.volume import volume
from benchmarks.whatif import whatif

BENCHMARKS: dict[str, Callable[[], list[Pair]]] = {
    "held-levels": held_levels,
    "tick": tick_flat_in_history,
    "published": file_to_published,
    "validation": validation,
    "backfill": backfill,
    "cards": history,
    "slot": one_slot,
    "help": help_at_once,
    "reading": reading_while_ticking,
    "volume": volume,
    "whatif": whatif,
}


def main(words: list[str] | None = None) -> None:
    """Nothing is written but the table, and the file asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios within one run, A and B in turns.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of {', '.join(BENCHMARKS)}; without: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the pairs to this file as well")
    asked = parser.parse_args(words)
    if unknown := set(asked.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    load = [os.getloadavg()]
    pairs: list[Pair] = []
    for name in asked.names or BENCHMARKS:
        print(f"{name} …", file=sys.stderr)
        pairs += BENCHMARKS[name]()
        load.append(os.getloadavg())
    print(table(pairs))
    if any(pair.what in AIMS for pair in pairs):
        print(f"\nAims of the project, for two free cores; measured is B, or B ÷ A where a ratio is wanted:\n\n{verdicts(pairs)}")
    before, highest, after = load[0][0], max(one for one, _, _ in load), load[-1][0]
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"\nB ÷ A is of time: above 1, B takes longer. {machine}; load of the last minute {before:.1f} before, {after:.1f} after,"
          f" at most {highest:.1f}.")  # fmt: skip
    if highest > (os.cpu_count() or 1):
        print("More was running than there are cores: where the spread holds 1, the ratio says nothing.")
    if asked.json:
        found = {"pairs": [p.as_dict() for p in pairs], "machine": machine, "load": load}
        asked.json.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
