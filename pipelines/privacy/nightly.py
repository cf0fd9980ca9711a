"""The audit of every night: what was published in the last two days is attacked, and what came of it is kept for `drukte status`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from indicators.card import Card
from pipelines import status
from pipelines.privacy import audit, say
from schemas.config import Config

LOOK_BACK = timedelta(days=2)  # what is older was audited in an earlier night; late rows of earlier days wait for a full audit
SHOWN = 40  # lines kept for people


def run(workspace: Path, config: Config, cards: Mapping[str, Card], at: datetime) -> dict[str, Any]:
    """Audit one municipality's publications of the last two days and keep what came of it: ``at``, ``counts``, ``withheld``, ``unsafe``
    and what is said of it in both languages. Raises :class:`pipelines.privacy.solve.UndecidedError`.
    """
    report = audit(workspace / "published", config, cards, span=(at - LOOK_BACK, at))
    found = {
        "at": at.isoformat(), "counts": report.counts, "withheld": report.withheld, "unsafe": len(report.unsafe),
        **{f"lines_{lang}": [*say.lines(report, config.tz, lang)][:SHOWN] for lang in ("nl", "en")},
    }  # fmt: skip
    file = workspace / "private" / status.AUDITS
    aside = file.with_name(f".{file.name}.new")
    aside.write_text(
        json.dumps({**status.audits(workspace), report.municipality: found}, indent=1, ensure_ascii=False), encoding="utf-8"
    )
    aside.replace(file)
    return found
