"""Put an explanation together: of one value, or of a situation through the slot that was its signal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from indicators.card import Card
from pipelines import register
from pipelines.explain import background, formula_lines, inputs, path, recompute, revisions, story
from pipelines.explain.found import Check, Explanation, InputFound, NotFound, Record, Row
from pipelines.explain.path import Way
from pipelines.explain.reading import Published, card_of
from pipelines.explain.say import Say
from pipelines.published import connect
from schemas.config import Config

AROUND = 2  # slots shown before what is explained begins, and after it


def explain_situation(published: Path, config: Config, cards: Mapping[str, Card], situation_id: str) -> Explanation:
    """Explain a situation through the slot of its leading indicator at its peak, with its path from the first slot to the last.

    Raises :class:`NotFound`.
    """
    con = connect(published)
    try:
        read = Published(con)
        config = _with_register(read, config)
        found = read.rows("SELECT * FROM situations WHERE situation_id = $1", [situation_id])
        if not found:
            raise NotFound(f"no situation `{situation_id}`. `drukte situations list` shows those there are.")
        situation = found[0]
        value = _value(read, config, situation["leading_indicator"], situation["place"], story.leading_slot(read, situation))
        begin = situation["started_at"] - AROUND * (value["interval_end"] - value["interval_start"])
        way, version, parts = story.walked(read, config, cards, situation, begin)
        explanation = _explain(read, config, cards, value, way, situation["started_at"])
        checks, notes = story.compared(situation, version)
        explanation.situation = situation
        _until_it_was_over(explanation)
        explanation.checks += checks
        explanation.notes += notes
        explanation.confidence["situation"] = parts
        explanation.revisions["situation"] = revisions.of_situation(read, situation)
        return explanation
    finally:
        con.close()


def _until_it_was_over(found: Explanation) -> None:
    """Leave out what came after a situation that closed: all but the first slots."""
    held = [step.interval_end for steps in found.paths.values() for step in steps if step.held != "normal"]
    if found.situation is None or found.situation["state"] != "closed" or not held:
        return
    for name, steps in found.paths.items():
        after = [step for step in steps if step.interval_start >= max(held)][AROUND:]
        found.paths[name] = steps[: len(steps) - len(after)]


def explain_value(
    published: Path, config: Config, cards: Mapping[str, Card], indicator: str, place: str, time: datetime
) -> Explanation:
    """Explain the value of an indicator at a place for the interval that holds ``time``. Raises :class:`NotFound`."""
    con = connect(published)
    try:
        read = Published(con)
        config = _with_register(read, config)
        value = _value(read, config, indicator, place, time)
        length = value["interval_end"] - value["interval_start"]
        way = path.way(
            read, config, cards, value["place"], [indicator],
            before=value["interval_start"] - AROUND * length, end=value["interval_end"] + AROUND * length,
        )  # fmt: skip
        return _explain(read, config, cards, value, way, value["interval_start"])
    finally:
        con.close()


def _with_register(read: Published, config: Config) -> Config:
    """The settings with the entries of the register that the last run computed with."""
    slug = config.municipality.municipality
    [last] = read.rows("SELECT max(as_of) AS at FROM runs WHERE municipality = $1", [slug])
    return register.with_accepted(config, register.rows(read.con, "municipality = ?", [slug]), last["at"])


def _value(read: Published, config: Config, indicator: str, place: str, time: datetime) -> Record:
    found = read.rows(
        """SELECT * FROM indicator_values WHERE municipality = $1 AND indicator = $2 AND place = $3
           AND interval_start <= $4 AND interval_end > $4""",
        [config.municipality.municipality, indicator, place, time],
    )
    if not found:
        what = f"no value of `{indicator}` at `{place}` for {time.isoformat()}"
        raise NotFound(f"{what}. Not due, no such place, or the card does not apply there.")
    return found[0]


def _explain(
    read: Published, config: Config, cards: Mapping[str, Card], value: Record, way: Way, start: datetime
) -> Explanation:  # fmt: skip
    """The explanation of one value; ``way`` leads to it, ``start`` is where what is explained begins."""
    card = card_of(read, cards, value["indicator"], value["definition_hash"])
    kept = background.kept_settings(read, value)
    again = next(iter(recompute.values(read, config, card, [value])), None)
    checks = recompute.compared(value, again)
    notes = [] if card is cards.get(value["indicator"]) else ["earlier_definition"]
    if again is None:
        raise NotFound(
            f"the inputs of `{value['indicator']}` at `{value['place']}` are no longer kept: nothing can be computed again."
        )
    steps = recompute.steps(read, card, again)
    found = inputs.found(read, config, card, value, kept["k"])
    rows = inputs.observations(read, config, card, value, found)
    chain, same, kept_as_set = background.chain(config, card, value, kept)
    length = value["interval_end"] - value["interval_start"]
    begin = start - AROUND * length
    used = background.rows_used(read, config, card, value, steps)
    if background.is_held(read, used):
        notes.append("held_baseline")
    elif background.is_worn(read, value, used):
        notes.append("worn_baseline")
    else:
        checks += background.baseline_checks(read, config, card, value, found, used)
    return Explanation(
        sentence={lang: _sentence(config, card, value, kept["k"], lang) for lang in ("nl", "en")},
        value=value,
        card=_card(card),
        formula=formula_lines.lines(card, steps, again, found),
        inputs=found,
        parts=inputs.parts(read, value, kept),
        rows=rows,
        settings=kept,
        chain=chain,
        same_config=same,
        baseline_wanted=bool(card.baseline),
        baseline=used,
        paths={name: [step for step in path.steps(way, name) if step.interval_start >= begin] for name in way.indicators},
        from_rest=way.from_rest,
        held=next((s for s in path.steps(way, value["indicator"]) if s.interval_start == value["interval_start"]), None),
        confidence=_confidence(value, found),
        revisions={"value": revisions.of_value(read, value), "observations": revisions.of_observations(read, value, rows)},
        recomputed=again,
        checks=[*checks, *path.compared(way, begin), *_files(rows), *kept_as_set],
        notes=notes,
    )


def _card(card: Card) -> Record:
    """What is said of the card."""
    return {
        "id": card.id, "version": card.version, "definition_hash": card.definition_hash, "title": card.title.model_dump(), "unit": card.unit,
        "digits": card.digits, "direction": card.direction, "min_coverage": card.min_coverage, "role": card.role,
    }  # fmt: skip


def _files(rows: list[Row]) -> list[Check]:
    """A file that is the same as when it was taken in gives the same number, or something is wrong."""
    known = [row for row in rows if row.file_check in ("file_same", "file_differs")]
    return [
        Check("file", f"{row.delivery}:{row.file_row} {row.measure}", row.value or row.status, row.file_says or row.value or row.status,
              row.file_check == "file_same")
        for row in known
    ]  # fmt: skip


def _confidence(value: Record, found: list[InputFound]) -> Record:
    """Confidence of the value and, per input, the completeness and the trust in the source that it is made of."""
    parts = {
        one.name: {"coverage": one.coverage, "source": one.confidence / one.coverage if one.coverage and one.confidence is not None else None,
                   "confidence": one.confidence} for one in found
    }  # fmt: skip
    return {"value": value["confidence"], "inputs": parts}


def _sentence(config: Config, card: Card, value: Record, k: int, lang: str) -> str:
    """Place, time, number with unit, level and why, in words."""
    say = Say(lang, config.tz)
    name = next((r.place.name for r in config.rows_of(value["place"])), value["place"])
    unit = "" if card.unit in ("-", "ratio") else f" {card.unit}"
    return say.text(
        "sentence", place=name, start=say.moment(value["interval_start"]), end=say.hour(value["interval_end"]), title=getattr(card.title, lang),
        number=say.amount(value, k, card.digits, unit), level=say.word("level", value["level"]),
        because=say.because(value["status"], value["reason"]),
    )  # fmt: skip
