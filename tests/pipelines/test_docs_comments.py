"""Every table, view, column and macro of the published file says what it is: the dictionary stands in the database too."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipelines.published import connect
from pipelines.store import Store
from schemas import vocabulary
from schemas.results import HISTORY, TABLES
from tests.town import START, STEP, Town


@pytest.fixture(scope="module")
def con(tmp_path_factory):
    """The published file of a town after one run."""
    town = Town(tmp_path_factory.mktemp("town"))
    at = START + 4 * STEP + timedelta(minutes=10)
    town.zones(at, [(START + i * STEP, "square", 100) for i in range(4)])
    store = Store(town.folder / "workspace")
    town.tick(store, at)
    found = connect(store.published / "indicators.duckdb")
    yield found
    found.close()
    store.close()


def without(con, sql: str) -> list[str]:
    return [" ".join(map(str, row)) for row in con.execute(f"{sql} AND (comment IS NULL OR trim(comment) = '')").fetchall()]


@pytest.mark.parametrize(
    "what",
    [
        "table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary",
        "view_name FROM duckdb_views() WHERE NOT internal AND NOT temporary",
        "table_name, column_name FROM duckdb_columns() WHERE NOT internal",
        "function_name FROM duckdb_functions() WHERE NOT internal AND function_type LIKE '%macro%'",
    ],
)
def test_everything_carries_a_comment(con, what):
    assert without(con, f"SELECT {what} AND database_name = current_database()") == []


def test_all_tables_of_the_contract_are_there_with_the_words_of_the_dictionary(con):
    named = (
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal AND database_name = current_database()"
    )
    said = {(table, column): comment for table, column, comment in con.execute(named).fetchall()}
    words = vocabulary.columns()
    for table in TABLES.values():
        for name in (table.name, *([f"{table.name}_history"] if table in HISTORY else [])):
            for column in table.columns:
                assert words[column].nl in said[name, column], (name, column)
                assert words[column].en in said[name, column], (name, column)


def test_the_macros_are_there(con):
    macros = "SELECT function_name FROM duckdb_functions() WHERE NOT internal AND database_name = current_database()"
    assert {f"{table.name}_as_known" for table in HISTORY} <= {name for (name,) in con.execute(macros).fetchall()}
