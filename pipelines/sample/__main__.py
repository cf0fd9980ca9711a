"""Write the sample city, or the four small towns, anew: ``python -m pipelines.sample [FOLDER] [--towns]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.sample import four, towns
from pipelines.sample.deliveries import SEED, generate


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.sample", description="Write the sample city of Waterdam, or four small towns."
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, help="where the folders go; data/sample or data/sample-towns if not given"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--towns", action="store_true", help="the four small towns instead")
    options = parser.parse_args()
    if options.towns:
        towns.write(options.folder or Path("data/sample-towns"), four.TOWNS)
    else:
        generate(options.folder or Path("data/sample"), options.seed)


if __name__ == "__main__":
    main()
