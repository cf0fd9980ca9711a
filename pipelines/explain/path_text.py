"""The path of one indicator as a table: slots at which something changes, the rest counted."""

from __future__ import annotations

from pipelines.explain.found import Explanation, Step
from pipelines.explain.say import Say
from schemas.settings import BANDS

NEAR = 2  # slots shown on either side of the one explained


def path(found: Explanation, indicator: str, say: Say) -> list[str]:
    """Head, a line a slot, and how many slots between them changed nothing."""
    steps = found.paths[indicator]
    leading = indicator == found.value["indicator"]
    if not steps or not (leading or any(step.held != "normal" for step in steps)):
        return []
    out = [say.text("head_path", indicator=indicator)]
    if found.card["role"] == "context" and leading:
        out.append("  " + say.text("context_card"))
    out += [] if found.from_rest else ["  " + say.text("not_from_rest")]
    shown = _shown(steps, found)
    cells: list[tuple[str, ...]] = [tuple(say.text("path_head").split("|"))]
    for number, step in enumerate(steps):
        if number and step.interval_start > steps[number - 1].interval_end:
            cells.append(
                (
                    say.text(
                        "no_rows_between", start=say.clock(steps[number - 1].interval_end), end=say.clock(step.interval_start)
                    ),
                )
            )
        if number in shown:
            cells.append(_cells(step, found, say, leading=leading))
        elif number - 1 in shown or number == 0:
            gap = next((i for i in range(number, len(steps)) if i in shown), len(steps)) - number
            cells.append((say.text("slots_between", n=gap),))
    widths = [max(len(row[i]) for row in cells if len(row) > 1) for i in range(4)]
    for row in cells:
        columns = [text.ljust(width) for text, width in zip(row, widths, strict=False)] if len(row) > 1 else list(row)
        out.append(("  " + "  ".join([*columns, *row[4:]])).rstrip())
    return out


def _shown(steps: list[Step], found: Explanation) -> set[int]:
    """Numbers of the slots worth a line."""
    start = found.situation["started_at"] if found.situation else found.value["interval_start"]
    at = {number for number, step in enumerate(steps) if step.interval_start in (start, found.value["interval_start"])}
    near = {number + more for number in at for more in range(-NEAR, NEAR + 1)}
    for number, step in enumerate(steps[1:], 1):
        before = steps[number - 1]
        counting = any(band.counted for band in step.bands.values())
        if (step.level, step.held, step.status) != (before.level, before.held, before.status) or counting:
            near.add(number)
        near |= {number} if any(band.changed for band in step.bands.values()) else set()
    near = {number for number in near if 0 <= number < len(steps)}
    beside = near | {-1, len(steps)}  # a slot alone between two that are shown is shown too
    return near | {number for number in range(len(steps)) if {number - 1, number + 1} <= beside}


def _cells(step: Step, found: Explanation, say: Say, *, leading: bool) -> tuple[str, ...]:
    value = (
        say.number(step.value, found.card["digits"] if leading else None)
        if step.value is not None
        else say.word("status", step.status)
    )
    said = [text for name in reversed(BANDS) if name in step.bands for text in _band(step, name, say)]
    if step.level == "unknown":
        said.append(say.text("gap", why=say.word("reason", step.reason) if step.reason else say.word("status", step.status)))
    if leading and step.interval_start == found.value["interval_start"]:
        said.append(say.text("explained_slot"))
    return (say.clock(step.interval_start), value, say.word("level", step.level), say.word("level", step.held),
            "; ".join(said).replace("; <-", "  <-"))  # fmt: skip


def held(found: Explanation, say: Say) -> str:
    """The held level after the slot explained, and what is counted towards its next change."""
    if found.held is None or found.card["role"] != "signal":
        return ""
    counted = [text for name in reversed(BANDS) if name in found.held.bands for text in _band(found.held, name, say)]
    counting = f" ({'; '.join(counted)})" if counted else ""
    return say.text("held_is", level=say.word("level", found.held.held), counting=counting)


def _band(step: Step, name: str, say: Say) -> list[str]:
    band = step.bands[name]
    word = say.word("level", name)
    if band.changed:
        return [say.text("turned_on" if band.on else "turned_off", band=word)]
    if band.counted:
        key = "leaving" if band.on else "counting"
        return [say.text(key, band=word, counted=say.number(band.counted), needed=say.number(band.needed))]
    return []
