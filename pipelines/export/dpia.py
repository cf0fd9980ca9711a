"""The annex to a DPIA: what is used, why, what was answered, and which measure of the engine stands against which risk."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.export.process import Process, text

# What the engine itself does, by the key of its text; THREATS.md names the test that shows each.
MEASURES = ("gate", "small_groups", "bound", "kept_short", "traceable", "unknown", "person")


def markdown(process: Process) -> str:
    """The annex as Markdown, in the language of the process."""
    return "\n".join(_lines(process)) + "\n"


def _lines(p: Process) -> Iterator[str]:
    town, adoption, review = p.config.municipality, p.state.adoption, p.review

    def say(key: str, **values: object) -> str:
        return text(key, p.lang, **values)

    yield say("dpia_title", town=p.t(town.name), purpose=p.t(p.template.title))
    yield ""
    yield say("dpia_made", fingerprint=review.fingerprint, version=review.version, day=review.reviewed_on)
    yield ""
    yield f"| {say('what')} | |\n|---|---|"
    rows = {
        "controller": p.t(town.name), "legal_basis": adoption.legal_basis, "dpia": f"{adoption.dpia.reference} ({adoption.dpia.date})",
        "signed": "; ".join(f"{p.role(s.role)} ({s.signed_on})" for s in review.signed), "review_by": str(p.state.review_by),
        "audience": "; ".join(p.role(a) for a in adoption.audience), "k": say("k_is", k=town.k),
        "retention": "; ".join(f"{say(f'class_{name}')} {length}" for name, length in p.retention().items()),
        "grace": say("grace_is", days=adoption.keeps_running.days, role=p.role(adoption.grace.owner if adoption.grace else adoption.owner)),
    }  # fmt: skip
    yield from (f"| {say(key)} | {cell(value)} |" for key, value in rows.items())
    yield f"\n## {say('answers')}\n"
    for topic, asked, answer in p.answers():
        yield f"### {topic}\n\n*{asked}*\n\n{answer}\n"
    yield f"## {say('data')}\n"
    for name, meaning, columns in p.datasets():
        yield f"- **{name}**: {meaning}"
        yield from (f"    - {column}" for column in columns)
    yield f"\n{say('no_persons')}\n\n## {say('indicators')}\n\n| {say('indicator')} | {say('question')} | {say('acts')} |\n|---|---|---|"
    yield from (f"| {cell(title)} | {cell(question)} | {cell(role)} |" for title, question, role in p.indicators())
    yield f"\n## {say('places')}\n\n{', '.join(p.places())}\n\n## {say('measures')}\n"
    yield from (f"- {say(f'measure_{name}', k=town.k)}" for name in MEASURES)


def cell(value: str) -> str:
    """A text in a cell of a table: on one line, and no bar of its own."""
    return " ".join(value.split()).replace("|", "\\|").replace("<", "&lt;")
