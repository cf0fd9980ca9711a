"""Write a review into ``config/reviews/<municipality>.yaml``: what was answered, who signed, and a fingerprint of what was looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipelines.faults import UsageError
from pipelines.purpose.state import State
from schemas import yamlfile
from schemas.config import Config
from schemas.mistakes import did_you_mean
from schemas.questions import questions
from schemas.settings import Review, Reviews
from schemas.settings.review import Signature

HEAD = """\
# Reviews of the purposes of this municipality, oldest first; the last one of a purpose counts. Written by `drukte purpose review`.
# `covers` is what was looked at: what goes beyond it makes the review void (a dataset, column, indicator or place added, k lowered,
# the audience or the retention widened), and so does changing it here. Roles sign, never persons.
"""


def answers_of(path: Path) -> dict[str, Any]:
    """Answers from a YAML file: question → {nl, en}. Raises :class:`Problems` or :class:`UsageError`."""
    found = yamlfile.read(path, str(path)).data
    if not isinstance(found, dict):
        raise UsageError(
            f"{path}: expected `question: {{nl: …, en: …}}` lines; `drukte purpose review --form FILE` writes an empty form."
        )
    answers: dict[str, Any] = found["answers"] if set(found) == {"answers"} and isinstance(found["answers"], dict) else found
    return answers


def review(
    config: Config, state: State, answers: Mapping[str, Any], roles: Sequence[str], on: date, review_by: date | None = None
) -> Review:
    """A review of a purpose as it is used now. ``review_by``: the adoption's own date if none is given.

    Raises :class:`UsageError` for a question without an answer, an unknown one, an answer that says too little, and a role that is
    not declared.
    """
    check_roles(config, roles)
    asked = questions()
    missing = [name for name in asked.names if name not in answers]
    unknown = [name for name in answers if name not in asked.names]
    if missing:
        raise UsageError(
            f"no answer to {', '.join(f'`{n}`' for n in missing)}. All {len(asked.names)} questions are answered in nl and en."
        )
    if unknown:
        raise UsageError(f"there is no question `{unknown[0]}`. {did_you_mean(unknown[0], asked.names)}")
    earlier = [r.version for r in config.reviews.reviews if r.purpose == state.purpose] if config.reviews else []
    try:
        return Review(
            purpose=state.purpose, version=max(earlier, default=0) + 1, reviewed_on=on, review_by=review_by or state.adoption.review_by,
            questions=asked.version, signed=tuple(Signature(role=role, signed_on=on) for role in roles),
            answers={name: answers[name] for name in asked.names}, covers=state.used, fingerprint=state.used.fingerprint,
        )  # fmt: skip
    except ValidationError as error:
        told = error.errors()[0]
        where = ".".join(str(part) for part in told["loc"])
        raise UsageError(f"{where}: {told['msg'].removeprefix('Value error, ').replace(' |', '.')}") from None


def check_roles(config: Config, roles: Sequence[str]) -> None:
    """Raises :class:`UsageError` for a role that the municipality has not declared."""
    known = config.municipality.roles
    for role in roles:
        if role not in known:
            raise UsageError(f"role `{role}` is not declared in {config.file}. {did_you_mean(role, known)}")
    if not roles:
        raise UsageError(f"A review is signed: name who with --role. There are: {', '.join(known)}.")


def sign(config: Config, purpose: str, roles: Sequence[str], on: date) -> Review:
    """The review that counts with more signatures. Raises :class:`UsageError` when there is none, or the role signed already."""
    check_roles(config, roles)
    there = config.reviews.of(purpose) if config.reviews else None
    if there is None:
        raise UsageError(f"there is no review of `{purpose}` to sign. Write one first: drukte purpose review.")
    again = [role for role in roles if role in {s.role for s in there.signed}]
    if again:
        raise UsageError(f"`{again[0]}` has signed this review already.")
    return there.model_copy(update={"signed": (*there.signed, *(Signature(role=role, signed_on=on) for role in roles))})


def write(config: Config, made: Review) -> Path:
    """Put a review into the municipality's file, in one stroke; one with the same purpose and version is replaced. Returns the file."""
    slug = config.municipality.municipality
    kept = config.reviews.reviews if config.reviews else ()
    same = [(r.purpose, r.version) == (made.purpose, made.version) for r in kept]
    listed = tuple(made if hit else r for r, hit in zip(kept, same, strict=True)) if any(same) else (*kept, made)
    plain = Reviews(municipality=slug, reviews=listed).model_dump(mode="json")
    path = config.folder / "reviews" / f"{slug}.yaml"
    path.parent.mkdir(exist_ok=True)
    aside = path.with_suffix(".new")
    text = yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=130)
    aside.write_text(HEAD + text, encoding="utf-8")
    aside.replace(path)
    return path


class _Dumper(yaml.SafeDumper):
    """Lists of names on one line, the rest in blocks."""


def _list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    plain = all(isinstance(item, str) for item in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=plain)


_Dumper.add_representer(list, _list)


def form(lang: str) -> str:
    """An empty form with the questions as comments, to be filled in and given to ``--answers``."""
    lines = [f"# drukte purpose review --answers THIS FILE --role ROLE      (questions, version {questions().version})"]
    for asked in questions().questions:
        lines += ["", f"# {getattr(asked.topic, lang)}: {getattr(asked.ask, lang)}", f"{asked.question}:", '  nl: ""', '  en: ""']
    return "\n".join(lines) + "\n"
