"""``python -m tests.golden [STORY …] [--write]``: play the stories, print the cells that differ; rewrite them only when told."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.golden import play, story, telling
from tests.golden.cells import differences


def main() -> int:
    """Exit code: 0 nothing differs (or it was written), 5 something does; what a story says of its moments is never rewritten."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("stories", nargs="*", metavar="STORY", help="all when none is named")
    parser.add_argument("--write", action="store_true", help="rewrite the expected results after printing what changes")
    options = parser.parse_args()
    unknown = set(options.stories) - set(story.names())
    if unknown:
        parser.error(f"there is no story {', '.join(sorted(unknown))}; there are {', '.join(story.names())}")
    bad = False
    with tempfile.TemporaryDirectory() as folder:
        pasts = play.Pasts(Path(folder) / "past")
        for name in options.stories or story.names():
            one = story.read(name)
            seen = play.live(one, Path(folder) / name, pasts.before(one.history))
            text = telling.tell(one, seen)
            wrong = telling.missed(one, seen)
            path = story.STORIES / f"{name}.txt"
            lines = differences(path.read_text(encoding="utf-8") if path.exists() else "", text)
            print(f"{name}: {f'{len(lines)} cells differ' if lines else 'as expected'}")
            for line in [*lines, *wrong]:
                print(f"  {line}")
            bad |= bool(wrong) or bool(lines and not options.write)
            if options.write and lines:
                path.write_text(text, encoding="utf-8")
    return 5 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
