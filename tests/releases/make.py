"""Make the small stored workspace of a release: ``python -m tests.releases.make``. Once per release, never again.

The event day of the sample city, for the municipality with the fewest sources: late, revised and refused deliveries, open and
closed situations, sealed and hot days. Written as a backup, compressed, to ``tests/releases/drukte-<release>-format-<n>.tar.xz``.
"""

from __future__ import annotations

import lzma
import shutil
import sys
import tempfile
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
TOWN, CONFIG = "veenhaven", ROOT / "config"
SUPPLIERS = ("gates", "zones")
BEGINS = datetime.fromisoformat("2026-06-20T16:00+02:00")
# The camera's revision, the passages that came late, the peak, and a morning after on which the day is sealed.
TICKS = ("2026-06-20T18:45+02:00", "2026-06-20T19:30+02:00", "2026-06-20T21:30+02:00", "2026-06-22T09:00+02:00")
MOST_BYTES = 300_000


def event_day(folder: Path, suppliers: tuple[str, ...] = SUPPLIERS) -> Path:
    """A data folder with the files of the event day only, in ``folder``."""
    for supplier in suppliers:
        shutil.copytree(ROOT / "data" / "sample" / supplier / "event-day", folder / supplier / "event-day")
    return folder


def fill(workspace: Path, data: Path) -> None:
    """A backfill up to the event, then some runs."""
    from pipelines import start
    from pipelines.store import Store
    from pipelines.tick import tick

    settings, cards = start.ready(CONFIG, TOWN, data)
    with Store(workspace) as store:
        tick(store, settings, cards, at=BEGINS, verb="backfill")
        for at in TICKS:
            tick(store, settings, cards, at=datetime.fromisoformat(at))


def pack(workspace: Path, folder: Path) -> Path:
    """The backup of a workspace, compressed, with release and format in its name. Raises ValueError when it is too large."""
    from pipelines.store.tables import FORMAT
    from pipelines.upkeep import backup

    plain = folder / "plain.tar"
    backup.write(workspace, plain, datetime.fromisoformat(TICKS[-1]))
    packed = folder / f"drukte-{version('drukte')}-format-{FORMAT}.tar.xz"
    packed.write_bytes(lzma.compress(plain.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
    plain.unlink()
    if packed.stat().st_size > MOST_BYTES:
        raise ValueError(f"{packed}: {packed.stat().st_size} bytes, more than {MOST_BYTES}")
    return packed


def main() -> None:
    """Make it, unless it is there: a stored release is never made anew."""
    with tempfile.TemporaryDirectory() as scratch:
        fill(Path(scratch) / "w", event_day(Path(scratch) / "data"))
        packed = pack(Path(scratch) / "w", Path(scratch))
        target = FOLDER / packed.name
        if target.exists():
            sys.exit(f"{target} is there already: what a release wrote does not change. Raise the version or FORMAT first.")
        shutil.copy(packed, target)
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
