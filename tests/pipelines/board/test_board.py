"""The board: worst first, unknown visibly unknown, nothing shown that is not there, everything escaped."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import board
from pipelines.board import page, queries, say
from pipelines.published import connect
from schemas import words, yamlfile
from schemas.problems import Problems

AT = datetime(2025, 9, 20, 20, 5, tzinfo=UTC)
BEGIN = datetime(2025, 9, 20, 12, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
VOID = {"meta", "link", "br", "wbr", "col", "img", "input"}
Made = Callable[..., Path]


class Seen(HTMLParser):
    """The page as read by a parser: tags with attributes, headings, text by place block. Refuses unbalanced tags."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text.append(data)

    def has(self, tag, cls):
        return [a for t, a in self.tags if t == tag and cls in (a.get("class") or "").split()]


def shown(made: Made, change=None, *, at=AT, lang="en", name="evening", municipality=None) -> str:
    database = made(change, name)
    return board.write(database, database.with_suffix(".html"), lang=lang, at=at, municipality=municipality).read_text(encoding="utf-8")


def plain(html: str) -> str:
    """The words of the page, spaces made even."""
    return " ".join("".join(Seen(html).text).replace("\u00a0", " ").split())


def block(html: str, name: str) -> str:
    """The rows of one place in the table of strips."""
    return next(b for b in re.findall(r"<tbody role=\"rowgroup\".*?</tbody>", html, re.S) if f"<h3>{name}</h3>" in b)


def articles(html: str) -> list[str]:
    return re.findall(r"<article.*?</article>", html, re.S)


def named(html: str) -> list[str]:
    return [re.search(r"<h4>(.*?)</h4>", a).group(1) for a in articles(html)]


# What it is made of


def test_page_is_self_contained(made):
    html = shown(made)
    seen = Seen(html)
    assert not {"link", "img", "iframe", "object", "form", "base"} & {tag for tag, _ in seen.tags}
    assert all(a.get("href", "#").startswith("#") and "src" not in a for _, a in seen.tags)
    assert not any(name.startswith("on") or name == "style" for _, a in seen.tags for name in a)
    assert not re.search(r"@import|https?://|url\((?!#)", html)
    assert len(html.encode()) < page.MAX_BYTES


def test_policy_admits_only_our_style_and_script(made):
    html = shown(made)
    policy = next(a["content"] for t, a in Seen(html).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")
    for kind, tag in (("style", "style"), ("script", "script")):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.S)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("lang", say.LANGUAGES)
def test_language_headings_and_landmarks(made, lang):
    seen = Seen(shown(made, lang=lang))
    assert ("html", {"lang": lang}) in seen.tags
    levels = [int(tag[1]) for tag, _ in seen.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))
    assert {"header", "main", "footer"} <= {tag for tag, _ in seen.tags}
    assert all(a.get("aria-label") for a in seen.has("svg", "strip"))
    ids = [a["id"] for _, a in seen.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_same_file_and_moment_give_the_same_page(made):
    database = made()
    first, second = (board.write(database, database.with_name(f"{n}.html"), at=AT).read_bytes() for n in (1, 2))
    assert first == second


def test_writing_replaces_in_one_stroke_and_leaves_nothing_behind(made, tmp_path):
    out = tmp_path / "board" / "index.html"
    out.parent.mkdir()
    out.write_text("an older page")
    assert board.write(made(), out, at=AT) == out
    assert [p.name for p in out.parent.iterdir()] == ["index.html"]
    assert "an older page" not in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(("options", "told"), [({"lang": "de"}, "Use nl or en"), ({"municipality": "elders"}, "It holds waterdam")])
def test_wrong_options_say_what_to_do(made, tmp_path, options, told):
    with pytest.raises(Problems, match=told):
        board.write(made(), tmp_path / "x.html", at=AT, **options)
    with pytest.raises(ValueError, match="time zone"):
        board.write(made(name="again"), tmp_path / "x.html", at=AT.replace(tzinfo=None))


# Situations


def test_situations_stand_worst_first_and_per_group(made):
    html = shown(made)
    assert named(html) == ["Grote Markt", "Kade", "Vismarkt"]  # the worst one's group together, then the next
    (group,) = re.findall(r'<section class="group">.*?</section>', html, re.S)
    assert named(group) == ["Grote Markt", "Kade"] and "2 neighbouring places together" in group


def test_order_follows_the_level(made):
    def swap(tables):
        for s in tables["situations"][:3]:
            s["group_id"], s["level"] = None, {"grote-markt": "elevated", "kade": "critical", "vismarkt": "high"}[s["place"]]

    assert named(shown(made, swap)) == ["Kade", "Vismarkt", "Grote Markt"]


def test_a_situation_tells_all_of_its_facts(made):
    told = plain(articles(shown(made))[0])
    for fact in ("critical", "Overcrowded area", "density 3.62 p/m², beyond the edge since 18:15", "3.62 p/m²", "measured 21:45–22:00",
                 "edge of critical ≥ 3.5 p/m²", "edge from the place, config/municipalities/waterdam.yaml:88", "since18:15 3 h 50 min",
                 "signalled18:32", "data up to22:00 5 min old", "coverage100 %", "confidence0.95", "reasons: Density, Occupancy",
                 "follow-up: meter · crowd-manager · needs 20 min"):  # fmt: skip
        assert fact in told, told


def test_dutch_page_writes_dutch_numbers(made):
    told = plain(articles(shown(made, lang="nl"))[0])
    for fact in ("kritiek", "3,62 p/m²", "grens kritiek ≥ 3,5 p/m²", "vertrouwen0,95", "3 u 50 min", "opvolging: doseren"):
        assert fact in told


def test_rule_14_held_level_is_shown_beside_the_instant_one(made):
    html = shown(made)
    kade = next(a for a in articles(html) if "<h4>Kade" in a)
    assert 'class="level elevated"' in kade and "measured now: high" in kade
    assert "held: elevated · measured now: high" in plain(block(html, "Kade"))


def test_rule_15_unobserved_situation_stays_open_and_is_marked(made):
    html = shown(made)
    (blind,) = [a for a in articles(html) if "unobserved" in a]
    told = plain(blind)
    assert "Vismarkt" in told and "no known data since 19:45" in told and "stays open" in told and "coverage0 %" in told
    assert "last known, measured 19:30–19:45" in told and "measured now: unknown (outage at the source)" in told
    assert '<rect class="unseen"' in block(html, "Vismarkt")
    assert '<rect class="unseen"' not in block(html, "Kade")


def test_pending_and_closed_ones_stand_apart(made):
    told = plain(shown(made))
    assert re.search(r"Pending .*Grote Marktunusual activity for place and time21:00 1 h 5 min", told)
    assert re.search(r"Closed since 14:00 .*Stationsbrugsaturated or blocked passage16:30 – 19:303 hdata", told)


def test_closed_before_the_strip_or_begun_after_it_is_left_out(made):
    def change(tables):
        old, new = dict(tables["situations"][-1]), dict(tables["situations"][0])
        old.update(place="hof", ended_at=BEGIN - QUARTER, started_at=BEGIN - 2 * QUARTER)
        new.update(place="poort", started_at=AT + QUARTER)
        tables["situations"] = [old, new]

    html = shown(made, change)
    assert articles(html) == [] and "Closed since" not in html


def test_no_open_situation_is_not_called_calm_while_places_are_unknown(made):
    told = plain(shown(made, lambda tables: tables.update(situations=[])))
    assert "No open situations. That does not mean calm: 5 of 9 places are wholly or partly unknown now." in told


def test_edge_that_cannot_be_traced_is_not_invented(made):
    told = plain(articles(shown(made, lambda tables: tables.update(effective_settings=[])))[0])
    assert "edge cannot be traced" in told and "≥" not in told


# Unknown


def test_header_counts_known_and_unknown_places(made):
    told = plain(shown(made))
    assert "4 of 9 places known" in told and "1 partly unknown" in told and "4 unknown" in told
    assert "3 open" in told and "1 without sight" in told and "1 pending" in told


def test_place_without_rows_is_unknown_and_shows_no_level(made):
    poort = block(shown(made), "Poort")
    assert "not a single row in the last 24 hours" in plain(poort)
    assert 'class="chip unknown' in poort and '<rect class="fill' not in poort
    assert not re.search(r"chip (normal|elevated|high|critical)", poort)


def test_partly_unknown_place_says_so(made):
    told = plain(block(shown(made), "Nieuwe Plein"))
    assert "1 of 2 indicators unknown" in told and "too little history for a baseline" in told


@pytest.mark.parametrize(("minutes", "delay", "known"), [(35, "5", True), (36, "5", False), (30, None, True), (31, None, False), (50, "20", True)])
def test_rule_04_newest_value_older_than_stale_after_is_unknown(made, minutes, delay, known):
    def change(tables):
        tables["about"] = [row for row in tables["about"] if row["key"] != "source.gates.delay_minutes"]
        if delay:
            tables["about"].append({"key": "source.gates.delay_minutes", "text": delay})

    hofje = block(shown(made, change, at=datetime(2025, 9, 20, 20, 0, tzinfo=UTC) + timedelta(minutes=minutes)), "Hofje")
    assert ('class="chip normal' in hofje) is known
    assert ('class="chip unknown' in hofje) is not known
    if not known:
        assert "out of date last known: normal, 22:00" in plain(hofje).replace("datelast", "date last")


def test_rule_07_withheld_number_is_not_shown_and_says_why(made):
    def change(tables):
        for row in tables["indicator_values"]:
            if row["place"] == "hof":
                row.update(value=None, value_low=0.0, value_high=0.0777, status="suppressed", reason="suppressed", level="normal")

    html = shown(made, change)
    hofje = block(html, "Hofje")
    assert "< 15 people: withheld" in plain(hofje) and "0.08" not in hofje and "0.0777" not in html
    assert 'class="chip normal' in hofje and '<rect class="dots"' in hofje  # rule 8: the level is certain, the number hidden


def test_rule_17_context_card_sets_no_level(made):
    def change(tables):
        for row in tables["indicators"]:
            row["role"] = "context" if row["indicator"] == "unusualness" else "signal"

    assert "Unusualness" not in block(shown(made, change), "Grote Markt")


CAUSES = ("suppressed", "missing", "outage", "invalid")


def expected_runs(series: list[float | str | None]) -> list[tuple[str, str, str]]:
    """Naive: walk the quarter-hours one by one; a run is (from, to, what is said)."""
    runs: list[list[object]] = []
    for i, cell in enumerate(series):
        if cell is None:
            continue
        if isinstance(cell, str):
            said = f"unknown ({words.word('status', cell if cell in CAUSES else 'missing', 'en')})"
        else:
            said = "critical" if cell >= 3.5 else "high" if cell >= 2.15 else "elevated" if cell >= 1.1 else "normal"
        if runs and runs[-1][1] == i and runs[-1][2] == said:
            runs[-1][1] = i + 1
        else:
            runs.append([i, i + 1, said])
    clock = [f"{(BEGIN + i * QUARTER).astimezone(ZoneInfo('Europe/Amsterdam')):%H:%M}" for i in range(33)]
    return [(clock[a], clock[b], said) for a, b, said in runs]  # type: ignore[index, misc]


cells = st.one_of(st.sampled_from([0.0, 1.0, 1.1, 2.15, 3.5, 9.0]), st.sampled_from([*CAUSES, "not_applicable"]), st.none())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(series=st.lists(cells, min_size=1, max_size=32))
def test_strip_agrees_with_a_naive_walk_and_draws_nothing_that_is_not_there(made, values_of, series):
    def change(tables):
        tables["indicator_values"], tables["situations"] = values_of("hof", "density", series), []

    hofje = block(shown(made, change), "Hofje")
    drawn = [tuple(re.fullmatch(r"(.{5})–(.{5}) (.*)", t).groups()) for t in re.findall(r"<title>(.*?)</title>", hofje)]
    assert drawn == expected_runs(series)
    known = [cell for cell in series if isinstance(cell, float)]
    assert bool(re.search(r'<rect class="fill', hofje)) is bool(known)
    fills = re.findall(r'<rect class="fill (\w+)" x="([\d.]+)%" y="\d+" width="([\d.]+)%"', hofje)
    share = sum(float(w) for _, _, w in fills) / 100 * (AT - BEGIN).total_seconds() / QUARTER.total_seconds()
    assert share == pytest.approx(len(known), abs=0.05)


# Health, several municipalities, size


def test_health_of_data_names_closed_gate_and_refused_rows_in_words(made):
    told = plain(shown(made))
    assert "gate closed (person-level or undeclared content) · cameras" in told and "column 4: looks like device identifiers" in told
    assert "taken in partly · gates" in told and "4 of 96 rows refused" in told and "not_negative: count_in is negative" in told
    assert "72 % required 9" in told  # 64 of 88 quarter-hours of the cameras
    assert "19:45 2 h 20 min old" in told


def test_two_municipalities_each_with_their_clock_and_places(made):
    def change(tables):
        tables["about"] += [{"key": "time_zone:elders", "text": "Europe/London"}, {"key": "name:elders", "text": "Elders"}]
        tables["places"].append({**tables["places"][0], "municipality": "elders", "name": "Elders Square"})
        tables["situations"].append({**tables["situations"][0], "municipality": "elders", "situation_id": "e", "group_id": "g1"})

    html = shown(made, change)
    told = plain(html)
    assert "Elders · Waterdam" in told and "Places, 13:00–21:05 · Elders" in told and "Places, 14:00–22:05 · Waterdam" in told
    both = [a for a in articles(html) if "elders" in a.lower()]
    assert len(both) == 1 and "since17:15" in plain(both[0])
    alone = shown(made, change, name="alone", municipality="waterdam")
    assert "Elders" not in alone and named(alone) == ["Grote Markt", "Kade", "Vismarkt"]


def test_time_zone_that_is_not_stated_is_named_utc(made):
    told = plain(shown(made, lambda tables: tables.update(about=[])))
    assert "times in UTC" in told and "Sat 20 Sep 2025 20:05" in told and "waterdam" in told


def test_many_busy_places_stay_under_a_megabyte_and_the_rest_is_counted(made, values_of):
    def change(tables):
        first, one = tables["places"][0], tables["situations"][0]
        names = [f"place-{n}" for n in range(150)]
        tables["places"] = [{**first, "place": n, "name": n} for n in names]
        flicker = [0.2, 1.2, "missing", 2.3, "outage", 3.6, "suppressed", 0.1] * 4
        tables["indicator_values"] = [row for n in names for i in ("density", "occupancy") for row in values_of(n, i, flicker)]
        tables["situations"] = [{**one, "place": n, "situation_id": n, "group_id": n} for n in names]

    html = shown(made, change)
    assert len(html.encode()) <= page.MAX_BYTES
    drawn = html.count('<tbody role="rowgroup"')
    assert 0 < drawn < 150 and f"{150 - drawn} places are not drawn here, {150 - drawn} of them unknown" in plain(html)
    assert f"{150 - len(articles(html))} more situations are not listed here, none worse" in plain(html)


def test_file_without_anything_in_it_gives_an_honest_page(made):
    html = shown(made, lambda tables: [tables.pop(name) for name in list(tables) if name not in ("purposes", "about")])
    told = plain(html)
    assert "This file has no valid places now." in told and "No delivery has been received yet." in told and "no run recorded yet" in told
    assert not re.search(r'<span class="chip (normal|elevated|high|critical)', html.split('class="legend"')[0])


# Hostile content


EVIL = "</script></style><script>document.title='pwned'</script><img src=x onerror=alert(1)>\"' onload='x' {{7*7}} {% raw %}"


def test_hostile_text_is_inert_everywhere(made):
    def change(tables):
        for table, columns in {
            "places": ("name", "place_type"), "about": ("text",), "indicators": ("title_en", "follow_up_role", "follow_up"),
            "situations": ("explanation_en", "end_reason", "situation_id", "group_id"), "deliveries": ("name", "reason", "state"),
            "refused_rows": ("check_name", "message"), "purposes": ("title",), "runs": ("run_id",), "indicator_values": ("unit", "reason"),
        }.items():  # fmt: skip
            for n, row in enumerate(tables[table]):
                row.update({c: EVIL if c not in ("situation_id", "check_name") else f"{EVIL}{n}" for c in columns})
        for row in tables["deliveries"]:
            row["source"] = EVIL
        for row in tables["situations"]:
            row["reasons"] = [EVIL]

    seen = Seen(shown(made, change))
    tags = [tag for tag, _ in seen.tags]
    assert tags.count("script") == 1 and tags.count("style") == 1 and "img" not in tags
    assert not any(name.startswith("on") for _, attributes in seen.tags for name in attributes)
    text = "".join(seen.text)
    assert "onerror=alert(1)" in text and "{{7*7}}" in text and "49" not in text.replace(EVIL, "").split("As of")[0]


# Dictionary and colours


def test_every_text_stands_in_both_languages_and_is_used():
    source = "".join(p.read_text(encoding="utf-8") for p in page.HERE.glob("*") if p.suffix in (".py", ".j2"))
    made_up = {f"means_{x}" for x in (*page.LEVELS, *page.LOOKS, "bar_open", "bar_closed", "bar_pending")}
    made_up |= {f"letter_{level}" for level in words.codes("level")} | {f"mark_{look}" for look in page.LOOKS}
    made_up |= {f"layer_{layer}" for layer in ("card", "municipality", "place_type", "place", "event")}
    made_up |= {"facility", "moving", "standing", "months", "zone", "line"}
    assert made_up <= set(say.texts())
    for key, both in say.texts().items():
        assert set(both) == set(say.LANGUAGES), key
        parts = [set(re.findall(r"{(\w+)}", both[lang])) for lang in say.LANGUAGES]
        assert parts[0] == parts[1], key
        assert key in made_up or f'"{key}"' in source, f"{key} is not used"


def test_each_level_has_its_own_letter_and_height():
    for lang in say.LANGUAGES:
        assert len({say.Voice(lang).letter(level) for level in words.codes("level")}) == 5
    template = (page.HERE / "board.html.j2").read_text(encoding="utf-8")
    heights = yamlfile.parse(re.search(r"heights = ({.*?}) %}", template).group(1), "heights").data
    assert [heights[level] for level in page.LEVELS] == sorted(set(heights.values()))


@pytest.mark.parametrize(("lang", "value", "digits", "said"), [
    ("nl", 1234.5, 2, "1.234,50"), ("en", 1234.5, 2, "1,234.50"), ("nl", 0.9, None, "0,9"), ("en", 49.0, None, "49"), ("nl", None, 2, "–"), ("nl", 0, None, "0"),
])  # fmt: skip
def test_numbers_are_written_as_the_language_does(lang, value, digits, said):
    assert say.Voice(lang).number(value, digits) == said


@pytest.mark.parametrize(("minutes", "said"), [(0, "0 min"), (59.9, "59 min"), (60, "1 h"), (125, "2 h 5 min"), (3 * 1440, "3 d 0 h"), (-5, "0 min")])
def test_durations(minutes, said):
    assert say.Voice("en").duration(minutes).replace("\u00a0", " ") == said


def test_share_just_under_one_never_reads_as_complete():
    assert say.Voice("en").percent(0.9999).startswith("99") and say.Voice("en").percent(1.0).startswith("100")


def test_clock_names_another_day_and_follows_the_clock_change():
    clock = say.Clock(ZoneInfo("Europe/Amsterdam"), datetime(2025, 10, 26, 3, 0, tzinfo=UTC), say.Voice("en"))
    assert clock.time(datetime(2025, 10, 26, 0, 30, tzinfo=UTC)) == clock.time(datetime(2025, 10, 26, 1, 30, tzinfo=UTC)) == "02:30"
    assert clock.time(datetime(2025, 10, 25, 12, 0, tzinfo=UTC)).replace("\u00a0", " ") == "Sat 14:00"
    assert clock.time(datetime(2025, 9, 25, 12, 0, tzinfo=UTC)).replace("\u00a0", " ") == "25 Sep 14:00"


def _linear(colour: str) -> np.ndarray:
    part = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def _lab(linear: np.ndarray) -> np.ndarray:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(linear, 0, 1)
    f = np.cbrt(xyz / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((float(_linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


# Machado, Oliveira & Fernandes (2009), full severity, on linear RGB.
VISION = {
    "full": np.eye(3),
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]),
    "tritan": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]),
}


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_colours_are_told_apart_with_any_vision_and_text_is_readable(scheme):
    css = (page.HERE / "board.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\n\s*\}|:root \{(.*?)\}", css, re.S)
    light, dark, printed = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", "".join(b))) for b in blocks)
    colours = {"light": light, "dark": {**light, **dark}, "print": {**light, **printed}}[scheme]
    for level in page.LEVELS:
        assert _contrast(colours[level], colours[f"on-{level}"]) >= 4.5
    for ink, ground in itertools.product(("ink", "soft", "flag"), ("bg", "panel")):
        assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    assert _contrast(colours["hatch-ink"], colours["hatch-ground"]) >= 3
    for (vision, matrix), (a, b) in itertools.product(VISION.items(), itertools.combinations(page.LEVELS, 2)):
        distance = np.linalg.norm(_lab(matrix @ _linear(colours[a])) - _lab(matrix @ _linear(colours[b])))
        assert distance >= 28, (vision, a, b)


def test_queries_read_only_what_they_are_given_time_for(made):
    con = connect(made())
    scope = queries.Scope(("waterdam",), BEGIN, datetime(2025, 9, 20, 14, 0, tzinfo=UTC))
    lanes = {(lane["place"], lane["indicator"]): lane for lane in queries.read(con, scope).lanes}
    assert lanes["grote-markt", "density"]["interval_end"] == scope.at  # nothing of after `at`
