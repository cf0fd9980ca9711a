"""The board's dictionary, its way of writing numbers and times, and its colours."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime
from typing import get_args
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pipelines.board import page, say
from schemas import words, yamlfile
from schemas.settings.context import ContextKind
from schemas.settings.event import PhaseName


def test_every_text_stands_in_both_languages_and_is_used():
    source = "".join(p.read_text(encoding="utf-8") for p in page.HERE.glob("*") if p.suffix in (".py", ".j2"))
    made_up = {f"means_{x}" for x in (*page.LEVELS, *page.LOOKS, "bar_open", "bar_closed", "bar_pending")}
    made_up |= {f"letter_{level}" for level in words.codes("level")} | {f"mark_{look}" for look in page.LOOKS}
    made_up |= {f"layer_{layer}" for layer in ("card", "municipality", "place_type", "place", "event")}
    made_up |= {f"trend_{key}" for key in ("building", "steady", "easing")} | {
        f"code_{c}" for c in ("green", "yellow", "orange", "red")
    }
    made_up |= {f"context_{kind}" for kind in get_args(ContextKind)} | {f"phase_{phase}" for phase in get_args(PhaseName)}
    made_up |= {f"blind_{kind}" for kind in words.codes("blind_spot")}
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
    template = (page.HERE / "macros.j2").read_text(encoding="utf-8")
    heights = yamlfile.parse(re.search(r"heights = ({.*?}) %}", template).group(1), "heights").data
    assert [heights[level] for level in page.LEVELS] == sorted(set(heights.values()))


@pytest.mark.parametrize(
    ("lang", "value", "digits", "said"),
    [
        ("nl", 1234.5, 2, "1.234,50"),
        ("en", 1234.5, 2, "1,234.50"),
        ("nl", 0.9, None, "0,9"),
        ("en", 49.0, None, "49"),
        ("nl", None, 2, "–"),
        ("nl", 0, None, "0"),
    ],
)
def test_numbers_are_written_as_the_language_does(lang, value, digits, said):
    assert say.Voice(lang).number(value, digits) == said


@pytest.mark.parametrize(
    ("minutes", "said"), [(0, "0 min"), (59.9, "59 min"), (60, "1 h"), (125, "2 h 5 min"), (3 * 1440, "3 d 0 h"), (-5, "0 min")]
)
def test_durations(minutes, said):
    assert say.Voice("en").duration(minutes).replace("\u00a0", " ") == said


def test_share_just_under_one_never_reads_as_complete():
    assert say.Voice("en").percent(0.9999).startswith("99") and say.Voice("en").percent(1.0).startswith("100")


def test_clock_names_another_day_and_follows_the_clock_change():
    clock = say.Clock(ZoneInfo("Europe/Amsterdam"), datetime(2025, 10, 26, 3, 0, tzinfo=UTC), say.Voice("en"))
    assert (
        clock.time(datetime(2025, 10, 26, 0, 30, tzinfo=UTC)) == clock.time(datetime(2025, 10, 26, 1, 30, tzinfo=UTC)) == "02:30"
    )
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
