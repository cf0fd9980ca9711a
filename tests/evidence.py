"""Evidence: properties run with small counts in ``make test`` and with the counts an issue names in ``make prove``."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "evidence"


def proving() -> bool:
    """Whether this is `make prove`."""
    return os.environ.get("DRUKTE_PROVE") == "1"


def count(small: int, full: int) -> int:
    """How many cases a property runs: ``small`` in `make test`, ``full`` in `make prove`."""
    return full if proving() else small


def record(property_: str, cases: int, seed: int | None, result: object, folder: Path = FOLDER) -> None:
    """Write ``docs/evidence/<property>.json``, in `make prove` only. Call it after the assertions.

    ``result``: what was found, as plain JSON values (``"equal"``, ``{"mismatches": 0}`` …).
    """
    if not proving():
        return
    folder.mkdir(parents=True, exist_ok=True)
    evidence = {"property": property_, "count": cases, "seed": seed, "commit": _commit(), "result": result}
    (folder / f"{property_}.json").write_text(json.dumps(evidence, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _commit() -> str:
    """The commit that was proved, with ``+changes`` when files beside the evidence differ from it."""
    head = _git("rev-parse", "--short=12", "HEAD") or "none"
    changed = _git("status", "--porcelain", "--", ".", ":(exclude)docs/evidence")
    return f"{head}+changes" if changed else head


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()
