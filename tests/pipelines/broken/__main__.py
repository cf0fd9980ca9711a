"""All distinct messages of the corpus, to be read by eye: how often, and the words. ``python -m tests.pipelines.broken``."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path

os.environ["DRUKTE_PROVE"] = "1"

from tests.pipelines import test_broken_corpus as corpus

found = Counter[str]()
with tempfile.TemporaryDirectory() as folder:
    for case in corpus.corpus():
        for taken in corpus.taken_in(case, Path(folder)):
            said = {f"{r['check_name']} ({r['column_name']}): {r['message']}" for r in taken.refused.to_pylist()}
            found.update(said | ({taken.reason} if taken.reason else set()))
for message, times in sorted(found.items()):
    print(f"{times:4d}  {message}")
