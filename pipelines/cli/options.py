"""Options that every verb shares. They may stand before or after the verb."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Lang = Literal["nl", "en"]

Config = Annotated[Path, typer.Option("--config", metavar="DIR", help="Folder with municipalities/, sources/ and purposes/.")]
Workspace = Annotated[
    Path, typer.Option("--workspace", metavar="DIR", help="Folder of this controller: published/ and private/.")
]
Municipality = Annotated[
    list[str] | None,
    typer.Option("--municipality", metavar="SLUG", help="One or more, with commas or repeated; not needed where there is one."),
]
OnlyMunicipality = Annotated[
    list[str] | None,
    typer.Option("--municipality", metavar="SLUG", help="Only these, with commas or repeated; all if not given."),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Where the sources' files are, instead of the municipality's own `data`."),
]
Language = Annotated[Lang, typer.Option("--lang", help="Language of what is said.")]
Json = Annotated[bool, typer.Option("--json", help="Print data as JSON instead of text.")]

DEFAULT_CONFIG = Path("config")
DEFAULT_WORKSPACE = Path("workspace")

# Options with a value (True) and flags (False) that main() accepts before the verb.
SHARED = {"--config": True, "--workspace": True, "--municipality": True, "--data": True, "--lang": True, "--json": False}
