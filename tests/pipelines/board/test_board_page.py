"""The page as a whole: self-contained, well-formed, small, inert whatever the content, data health, several municipalities."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re

import pytest

from pipelines import board
from pipelines.board import page, say
from schemas.problems import Problems
from tests.pipelines.board.evening import AT, values
from tests.pipelines.board.reading import Seen, articles, named, plain, shown


def test_page_is_self_contained(made):
    html = shown(made)
    seen = Seen(html)
    assert not {"link", "img", "iframe", "object", "form", "base"} & {tag for tag, _ in seen.tags}
    assert all(
        a.get("href", "#").startswith("#") and "src" not in a for _, a in seen.tags
    )  # alone it has no other language beside it
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


@pytest.mark.parametrize(
    ("options", "told"), [({"lang": "de"}, "Use nl or en"), ({"municipality": "elders"}, "It holds waterdam")]
)
def test_wrong_options_say_what_to_do(made, tmp_path, options, told):
    with pytest.raises(Problems, match=told):
        board.write(made(), tmp_path / "x.html", at=AT, **options)
    with pytest.raises(ValueError, match="time zone"):
        board.write(made(name="again"), tmp_path / "x.html", at=AT.replace(tzinfo=None))


# Health, several municipalities, size


def test_health_of_data_names_closed_gate_and_refused_rows_in_words(made):
    told = plain(shown(made))
    assert (
        "gate closed (person-level or undeclared content) · cameras" in told and "column 4: looks like device identifiers" in told
    )
    assert "taken in partly · gates" in told and "4 of 96 rows refused" in told and "not_negative: count_in is negative" in told
    assert "74 % required 95 %" in told  # 64 of 86 quarter-hours of the cameras
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


def test_many_busy_places_stay_within_the_size_and_the_rest_is_counted(made):
    def change(tables):
        first, one = tables["places"][0], tables["situations"][0]
        names = [f"place-{n}" for n in range(230)]
        tables["places"] = [{**first, "place": n, "name": n} for n in names]
        flicker = [0.2, 1.2, "missing", 2.3, "outage", 3.6, "suppressed", 0.1] * 4
        tables["indicator_values"] = [row for n in names for i in ("density", "occupancy") for row in values(n, i, flicker)]
        tables["situations"] = [{**one, "place": n, "situation_id": n, "group_id": n} for n in names]

    html = shown(made, change)
    assert len(html.encode()) <= page.MAX_BYTES
    drawn = html.count('<tbody role="rowgroup" class="place')
    assert (
        0 < drawn < 230
        and f"{230 - drawn} places are not drawn here, {230 - drawn} of them above normal and 0 wholly" in plain(html)
    )
    assert len(articles(html)) >= 100
    assert f"{230 - len(articles(html))} more situations are not listed here, none worse" in plain(html)


def test_file_without_anything_in_it_gives_an_honest_page(made):
    html = shown(made, lambda tables: [tables.pop(name) for name in list(tables) if name not in ("purposes", "about")])
    told = plain(html)
    assert (
        "This file has no valid places now." in told
        and "No delivery has been received yet." in told
        and "no run recorded yet" in told
    )
    assert not re.search(r'<span class="chip (normal|elevated|high|critical)', html.split('class="legend ')[0])


# Hostile content


EVIL = "</script></style><script>document.title='pwned'</script><img src=x onerror=alert(1)>\"' onload='x' {{7*7}} {% raw %}"


def test_hostile_text_is_inert_everywhere(made):
    def change(tables):
        for table, columns in {
            "places": ("name", "place_type"),
            "about": ("text",),
            "indicators": ("title_en", "follow_up_role", "follow_up"),
            "situations": ("explanation_en", "end_reason", "situation_id", "group_id"),
            "deliveries": ("name", "reason", "state"),
            "refused_rows": ("check_name", "message"),
            "purposes": ("title",),
            "runs": ("run_id",),
            "indicator_values": ("unit", "reason"),
        }.items():
            for n, row in enumerate(tables[table]):
                row.update({c: EVIL if c not in ("situation_id", "check_name") else f"{EVIL}{n}" for c in columns})
        for row in tables["deliveries"]:
            row["source"] = EVIL
        for row in tables["situations"]:
            row["reasons"] = [EVIL]

    seen = Seen(shown(made, change))
    tags = [tag for tag, _ in seen.tags]
    assert tags.count("script") == 2 and tags.count("style") == 1  # the data, and ours and "img" not in tags
    assert not any(name.startswith("on") for _, attributes in seen.tags for name in attributes)
    text = "".join(seen.text)
    assert "onerror=alert(1)" in text and "{{7*7}}" in text and "49" not in text.replace(EVIL, "").split("As of")[0]
