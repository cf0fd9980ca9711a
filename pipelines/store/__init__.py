"""The store: one private working database that only the pipeline opens, and sealed Parquet for older days.

Everything that grows with time is *hot* (rows of the last days, in the working database) or *sealed* (one Parquet
file a day, merged to one a month); the manifest row alone decides where a day lives. The rest of the house sees
neither: it reads :meth:`Store.relation` and writes through :meth:`Store.replace`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from pipelines.store import changes, parts, sealing, tables
from pipelines.store.changes import Changes
from pipelines.store.rows import one, temporary

if TYPE_CHECKING:
    from pipelines.purpose.bounds import Bound

__all__ = ["Changes", "Store"]

FEW = 250_000  # rows of a table that one thread works off as quickly as several


class Store:
    """A workspace: ``private/`` (mode 0700, the working database) and ``published/`` (what analysts open).

    Opening creates what is missing and tidies up what a killed run left behind. Use it as a context manager, with
    the workspace lock held.
    """

    def __init__(self, workspace: Path):
        self.workspace = workspace.resolve()
        self.private = self.workspace / "private"
        self.published = self.workspace / "published"
        self.sealed = self.published / "sealed"
        for folder in (self.private, self.sealed):
            folder.mkdir(parents=True, exist_ok=True)
        self.private.chmod(0o700)
        tables.check_format(self.private)
        self.con = duckdb.connect(str(self.private / "working.duckdb"))
        self.con.execute("SET TimeZone='UTC'")
        self.con.execute("SET preserve_insertion_order=false")
        self._threads = self._working = int(one(self.con.execute("SELECT current_setting('threads')"))[0])
        tables.create(self.con)
        sealing.remove_leftovers(self.con, self.sealed)
        self._manifest: sealing.Manifest | None = None  # as last read
        self.parts: dict[str, list[parts.Part]] = {}  # as last made
        self.first_of_several: list[Bound] = []  # municipalities with several purposes: what the main file holds of them
        self.size_up()
        self.known: dict[str, object] = {}  # temporary table → what it was made of; forgotten when a transaction fails

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the working database; open connections would print warnings at exit."""
        self.con.close()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All or nothing: whatever happens inside is committed at the end or not at all."""
        self.con.execute("BEGIN")
        try:
            yield self.con
        except BaseException:
            self.con.execute("ROLLBACK")
            self._manifest = None
            self.known.clear()
            raise
        self.con.execute("COMMIT")

    def relation(self, name: str, start: datetime | None = None, end: datetime | None = None, columns: str = "*") -> str:
        """SQL text, in parentheses, for the rows of a table with sealing time in [start, end), hot and sealed alike."""
        return sealing.relation(self.manifest(), self.sealed, name, start, end, columns)

    def manifest(self) -> sealing.Manifest:
        """Which sealed files hold which days; read once, and again after it may have changed: it is asked a hundred times a tick."""
        if self._manifest is None:
            self._manifest = sealing.manifest(self.con)
        return self._manifest

    def given(self, name: str, made_of: object, rows: pa.Table | str) -> str:
        """A temporary table (of Arrow or a query) that follows from settings, made anew only when they are others; returns ``name``."""
        if name not in self.known or self.known[name] != made_of:
            temporary(self.con, name, rows)
            self.known[name] = made_of
        return name

    def replace(
        self,
        name: str,
        new: str,
        scope: str,
        recorded_at: str,
        gone_at: str,
        revised_at: str | None = None,
    ) -> Changes:
        """Make the current rows inside ``scope`` equal to relation ``new``; see :func:`changes.replace`."""
        return changes.replace(self, name, new, scope, recorded_at, gone_at, revised_at)

    def make_hot(self, names: Iterable[str], days: str) -> None:
        """Bring sealed days (a query with one DATE column) of tables back into the working database before they change."""
        sealed = {name: files for name in names if (files := self.manifest().get(name))}
        if not sealed:
            return
        touched = [day for (day,) in self.con.execute(days).fetchall()]
        for name, files in sealed.items():
            wanted = [file for first, last, file in files if any(first <= day <= last for day in touched)]
            if wanted:
                sealing.unseal(self.con, self.sealed, name, wanted)
                self._manifest = None

    def take_out(self, name: str, file: str, rest: str | None) -> None:
        """Give up a sealed file; those of its rows that hold for ``rest`` (SQL; None: none) become hot again. In a transaction."""
        sealing.take_out(self.con, self.sealed, name, file, rest)
        self._manifest = None

    def seal(self, at: datetime, cuts: Mapping[str, Set[date]] | None = None) -> int:
        """Write days older than yesterday to Parquet, merge old months; returns files written.

        ``cuts``: table → days at which rows will be taken out; the months around them stay in day files.
        """
        self._manifest = None
        return sealing.seal(self.con, self.sealed, at, cuts or {})

    def size_up(self) -> None:
        """Work with one thread while rows are few: more only wait for each other there, and for the machine's other work.

        DuckDB shares work out by 122,880 rows, so that nothing is lost.
        """
        counted = " UNION ALL ".join(f"SELECT count(*) FROM {name}" for name in ("observations", "indicator_values", "baselines"))
        ((most,),) = self.con.execute(f"SELECT max(n) FROM ({counted}) t(n)").fetchall()
        wanted = self._threads if most > FEW else 1
        if wanted != self._working:
            self.con.execute(f"SET threads={wanted}")
            self._working = wanted

    def make_parts(self, at: datetime) -> None:
        """Bring the parts, which only readers see, up to date with the hot rows; see :mod:`pipelines.store.parts`."""
        self.parts = parts.bring_up(self.con, self.sealed, at)

    def drop_retired(self, at: datetime) -> None:
        """Delete sealed files that no publication has named for a grace period."""
        sealing.drop_retired(self.con, self.sealed, at)
