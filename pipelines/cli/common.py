"""What the verbs share: which municipalities, which moment, and text on the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.faults import UsageError

if TYPE_CHECKING:
    from pipelines.store import Store


def slugs(config: Path, asked: list[str] | None) -> list[str]:
    """The municipalities asked for, or the only one of the config folder. Raises :class:`UsageError` with the choice."""
    there = known(config)
    named = split(asked)
    unknown = [s for s in named if s not in there]
    if unknown:
        raise UsageError(f"{config}: no municipality `{'`, `'.join(unknown)}`. There are: {', '.join(there)}.")
    if named:
        return named
    if len(there) != 1:
        raise UsageError(
            f"{config} has {len(there)} municipalities: {', '.join(there)}. Name one or more with --municipality SLUG."
        )
    return there


def one(config: Path, asked: list[str] | None) -> str:
    """The one municipality that a command is about. Raises :class:`UsageError` with the choice."""
    found = slugs(config, asked)
    if len(found) > 1:
        raise UsageError("One municipality at a time: name one with --municipality.")
    return found[0]


@contextmanager
def held(workspace: Path, wait: float, at: datetime) -> Iterator[Store]:
    """The working database of a workspace, for a decision of a person; what it changed is published as at ``at`` when it is done.

    Nothing is published when something goes wrong. Raises :class:`pipelines.lock.HeldError` after ``wait`` seconds.
    """
    from pipelines import lock
    from pipelines.publish import publish
    from pipelines.store import Store

    with lock.hold(workspace, wait), Store(workspace) as store:
        yield store
        publish(store, at)


def there(config: Path) -> list[str]:
    """The municipalities of a config folder, if it is one."""
    try:
        return known(config)
    except UsageError:
        return []


def split(asked: list[str] | None) -> list[str]:
    """Names given repeatedly or with commas, each once, in order."""
    return list(dict.fromkeys(name.strip() for text in asked or () for name in text.split(",") if name.strip()))


def known(config: Path) -> list[str]:
    """All municipalities of a config folder. Raises :class:`UsageError` when it holds none."""
    from schemas.config import municipalities

    there = municipalities(config) if (config / "municipalities").is_dir() else []
    if not there:
        raise UsageError(f"{config}: no municipalities/*.yaml here. Name the config folder with --config DIR.")
    return there


def moment(text: str | None) -> datetime | None:
    """An instant given on the command line, as UTC; it carries its offset. Raises :class:`UsageError`."""
    if text is None:
        return None
    from pydantic import TypeAdapter, ValidationError

    from schemas.settings.base import Instant

    try:
        return TypeAdapter(Instant).validate_python(text)
    except ValidationError as error:
        raise UsageError(error.errors()[0]["msg"].removeprefix("Value error, ").replace(" |", ".")) from None


def now() -> datetime:
    """The clock, read here at the boundary and nowhere inside."""
    return datetime.now(UTC)


def published(workspace: Path) -> Path:
    """The published file of a workspace. Raises :class:`UsageError` when nothing was published yet."""
    path = workspace / "published" / "indicators.duckdb"
    if not path.exists():
        raise UsageError(f"{path} does not exist yet. Run `drukte run` or `drukte backfill` with this --workspace first.")
    return path


def rank(level: str | None) -> int:
    """Order of levels; what is not known comes first."""
    from schemas.settings import LEVELS

    return LEVELS.index(level) if level in LEVELS else -1


@cache
def _texts() -> dict[str, dict[str, str]]:
    from schemas import yamlfile

    found: dict[str, dict[str, str]] = yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/cli/texts.yaml").data
    return found


def text(key: str, lang: str, **values: object) -> str:
    """A text of ``texts.yaml`` in a language, filled in."""
    return _texts()[key][lang].format(**values)


def dump(data: object) -> None:
    """Print as JSON; times in ISO form."""
    print(json.dumps(data, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Text in columns, the last one as long as it comes; nothing is cut off."""
    cells = [list(head), *([("" if v is None else str(v)) for v in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head) - 1)]
    return "\n".join("  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]).rstrip() for row in cells)
