"""Write the sample city anew: ``python -m pipelines.sample [FOLDER]`` (default ``data/sample``)."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.sample.deliveries import SEED, generate


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pipelines.sample", description="Write the sample city of Waterdam.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("data/sample"), help="where the two suppliers' folders go")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    generate(options.folder, options.seed)


if __name__ == "__main__":
    main()
