"""What an outsider would know if the current counts were published as they are: unknowns and sums around what is new."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np

from pipelines import sql
from pipelines.privacy import relations, seen
from pipelines.privacy.unknowns import Flags, Unknowns
from pipelines.publish import FILE
from pipelines.store import Store
from schemas.config import Config
from schemas.results import TABLES

KEY = TABLES["observations"].key
_KEYS = ", ".join(KEY)
# An outsider may come to trust sources that fit less often than the audit asks for, once more is known.
FITS = 0.8


@dataclass(frozen=True)
class Known:
    """The unknowns; which of them are new (no run worked with them yet); the connection that says which counts they are."""

    con: duckdb.DuckDBPyConnection
    unknowns: Unknowns
    new: Flags

    def flags(self, query: str) -> Flags:
        """The unknowns whose row of ``seen`` is among the versions of a query."""
        rows = self.con.execute(query).fetchnumpy()
        return np.isin(self.unknowns.versions, next(iter(rows.values()))) & (self.unknowns.versions > 0)


def load(store: Store, config: Config, linked: Collection[str], span: tuple[datetime, datetime]) -> Known | None:
    """Everything published or about to be within ``span`` at the ``linked`` places; None where nothing can be added up."""
    rows = store.con.sql(_rows(store, config, linked, span)).to_arrow_table()
    con = duckdb.connect()
    con.execute("SET TimeZone='UTC'; SET threads=1")
    con.register("given", rows)
    con.execute("CREATE TEMP TABLE raw AS FROM given")
    con.unregister("given")
    town = config.municipality
    scaled = tuple(s.source for s in config.sources.values() if s.uptime)
    seen.versions(con, k=config.k, zero_hidden=town.withhold_zero, scaled=scaled)
    con.register("given", store.con.sql(
        "SELECT municipality, place, place_kind, from_zone, to_zone, valid_from, valid_to, perimeter FROM places").to_arrow_table())  # fmt: skip
    con.execute("CREATE TEMP TABLE places AS FROM given")
    relations.collect(con, town.municipality, "places", FITS)
    relations.instances(con, plain=True)
    unknowns = Unknowns(con)
    if not len(unknowns.system.low):
        con.close()
        return None
    known = Known(con, unknowns, np.zeros(len(unknowns.small), np.bool_))
    new = known.flags(
        f"SELECT version FROM seen JOIN cells USING (cell) JOIN raw USING ({_COLUMNS}) WHERE seen.until IS NULL AND raw.new"
    )
    return Known(con, unknowns, new)


_COLUMNS = "dataset, source, place, interval_start, interval_end, measure"


def _rows(store: Store, config: Config, linked: Collection[str], span: tuple[datetime, datetime]) -> str:
    """SQL: all versions of the counts concerned, as :func:`pipelines.privacy.seen.versions` reads them; ``new``: since the last run."""
    slug = config.municipality.municipality
    where = f"""municipality = '{slug}' AND place IN ({sql.names(sorted(linked))}) AND measure IN ({sql.names(seen.person_measures())})
                AND interval_start >= TIMESTAMPTZ '{span[0].isoformat()}' AND interval_start < TIMESTAMPTZ '{span[1].isoformat()}'"""
    numbers = ", ".join(f"CAST({c} AS DOUBLE) AS {c}" for c in ("value", "value_low", "value_high"))
    columns = f"{_COLUMNS}, status, {numbers}, recorded_at AS since"
    dirty = (
        f"(SELECT DISTINCT dataset, source, place, interval_start, true AS new FROM dirty_cells WHERE municipality = '{slug}')"
    )
    return f"""
        SELECT {columns}, {seen.NONE} AS until, coalesce(new, false) AS new FROM {store.relation("observations", *span)}
            LEFT JOIN {dirty} USING (dataset, source, place, interval_start) WHERE {where}
        UNION ALL SELECT {columns}, superseded_at, false FROM {store.relation("observations_superseded", *span)} WHERE {where}
        UNION ALL SELECT {columns}, released_at, false FROM held_changes WHERE {where}"""


def unseen(known: Known, published: Path, municipality: str, span: tuple[datetime, datetime], least: float) -> Flags:
    """What is new and no publication has shown yet: numbers that may still be withheld, small groups whose range may be widened."""
    file, con, anti = published / FILE, known.con, ""
    if file.exists():
        con.execute(f"SET VARIABLE drukte_root = {sql.literal(str(published) + '/')}")
        con.execute(f"ATTACH {sql.literal(str(file))} AS told (READ_ONLY)")
        con.execute(f"""CREATE OR REPLACE TEMP TABLE shown AS SELECT DISTINCT {_COLUMNS},
                            CASE WHEN status = 'ok' THEN CAST(value AS DOUBLE) ELSE {least} END AS lo
                        FROM told.observations_history WHERE municipality = {sql.literal(municipality)} AND status IN ('ok', 'suppressed')
                        AND interval_start >= TIMESTAMPTZ '{span[0].isoformat()}' AND interval_start < TIMESTAMPTZ '{span[1].isoformat()}'""")
        con.execute("DETACH told")
        anti = f"ANTI JOIN shown USING ({_COLUMNS}, lo)"
    return known.new & known.flags(f"""
        SELECT version FROM (SELECT version, lo, {_COLUMNS} FROM seen JOIN cells USING (cell)
            WHERE until IS NULL AND (known AND NOT withheld AND lo > 0 OR small)) {anti}""")
