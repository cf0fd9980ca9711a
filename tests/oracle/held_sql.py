"""Rules 13 and 14 as set-based SQL, by another hand than :mod:`indicators.levels` and not a loop over slots.

A band asks a slot one of two questions: off, "is enter reached?"; on, "is it calm, strictly inside exit?". Per question
the slots that say yes fall into islands: a slot that says no begins a new one, and so does a slot before which more
than two of its intervals passed without an answer. Inside an island the seconds of yes add up. What is recursive is
the list of changes only: the next is the first slot after the last at which the seconds since then reach ``for``
(``keep_for``), or at which the card wants it at once.

Tables it reads: ``slots`` (p, start, seconds, packed, for_seconds BIGINT[3], keep_seconds BIGINT[3]) and ``carried``
(p, band, is_on, since, run, run_start, run_end), a row for every series and band, zeros at rest. Gives a row for every
series and every start of any series: (start, p, level 0-3, begun, left_at), the last two 0 where there is none.
"""

HELD = """
WITH RECURSIVE asked AS (
    SELECT p, band, question, row_number() OVER (PARTITION BY p, band, question ORDER BY start) AS n,
           start, start + seconds AS stop, seconds,
           CASE question WHEN 'on' THEN packed >> 5 * band & 2 = 0 ELSE packed >> 5 * band & 8 = 0 END AS answered,
           CASE question WHEN 'on' THEN packed >> 5 * band & 3 = 1 ELSE packed >> 5 * band & 12 = 4 END AS yes,
           question = 'on' AND packed >> 5 * band & 16 > 0 AS at_once,
           CASE question WHEN 'on' THEN for_seconds[band + 1] ELSE keep_seconds[band + 1] END AS needed
    FROM slots, (VALUES (0), (1), (2)) bands(band), (VALUES ('on'), ('off')) questions(question)
    UNION ALL -- what was carried: a run under way counts as one earlier slot
    SELECT p, band, if(is_on, 'off', 'on'), 0, run_start, run_end, run, true, run > 0, false, NULL FROM carried
),
parted AS (
    SELECT *, coalesce(max(if(yes, stop, NULL)) OVER before_it, start) AS last_yes,
           answered AND NOT yes OR if(answered, start, stop) - last_yes > 2 * seconds AND n > 0 AS parts
    FROM asked WINDOW before_it AS (PARTITION BY p, band, question ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
added AS (
    SELECT *, count_if(parts) OVER so_far AS island, coalesce(sum(if(yes, seconds, 0)) OVER so_far, 0) AS total,
           min(if(yes, start, NULL)) OVER (PARTITION BY p, band, question ORDER BY n
                                           ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_yes
    FROM parted WINDOW so_far AS (PARTITION BY p, band, question ORDER BY n)
),
islands AS (
    SELECT *, coalesce(min(if(yes, total - seconds, NULL)) OVER island, total) AS total_before,
           min(if(yes, start, NULL)) OVER island AS first_yes
    FROM added WINDOW island AS (PARTITION BY p, band, question, island)
),
changes AS (
    SELECT p, band, CAST(-1 AS BIGINT) AS n, is_on, since, CAST(0 AS BIGINT) AS left_at FROM carried
    UNION ALL
    SELECT p, band, found.n, NOT is_on, if(is_on, 0, found.since), if(is_on, found.since, 0)
    FROM (SELECT c.p, c.band, c.is_on,
                 min_by({n: i.n, since: if(i.total > greatest(i.total_before, coalesce(k.total, 0)),
                                           greatest(i.first_yes, coalesce(k.next_yes, 0)), i.start)}, i.n) AS found
          FROM changes c
          JOIN islands i ON i.p = c.p AND i.band = c.band AND i.question = if(c.is_on, 'off', 'on') AND i.n > greatest(c.n, 0)
          LEFT JOIN islands k ON k.p = i.p AND k.band = i.band AND k.question = i.question AND k.n = c.n
          WHERE i.at_once OR i.yes AND i.total - greatest(i.total_before, coalesce(k.total, 0)) >= i.needed
          GROUP BY c.p, c.band, c.is_on)
),
judged AS ( -- after every slot: the band's last change, and of a band that is off the run under way since then
    SELECT i.p, i.band, i.start, c.is_on, if(c.n = i.n, c.left_at, 0) AS left_at,
           CASE WHEN c.is_on THEN c.since
                WHEN i.total > greatest(i.total_before, coalesce(k.total, 0)) THEN greatest(i.first_yes, coalesce(k.next_yes, 0))
           END AS begun
    FROM islands i ASOF JOIN changes c ON c.p = i.p AND c.band = i.band AND c.n <= i.n
    LEFT JOIN islands k ON k.p = i.p AND k.band = i.band AND k.question = i.question AND k.n = c.n
    WHERE i.question = 'on' AND i.n > 0
),
rest AS ( -- before the first slot of a series: what was carried
    SELECT p, max(if(is_on, band + 1, 0)) AS level, min(if(is_on, since, if(run > 0, run_start, NULL))) AS begun
    FROM carried GROUP BY p
),
held AS (
    SELECT p, start, max(if(is_on, band + 1, 0)) AS level, min(begun) AS begun, max(left_at) AS left_at
    FROM judged GROUP BY p, start
)
SELECT s.start, r.p, CAST(coalesce(h.level, r.level) AS BIGINT),
       CAST(coalesce(if(h.p IS NULL, r.begun, h.begun), 0) AS BIGINT), CAST(if(h.start = s.start, h.left_at, 0) AS BIGINT)
FROM (SELECT DISTINCT start FROM slots) s CROSS JOIN rest r
ASOF LEFT JOIN held h ON h.p = r.p AND h.start <= s.start
ORDER BY s.start, r.p
"""
