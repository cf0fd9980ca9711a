"""A plan, or a loss, in lines on the town's clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.plan.coming import Plan
from pipelines.plan.without import Loss
from schemas import words, yamlfile

MOST = 5  # places named before they are counted
Row = dict[str, Any]


@cache
def _texts() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/plan/texts.yaml").data
    return found


class Lines:
    """What depends on language and clock."""

    def __init__(self, lang: str, zone: ZoneInfo):
        self.lang, self.zone = lang, zone

    def text(self, key: str, **values: object) -> str:
        """A text of ``texts.yaml``, filled in."""
        return _texts()[key][self.lang].format(**values)

    def moment(self, value: datetime) -> str:
        """On the local clock, to the minute."""
        return f"{value.astimezone(self.zone):%Y-%m-%d %H:%M}"

    def option(self, value: datetime) -> str:
        """As the command takes it: with offset."""
        return value.astimezone(self.zone).isoformat(timespec="minutes")

    def span(self, start: datetime, end: datetime) -> str:
        """From when to when; the day once where it is one."""
        first, last = (value.astimezone(self.zone) for value in (start, end))
        same_day = first.date() == last.date()
        return f"{first:%Y-%m-%d %H:%M}–{last:%H:%M}" if same_day else f"{first:%Y-%m-%d %H:%M} – {last:%Y-%m-%d %H:%M}"

    def places(self, named: list[str]) -> str:
        """Their names, or how many they are."""
        return ", ".join(named) if len(named) <= MOST else self.text("places", n=len(named))

    def of_plan(self, plan: Plan) -> Iterator[str]:
        """What the next run would do; a part without anything is left out."""
        yield self.text("head", town=plan.municipality, at=self.moment(plan.at))
        if plan.nothing_due:
            yield "  " + self.text("nothing")
        for title, body in (
            (self.text("deliveries"), [
                *map(self._delivery, plan.deliveries), *map(self._later, plan.later), *(self.text("asked", source=s) for s in plan.asked)
            ]),
            (self.text("slots", n=plan.slots_to_compute), [*self._slots(plan.slots)]),
            (self.text("baselines"), [self._baseline(row) for row in plan.baselines]),
            (self.text("settings"), [self._offer("setting", r, places=self.places(r["places"])) for r in plan.settings]),
            (self.text("definitions"), [
                self._offer("definition", r, old=_version(r, "old"), new=_version(r, "new")) for r in plan.definitions
            ]),
            (self.text("in_review", slots=plan.slots_in_review), [self._review(r) for r in plan.in_review]),
        ):  # fmt: skip
            if body:
                yield title
                yield from (f"  {line}" for line in body)

    def _delivery(self, row: Row) -> str:
        state = words.word("delivery_state", row["state"], self.lang)
        held = self.text("delivery_held", n=row["rows_held"]) if row["rows_held"] else ""
        return self.text("delivery", **{**row, "state": state}) + held + (f": {row['reason']}" if row["reason"] else "")

    def _later(self, row: Row) -> str:
        return self.text("later", source=row["source"], name=row["name"], issued=self.moment(row["issued_at"]))

    def _slots(self, rows: Iterable[Row]) -> Iterator[str]:
        """Late and revised data by delivery; what is new or due is told together."""
        for (reason, indicator), group in groupby(rows, key=lambda r: (r["reason"], r["indicator"])):
            found = list(group)
            if reason not in ("late_data", "revised_data") and len(found) > 1:
                found = [_joined(found)]
            for row in found:
                delivery = ""
                if row["delivery_id"]:
                    delivery = self.text("slot_delivery", id=row["delivery_id"], name=row["name"])
                elif row.get("deliveries"):
                    delivery = self.text("slot_deliveries", n=row["deliveries"])
                yield self.text(
                    "slot", indicator=indicator, n=row["slots"], reason=words.word("plan_reason", reason, self.lang),
                    delivery=delivery, places=self.places(row["places"]), span=self.span(row["from"], row["to"]),
                )  # fmt: skip

    def _baseline(self, row: Row) -> str:
        named = {name: row[name] for name in ("source", "measure", "days", "places")}
        return self.text("baseline", **named, first=row["first_date"], last=row["last_date"], reason=self.text(row["reason"]))

    def _offer(self, key: str, row: Row, **more: object) -> str:
        start, end = self.option(row["from"]), self.option(row["to"])
        return self.text(key, indicator=row["indicator"], n=row["slots"], start=start, end=end, **more)

    def _review(self, row: Row) -> str:
        return self.text(
            "review", n=row["changes"], places=self.places(row["places"]), id=row["delivery_id"], name=row["name"],
            span=self.span(row["from"], row["to"]), start=self.option(row["from"]), end=self.option(row["to"]),
        )  # fmt: skip

    def of_loss(self, loss: Loss) -> Iterator[str]:
        """What would be lost."""
        yield self.text("without_head", town=loss.municipality, source=loss.source)
        yield self.text("inputs")
        yield from (f"  {line}" for line in self._inputs(loss.inputs) or [self.text("no_input")])
        if not loss.judged:
            yield self.text("no_run")
            return
        yield self.text("situations", since=self.moment(loss.since), at=self.moment(loss.at), n=loss.situations_judged)
        yield from (f"  {self._situation(row)}" for row in loss.situations)
        if not loss.situations:
            yield "  " + self.text("same" if loss.situations_judged else "none")
        if loss.data_end:
            yield self.text("data_end", at=self.moment(loss.data_end), option=self.option(loss.data_end))

    def _inputs(self, rows: list[Row]) -> list[str]:
        def key(row: Row) -> tuple[Any, ...]:
            return row["loss"], row["indicator"], row["to_source"], row["to_minutes"], row["from_minutes"]

        lines = []
        for (loss, indicator, source, to_minutes, from_minutes), group in groupby(rows, key=key):
            left = self.text("left", source=source, to_minutes=to_minutes, from_minutes=from_minutes) if source else ""
            named = list(dict.fromkeys(row["place"] for row in group))
            lines.append(self.text("input", loss=words.word("source_loss", loss, self.lang), indicator=indicator,
                                   places=self.places(named), left=left))  # fmt: skip
        return lines

    def _situation(self, row: Row) -> str:
        return self.text(row["change"], situation=self._in_a_line(row), would_be=self._would_be(row.get("would_be", {})))

    def _in_a_line(self, row: Row) -> str:
        risk, level = words.word("safety_risk", row["safety_risk"], self.lang), words.word("level", row["peak_level"], self.lang)
        end = row["ended_at"]
        span = self.span(row["started_at"], end) if end else f"{self.moment(row['started_at'])} –"
        return f"{row['place']}, {risk}, {level}, {span} ({row['situation_id']})"

    def _would_be(self, changed: Row) -> str:
        return ", ".join(f"{name} {self._said(name, value)}" for name, value in changed.items())

    def _said(self, name: str, value: Any) -> str:
        if name in ("level", "peak_level", "state"):
            return words.word("state" if name == "state" else "level", value, self.lang)
        return self.moment(value) if isinstance(value, datetime) else "–" if value is None else str(value)


def _version(row: Row, which: str) -> str:
    """``2``; with the fingerprint where the number did not change with it."""
    number = row[f"{which}_version"]
    return f"{number} ({row[f'{which}_hash']})" if row["old_version"] == row["new_version"] else str(number)


def _joined(rows: list[Row]) -> Row:
    """Rows of one indicator and reason as one."""
    return {
        "slots": sum(r["slots"] for r in rows), "places": sorted({p for r in rows for p in r["places"]}), "delivery_id": None,
        "from": min(r["from"] for r in rows), "to": max(r["to"] for r in rows), "deliveries": len(rows),
    }  # fmt: skip
