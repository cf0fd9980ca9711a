"""How quickly the command answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.pairs import Pair, in_words, measure, seconds

AIM = 0.3  # seconds


def help_at_once(*, rounds: int = 9) -> list[Pair]:
    """``drukte --help`` against an interpreter that does nothing, both as new processes."""
    script = Path(sys.executable).with_name("drukte")
    python = [sys.executable, "-c", "from pipelines.cli import main; main(['--help'])"]
    command = [str(script), "--help"] if script.exists() else python

    def start(words: list[str]) -> float:
        return seconds(lambda: subprocess.run(words, check=True, capture_output=True, timeout=120))

    pair = measure(
        "drukte --help", "python -c pass", lambda: start([sys.executable, "-c", "pass"]), "drukte --help", lambda: start(command),
        unit="process", rounds=rounds,
    )  # fmt: skip
    verdict = "met" if pair.b < AIM else "not met"
    return [Pair(**pair.as_dict() | {"note": f"the aim is under {AIM} s; {verdict} here, at this load ({in_words(pair.b)})."})]
