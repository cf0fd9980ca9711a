"""Drawings: sound SVG on its own, and what is drawn is what the cards expect; what is not known never looks calm or zero."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from indicators import series
from indicators.card import catalogue
from indicators.grammar import Expect
from pipelines.docs import example_choice, example_drawing, lineage, lineage_drawing, svg
from pipelines.docs.example_choice import chosen
from schemas.settings import LEVELS

NS = "{http://www.w3.org/2000/svg}"
CARDS = catalogue()
HATCHED = ("missing", "outage", "invalid", "suppressed")


def drawn(card, *numbers: int) -> list[example_choice.Drawn]:
    """Those examples of a card, whatever would be chosen."""
    wanted = card.model_copy(update={"examples": tuple(card.examples[n - 1] for n in numbers)}) if numbers else card
    return chosen(wanted)


def read(text: str) -> ET.Element:
    return ET.fromstring(text)


def rects(root: ET.Element, *classes: str) -> list[ET.Element]:
    return [r for r in root.iter(f"{NS}rect") if set(classes) & set(r.get("class", "").split())]


def strip(root: ET.Element, row: int, slots: int) -> list[str]:
    """The looks of a level strip, a slot each; ``row`` 0 is instant, 1 is held. For a drawing of one example."""
    height = str(int(example_drawing.STRIP))
    looks = (*LEVELS, *HATCHED, example_drawing.RANGE)
    parts = [r for r in rects(root, *looks) if r.get("height") == height]
    tops = sorted({float(r.get("y", 0)) for r in parts})
    mine = sorted((r for r in parts if float(r.get("y", 0)) == tops[row]), key=lambda r: float(r.get("x", 0)))
    slot = min(example_drawing.SLOT_MOST, example_drawing.PLOT / slots)
    return [str(r.get("class")) for r in mine for _ in range(round(float(r.get("width", 0)) / slot))]


@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
@pytest.mark.parametrize("lang", ["nl", "en"])
def test_a_drawing_is_whole_and_needs_nothing_from_elsewhere(card, lang):
    made = example_drawing.draw(card, chosen(card), lang)
    if made is None:
        assert not card.examples
        return
    text, said = made
    root = read(text)
    assert root.findtext(f"{NS}title") and root.findtext(f"{NS}desc") == said
    assert not {"href", "src"} & {key.split("}")[-1] for element in root.iter() for key in element.attrib}
    assert "url(http" not in text and "@import" not in text
    assert text.count("http") == 1  # the name of the language SVG
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    width = float(root.get("width", 0))
    for element in root.iter(f"{NS}rect"):
        assert float(element.get("width", 0)) >= 0 and float(element.get("height", 0)) >= 0
        assert float(element.get("x", 0)) + float(element.get("width", 0)) <= width + 0.1 or element.get("id")


HELD = [
    (name, number)
    for name, card in CARDS.items()
    for number, example in enumerate(card.examples, 1)
    if example.expect.held and example.expect.level and card.as_in_examples().bands
]


@pytest.mark.parametrize(("name", "number"), HELD, ids=[f"{name}-{n}" for name, n in HELD])
def test_the_strips_show_the_levels_that_the_card_expects(name, number):
    """Read back from the drawing, against the series written in the card by hand."""
    card, example = CARDS[name], CARDS[name].examples[number - 1]
    slots = len(series.tokens(next(iter(example.inputs.values()))))
    if slots > example_choice.MOST_SLOTS:
        return
    root = read(example_drawing.draw(card, drawn(card, number), "en")[0])
    level, held = (series.spread(text, slots) for text in (example.expect.level, example.expect.held))
    shown = strip(root, 0, slots)
    assert [look if look in LEVELS else "unknown" for look in shown] == level
    assert strip(root, 1, slots) == [shown[i] if one == "normal" and level[i] == "unknown" else one for i, one in enumerate(held)]


def density(text: str, lang: str = "en") -> ET.Element:
    """A drawing of density over a usable area of 100 m², for moving."""
    card = CARDS["density"]
    example = card.examples[0].model_copy(
        update={"name": "Drawn for this test", "place_type": "moving", "inputs": {"present": text},
                "attributes": {"usable_area": "100"}, "expect": Expect(level="normal")}
    )  # fmt: skip
    made = card.model_copy(update={"examples": (example,)})
    return read(example_drawing.draw(made, chosen(made), lang)[0])


def test_missing_outage_refused_withheld_and_zero_all_look_different():
    root = density("50 0 _ outage invalid <15 <300")
    bars = rects(root, "bar")
    assert [float(r.get("height", 0)) > 0 for r in bars] == [True, False]
    assert [r.get("class") for r in bars] == ["bar normal", "bar normal"]
    tall = str(int(example_drawing.HEIGHT))
    assert [r.get("class") for r in rects(root, *HATCHED) if r.get("height") == tall] == ["missing", "outage", "invalid"]
    assert len(rects(root, "bounds")) == 2
    shown = [t.text for t in root.iter(f"{NS}text")]
    assert {"0.50", "0.00", "0 to 0.14", "0 to 2.99", "missing", "outage", "refused"} <= set(shown)
    # Under 15 the level is certain (dots over it), under 300 it is open.
    assert strip(root, 0, 7) == ["normal", "normal", "missing", "outage", "invalid", "normal", "suppressed"]
    assert len(rects(root, "dots")) == 1


def test_a_report_within_bounds_looks_like_neither_a_number_nor_a_withheld_count():
    root = density("50 110..400 50..60 <300")
    assert [r.get("class") for r in rects(root, "bounds")] == ["range bounds", "range bounds", "suppressed bounds"]
    assert strip(root, 0, 4) == ["normal", "range", "normal", "suppressed"]  # both ends under the lowest edge: a level
    assert "known within bounds only" in " ".join(t.text or "" for t in root.iter(f"{NS}text"))


def test_where_nothing_is_known_nothing_is_called_normal():
    root = density("_ _ _")
    assert strip(root, 0, 3) == strip(root, 1, 3) == ["missing"] * 3
    assert not rects(root, *LEVELS) or all(float(r.get("width", 0)) == 16 for r in rects(root, *LEVELS))  # the chips of edges


def test_edges_stand_where_the_values_that_reach_them_end():
    card = CARDS["density"]
    root = density("110 215 350")
    enters = sorted(
        float(line.get("y1", 0)) for line in root.iter(f"{NS}line") if line.get("class") == "enter" and line.get("x1") != "0"
    )
    tops = sorted(float(r.get("y", 0)) for r in rects(root, "bar"))
    assert tops == enters
    said = {t.text for t in root.iter(f"{NS}text")}
    bands = card.bands["moving"]
    assert {f"≥ {band.enter:g} · exit < {card.exit_of(band):g}" for band in bands.values()} <= said


def test_the_height_of_a_bar_is_its_value_from_zero_on():
    root = density("110 215 350")
    heights = [float(r.get("height", 0)) for r in rects(root, "bar")]
    assert heights == pytest.approx([heights[2] * value / 3.5 for value in (1.1, 2.15, 3.5)], abs=0.1)
    ground = next(line.get("y1") for line in root.iter(f"{NS}line") if line.get("class") == "ground")
    assert ground in {line.get("y1") for line in root.iter(f"{NS}line") if line.get("class") == "grid"}
    assert {round(float(r.get("y", 0)) + float(r.get("height", 0)), 1) for r in rects(root, "bar")} == {float(ground or 0)}


def test_every_level_has_its_letter_and_every_way_of_not_knowing_its_mark():
    letters = {"normal": "N", "elevated": "E", "high": "H", "critical": "C"}
    root = density("20 120 220 400 _ outage invalid <300")
    shown = " ".join(t.text or "" for t in root.iter(f"{NS}text") if "bold" in t.get("class", ""))
    assert all(letter in shown.split() or f"{letter} " in shown for letter in letters.values())
    assert all(mark in shown.split() for mark in ("?", "O", "R", "<k"))


def test_numbers_follow_the_language():
    assert "0,50" in {t.text for t in density("50 50", "nl").iter(f"{NS}text")}


def test_colours_are_those_of_the_board_in_light_and_dark():
    light, dark = svg.colours()
    assert set(light) == set(dark) == set(svg.PALETTE)
    css = svg.CSS.read_text(encoding="utf-8")
    assert all(f"--{name}: {value};" in css for found in (light, dark) for name, value in found.items())
    assert light["critical"] != dark["critical"]


def test_the_lineage_has_a_line_for_each_input_and_each_risk():
    ordered = lineage.by_risk(CARDS)
    root = read(lineage_drawing.draw(ordered, "en")[0])
    lines = [p for p in root.iter(f"{NS}path") if "link" in p.get("class", "")]
    inputs = sum(len(lineage.references(card)) for card in ordered)
    risks = len({(card.safety_risk, card.follow_up.measure) for card in ordered})
    assert len(lines) == inputs + len(ordered) + risks
    context = [card for card in ordered if card.role == "context"]
    only = {(c.safety_risk, c.follow_up.measure) for c in context} - {
        (c.safety_risk, c.follow_up.measure) for c in ordered if c.role == "signal"
    }
    dashed = [p for p in lines if "context" in p.get("class", "").split()]
    assert len(dashed) == sum(len(lineage.references(card)) for card in context) + len(context) + len(only)
    assert all(card.title.en[:34] in "".join(root.itertext()) for card in ordered)


@pytest.mark.parametrize(("value", "said"), [(1.0, "1"), (1.25, "1.2"), (-0.04, "0"), (100, "100"), (0.1, "0.1")])
def test_coordinates_are_short_and_fixed(value, said):
    assert svg.number(value) == said
