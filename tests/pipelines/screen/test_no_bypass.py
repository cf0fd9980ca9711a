"""Nothing skips the gate: no option of a command, no variable of the environment, no argument, no key of a setting."""

import inspect
import re
from pathlib import Path

from pipelines import intake
from pipelines.screen import screen
from schemas.settings import Source

ROOT = Path(__file__).resolve().parents[3]
WORDS = re.compile(r"(?:^|[_-])(?:gate|screen|privacy|skip|force|unsafe|trust|bypass|allow|disable|no-check)(?:$|[_-])", re.I)


def test_no_option_names_it():
    texts = {p: p.read_text(encoding="utf-8") for p in (ROOT / "pipelines" / "cli").glob("*.py")}
    named = [(p.name, o) for p, text in texts.items() for o in re.findall(r'"(--[a-z-]+)"', text) if WORDS.search(o)]
    # `config diff --in-force` compares settings and opens no delivery.
    assert texts and named == [("config_compare.py", "--in-force")]


def test_neither_the_gate_nor_what_opens_a_delivery_reads_the_environment():
    rooms = [p for room in ("screen", "intake") for p in (ROOT / "pipelines" / room).glob("*.py")]
    reading = {p.name for p in rooms if re.search(r"environ|getenv", p.read_text(encoding="utf-8"))}
    assert reading <= {"endpoint.py"}, "endpoint.py reads a token that a declaration names, and nothing else"


def test_no_argument_and_no_key_switches_it():
    assert list(inspect.signature(screen).parameters) == ["raw", "source"]
    assert not [n for n in (*inspect.signature(intake.take_in).parameters, *Source.model_fields) if WORDS.search(n)]


def test_there_is_one_way_in_and_the_gate_stands_on_it():
    """Rows are mapped in one place, after the gate: whoever reads a delivery another way must show here why."""
    mapped = {
        str(p.relative_to(ROOT))
        for p in (ROOT / "pipelines").rglob("*.py")
        if "mapping.records(" in p.read_text(encoding="utf-8")
    }
    assert mapped == {"pipelines/intake/__init__.py"}
    body = inspect.getsource(intake.take_in)
    assert body.index("screen(raw, source)") < body.index("_judged(") and 'return Taken("closed"' in body
