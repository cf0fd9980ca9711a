"""What an outsider knows to add up: sums that hold between published counts, whoever counted them.

Each rule gives rows (rel, kind, scope, cell, coef, rest, need): the cells of one relation times their factors make nothing, or with ``rest``
no less than nothing (what is left is a group of people of its own). ``need``: of how many cells it is made when all have come.
``scope`` names the sources: whether what two of them count is one and the same thing is learned from the intervals in which every
number is known, as an outsider would.
"""

from __future__ import annotations

import duckdb

from pipelines import sql
from schemas import vocabulary

# Two sources are taken to count the same when their numbers fit in this share of the intervals where all are known.
TRUST = 0.95


def collect(con: duckdb.DuckDBPyConnection, municipality: str, places: str = "p0.places", fits: float = TRUST) -> None:
    """Make ``rel`` (all relations of cells) and ``trust`` (kind, scope → n, exact, rest) over tables ``cells`` and ``seen``.

    ``fits``: in which share of the intervals numbers must fit to be added up.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE leads AS {_leads(municipality, places)}")
    town = sql.literal(municipality)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE closed AS SELECT DISTINCT place AS zone FROM {places} WHERE municipality = {town} AND perimeter = 'complete'"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE rel AS {' UNION ALL '.join(_RULES)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE trust AS {_trust(fits)}")


def _leads(municipality: str, places: str) -> str:
    """Lines and journeys with where they come from and go to, for as long as they do."""
    return f"""SELECT place, place_kind, from_zone, to_zone, valid_from, valid_to FROM {places}
               WHERE municipality = {sql.literal(municipality)} AND place_kind IN ('line', 'relation')"""


def _flows() -> str:
    words = vocabulary.columns()
    return sql.names(n for n, w in words.items() if w.counts == "person" and w.kind == "flow")


_SAME = "USING (place, interval_start, interval_end)"
_SIDE = "dataset, source, place, interval_start, interval_end"

_DIRECTIONS = f"""
    SELECT 'directions|' || t.cell || '|' || i.source AS rel, 'directions' AS kind, t.source || '|' || i.source AS scope,
           unnest([t.cell, i.cell, o.cell]) AS cell, unnest([1.0, -1.0, -1.0]) AS coef, false AS rest, 3 AS need
    FROM cells t JOIN cells i {_SAME} JOIN cells o {_SAME}
    WHERE t.measure = 'count_total' AND i.measure = 'count_in' AND o.measure = 'count_out' AND i.source = o.source"""

# A longer interval and the shorter ones that fill it, counted by another source, or by the same one at another pace. While not all
# of these have come, those that have not are the rest.
_WINDOWS = f"""
    WITH paced AS (SELECT *, interval_end - interval_start AS length FROM cells WHERE measure IN ({_flows()})),
    several AS (FROM paced SEMI JOIN (SELECT place, measure FROM paced GROUP BY ALL HAVING count(DISTINCT length) > 1) USING (place, measure)),
    long AS (SELECT * REPLACE (unnest(range(hour, interval_end, INTERVAL 1 HOUR)) AS hour) FROM several)
    SELECT 'windows|' || cell || '|' || fine || '|' || seconds, 'windows', source || '|' || fine, unnest(list_prepend(cell, list(part))),
           unnest(list_prepend(1.0, list_transform(list(part), lambda _: -1.0))), false, 1 + any_value(whole // seconds)
    FROM (SELECT c.cell, c.source, f.source AS fine, epoch(f.length) AS seconds, f.cell AS part, epoch(c.length) AS whole
          FROM long c JOIN several f USING (dataset, place, measure, hour)
          WHERE f.interval_start >= c.interval_start AND f.interval_end <= c.interval_end AND f.length < c.length)
    GROUP BY cell, source, fine, seconds, whole HAVING whole % seconds = 0"""

# Who boards at a stop sets out from there; who alights came from somewhere: journeys that are not listed are the rest.
_MARGINS = """
    SELECT 'margins|' || cell || '|' || journeys, 'margins', measure || '|' || source || '|' || journeys || '|' || place,
           unnest(list_prepend(cell, list(part))), unnest(list_prepend(1.0, list_transform(list(part), lambda _: -1.0))), true, 1 + count(*)
    FROM (SELECT m.cell, m.source, m.measure, m.place, t.source AS journeys, t.cell AS part
          FROM cells m JOIN leads r ON m.place = CASE m.measure WHEN 'boarding' THEN r.from_zone ELSE r.to_zone END
              AND m.interval_start >= r.valid_from AND (r.valid_to IS NULL OR m.interval_start < r.valid_to)
          JOIN cells t ON t.place = r.place AND t.interval_start = m.interval_start AND t.interval_end = m.interval_end
          WHERE m.measure IN ('boarding', 'alighting') AND t.measure = 'trips' AND r.from_zone <> r.to_zone)
    GROUP BY cell, source, measure, place, journeys"""

# The people in a zone that its lines close are those of before and those who came, without those who left.
_STOCKS = """
    WITH ways AS (SELECT unnest([from_zone, to_zone]) AS zone, unnest([-1.0, 1.0]) AS sign, place, valid_from, valid_to FROM leads
                  WHERE place_kind = 'line' AND from_zone IS DISTINCT FROM to_zone),
    moved AS (SELECT n.cell AS now, n.source, n.place AS zone, b.cell AS before, l.source AS gates, l.cell AS part,
                     CASE l.measure WHEN 'count_in' THEN w.sign ELSE -w.sign END AS coef
              FROM cells n JOIN cells b ON b.place = n.place AND b.measure = 'present' AND b.source = n.source AND b.interval_end = n.interval_start
              JOIN ways w ON w.zone = n.place AND n.interval_start >= w.valid_from AND (w.valid_to IS NULL OR n.interval_start < w.valid_to)
              JOIN cells l ON l.place = w.place AND l.interval_start = n.interval_start AND l.interval_end = n.interval_end
              JOIN closed z ON z.zone = n.place
              WHERE n.measure = 'present' AND l.measure IN ('count_in', 'count_out'))
    SELECT 'stocks|' || now || '|' || gates, 'stocks', source || '|' || gates || '|' || zone, unnest([now, before] || list(part)),
           unnest([1.0, -1.0] || list(-coef)), false, 2 + count(*)
    FROM moved GROUP BY now, source, zone, before, gates"""

_TWICE = """
    SELECT 'twice|' || a.cell || '|' || b.source, 'twice', a.source || '|' || b.source || '|' || a.measure, unnest([a.cell, b.cell]),
           unnest([1.0, -1.0]), false, 2
    FROM cells a JOIN cells b USING (dataset, place, interval_start, interval_end, measure) WHERE a.source < b.source"""

_RULES = (_DIRECTIONS, f"SELECT * FROM ({_WINDOWS})", _MARGINS, f"SELECT * FROM ({_STOCKS})", _TWICE)


def _trust(share: float) -> str:
    """How well each kind of relation fits between its sources, where all is known and current; unknown means trusted."""
    return f"""
        WITH whole AS (SELECT rel, kind, scope, rest, sum(coef * lo) AS gap
                       FROM rel JOIN seen s USING (cell) WHERE s.until IS NULL
                       GROUP BY rel, kind, scope, rest HAVING bool_and(known) AND count(*) = any_value(need)),
        fits AS (SELECT kind, scope, count(*) AS n, avg((gap = 0)::INTEGER) AS equal, avg((gap >= 0)::INTEGER) AS over
                 FROM whole GROUP BY ALL)
        SELECT kind, scope, coalesce(n, 0) AS n, coalesce(equal, 1) >= {share} AS exact,
               NOT coalesce(equal, 1) >= {share} AND rest AND coalesce(over, 1) >= {share} AS rest
        FROM (SELECT DISTINCT kind, scope, rest FROM rel) LEFT JOIN fits USING (kind, scope)"""


def instances(con: duckdb.DuckDBPyConnection, plain: bool = False) -> None:
    """Make ``terms`` (instance, version, coef) and ``sums`` (instance, kind, rest): each relation as it stood at each of its moments.

    Left out are those with nothing hidden (but for ``plain``: more may become hidden), those whose sources do not count the same, and
    what stood so before.
    """
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE terms AS
        WITH trusted AS (SELECT rel.* EXCLUDE (rest), t.rest FROM rel JOIN trust t USING (kind, scope) WHERE t.exact OR t.rest),
        moments AS (SELECT DISTINCT rel, s.since AS moment FROM trusted JOIN seen s USING (cell)),
        stood AS (SELECT m.rel, m.moment, any_value(r.kind) AS kind, any_value(r.rest) OR count(*) < any_value(r.need) AS rest,
                         bool_or(r.coef > 0) AND (count(*) = any_value(r.need) OR any_value(r.kind) = 'windows') AS holds,
                         list(s.version ORDER BY s.version) AS versions,
                         list(r.coef ORDER BY s.version) AS coefs, bool_and(s.known) AS plain
                  FROM moments m JOIN trusted r USING (rel) JOIN seen s ON s.cell = r.cell
                      AND s.since <= m.moment AND (s.until IS NULL OR s.until > m.moment) GROUP BY m.rel, m.moment),
        told AS (SELECT rel, kind, rest, versions, any_value(coefs) AS coefs, min(moment) AS moment FROM stood
                 WHERE holds AND (NOT plain OR rest OR {plain}) GROUP BY rel, kind, rest, versions)
        SELECT row_number() OVER (ORDER BY rel, moment) AS instance, kind, rest, versions, coefs FROM told""")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE sums AS SELECT instance, kind, rest, 0.0::DOUBLE AS low, 0.0::DOUBLE AS high FROM terms"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE terms AS SELECT instance, unnest(versions) AS version, unnest(coefs) AS coef FROM terms"
    )
