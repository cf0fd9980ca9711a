"""Raise, answer or reopen a concern: a line more in the town's log, nothing taken out."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Literal

from pipelines.faults import UsageError
from pipelines.screen import prose
from pipelines.track.read import own_of, paths
from pipelines.track.steps import steps
from schemas.config import Config
from schemas.mistakes import did_you_mean
from schemas.problems import Problems

HEAD = """\
# Concerns of stakeholders. `drukte track concern` adds lines; nothing is taken out, an answer is a line of its own.
# Roles of the town and `stakeholders:` of track.yaml, never persons' names.
municipality: {slug}
log:
"""


def add(
    config: Config,
    what: Literal["raised", "answered", "reopened"],
    number: int | None,
    by: str,
    text: str,
    today: date,
    step: str | None = None,
    purpose: str | None = None,
) -> tuple[int, Path]:
    """Add a line; returns the number of the concern and the file. Raises :class:`UsageError` and :class:`Problems`; then nothing is written."""
    own = own_of(config)
    _known(by, [*config.municipality.roles, *own.track.stakeholders], "role or stakeholder", "--by")
    _known(step, [s.step for s in steps().steps], "step", "--step")
    _known(purpose, list(config.purposes), "purpose of this town", "--purpose")
    last = {entry.concern: entry.what for entry in own.concerns.log}
    if what == "raised":
        number = max(last, default=0) + 1
    if number is None or (what != "raised" and number not in last):
        raise UsageError(f"there is no concern {number}. There are: {', '.join(map(str, last)) or 'none'}.")
    if what == "reopened" and last[number] != "answered":
        raise UsageError(f"concern {number} is open already.")
    if len(text.strip()) < 8:
        raise UsageError("--text says too little: write it in a sentence, for whoever reads it in a year.")
    if found := prose.problems({"--text": text}):
        raise UsageError(f"--text {found[0].what}. {found[0].fix}")
    entry = {
        "concern": number,
        "what": what,
        "by": by,
        "on": today.isoformat(),
        "step": step,
        "purpose": purpose,
        "text": text.strip(),
    }
    path = _append(config, {key: value for key, value in entry.items() if value is not None})
    return number, path


def _known(name: str | None, there: list[str], what: str, option: str) -> None:
    if name is not None and name not in there:
        raise UsageError(f"{option}: there is no {what} `{name}`. {did_you_mean(name, there)}")


def _append(config: Config, entry: dict[str, object]) -> Path:
    """The file with one line more, replaced in one stroke; undone when it would not be read again."""
    slug = config.municipality.municipality
    path = paths(config.folder, slug)[1]
    before = path.read_text(encoding="utf-8") if path.exists() else HEAD.format(slug=slug)
    whole = before.rstrip("\n").removesuffix(" []")  # `log: []`, emptied by hand
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False) if key == 'text' else value}" for key, value in entry.items()]
    added = "\n  ".join([f"- {lines[0]}", *lines[1:]]) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = path.read_bytes() if path.exists() else None
    _replace(path, (whole + "\n" + added).encode("utf-8"))
    try:
        own_of(config)
    except Problems:
        if kept is None:
            path.unlink()
        else:
            _replace(path, kept)
        raise
    return path


def _replace(path: Path, content: bytes) -> None:
    aside = path.with_name(f".{path.name}.new")
    aside.write_bytes(content)
    aside.replace(path)
