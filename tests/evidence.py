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


class Pieces:
    """What the pieces of a long proof came to, kept in ``build/`` so that one that was cut can be taken up again.

    With ``DRUKTE_PROVE_RESUME=1`` pieces done before are left out; without it every piece counts anew.
    """

    def __init__(self, name: str, folder: Path | None = None):
        self.folder = folder or ROOT / "build" / "prove" / name

    def resumed(self, piece: str) -> bool:
        """Whether this piece was done in the run that is taken up."""
        return os.environ.get("DRUKTE_PROVE_RESUME") == "1" and (self.folder / piece).exists()

    def note(self, piece: str, cases: int) -> None:
        """A piece is done, with so many cases."""
        if proving():
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / piece).write_text(f"{cases} {_commit()}", encoding="utf-8")

    def all(self) -> tuple[dict[str, int], list[str]]:
        """Cases by piece, and the commits at which they were proved."""
        told = {path.name: path.read_text(encoding="utf-8").split() for path in sorted(self.folder.iterdir())}
        return {piece: int(cases) for piece, (cases, _) in told.items()}, sorted({commit for _, commit in told.values()})


def _commit() -> str:
    """The commit that was proved, with ``+changes`` when files beside the evidence differ from it."""
    head = _git("rev-parse", "--short=12", "HEAD") or "none"
    changed = _git("status", "--porcelain", "--", ".", ":(exclude)docs/evidence")
    return f"{head}+changes" if changed else head


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()
