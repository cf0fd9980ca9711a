"""Sums that must add up (``sums:`` of a source): rows in which the parts do not make the total, told by place and interval only."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from pipelines.intake import mapping
from pipelines.readers import Raw
from schemas.settings.source import Source

MISFITS = pa.schema([("place", pa.string()), ("interval_start", pa.timestamp("us", "UTC"))])


def misfits(con: duckdb.DuckDBPyConnection, raw: Raw, source: Source) -> pa.Table:
    """Place and kept interval of the rows of ``record`` in which a declared sum does not add up, as :data:`MISFITS`.

    A row in which a part or the total is no number says nothing. The numbers stay in this function.
    """
    found = MISFITS.empty_table()
    decimal = getattr(source.reader, "decimal", ".")
    for declared in source.sums:
        columns = [mapping.texts(raw, name) for name in (declared.total, *declared.parts)]
        con.register(
            "sum_rows",
            pa.table({"row_number": pa.array(raw.row_numbers, pa.int64()), **{f"n{i}": c for i, c in enumerate(columns)}}),
        )
        numbers = [f"try_cast(replace(n{i}, '{decimal}', '.') AS DOUBLE)" for i in range(len(columns))]
        wrong = f"abs({numbers[0]} - ({' + '.join(numbers[1:])})) > {declared.tolerance + 1e-9}"
        rows = con.sql(f"""SELECT DISTINCT place, slot AS interval_start FROM record JOIN sum_rows USING (row_number)
                           WHERE kept AND problem IS NULL AND place IS NOT NULL AND {wrong}""").to_arrow_table()
        con.unregister("sum_rows")
        found = pa.concat_tables([found, rows.cast(MISFITS)])
    return found
