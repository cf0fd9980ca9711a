"""What a config file may hold, seen before anything is built from it: plain keys, lists and values, and no more.

YAML can do things that no config needs and that hurt whoever reads it: an alias makes a few lines grow into gigabytes, a tag
asks for an object to be made, nesting without end exhausts the stack. All of these are refused from the stream of events, which
takes no memory, with the line on which they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from schemas.problems import Problem, Problems

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 40
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]")
_OPENS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSES = (yaml.MappingEndEvent, yaml.SequenceEndEvent)

# The numbers of YAML 1.2: 010 is not eight, 10:30 is not a number of seconds, and nothing is infinite.
_INT = re.compile(r"^[-+]?(?:0|[1-9][0-9]{0,17})$")
_FLOAT = re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?$")


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML without its surprises: days and times stay text (the models read them), only true and false are booleans.

    So ``2026-02-30`` is a mistake with a line instead of a crash, the country ``NO`` is not ``false``, and ``10:30`` not 630.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  (a class attribute of the base class)
        first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith(":null")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def scan(text: str, shown: str) -> None:
    """Raises :class:`Problems` for what has no place in config; a mistake of YAML itself is left to whoever reads it next."""
    found = list(_odd(text, shown))
    if found:
        raise Problems(found[:20])


def _odd(text: str, shown: str) -> Iterator[Problem]:
    def refused(what: str, fix: str) -> Problem:
        return Problem(shown, line, "", f"not readable as YAML: {what} has no place in config", fix)

    depth = 0
    for event in yaml.parse(text, Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            yield refused(f"an alias (`*{event.anchor}`)", "Write the value out; nothing here refers to anything.")
        elif anchor := getattr(event, "anchor", None):
            yield refused(f"an anchor (`&{anchor}`)", "Leave it out; nothing here refers to anything.")
        if tag := getattr(event, "tag", None):
            name = tag.replace("tag:yaml.org,2002:", "!!")
            yield refused(f"a tag (`{name}`)", "Leave it out: config holds plain values, nothing is run or made.")
        if isinstance(event, yaml.ScalarEvent) and _CONTROL.search(event.value):
            yield refused("a control character", "Remove it: text, digits and spaces only.")
        depth += isinstance(event, _OPENS) - isinstance(event, _CLOSES)
        if depth > MAX_DEPTH:
            yield refused(f"nesting of more than {MAX_DEPTH} levels", "Write it flatter; look for brackets left open.")
            return
