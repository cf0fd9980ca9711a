"""The options of ``config init``: what somebody who joins may say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Package = Annotated[
    Path | None, typer.Option("--from", metavar="PACKAGE", help="Begin from the package of another town (`export transfer`).")
]
Thresholds = Annotated[
    Literal["decide", "adopt", "generic"],
    typer.Option("--thresholds", help="Edges of that town: a TODO each, taken over with its reasons, or none."),
]
Slug = Annotated[str | None, typer.Option("--slug", metavar="SLUG", help="Short name: a-z, 0-9 and '-'.")]
Name = Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Name in Dutch.")]
NameEn = Annotated[str | None, typer.Option("--name-en", metavar="TEXT", help="Name in English, if another.")]
Cbs = Annotated[str | None, typer.Option("--cbs", metavar="GM0000", help="CBS code; its year with --cbs-year.")]
CbsYear = Annotated[int | None, typer.Option("--cbs-year", metavar="YEAR", help="Year of the CBS code; else this year.")]
Timezone = Annotated[
    str | None, typer.Option("--timezone", metavar="ZONE", help="IANA time zone; else the package's, or Europe/Amsterdam.")
]
Holidays = Annotated[
    str | None,
    typer.Option("--holidays", metavar="NL", help="Country, or country and part, of the holidays; else the package's, or NL."),
]
Languages = Annotated[
    str | None, typer.Option("--languages", metavar="nl,en", help="Languages of the town; else the package's, or both.")
]
Places = Annotated[
    Path | None, typer.Option("--places", metavar="FILE", help="GeoJSON of zones and other places: WGS 84 or RD New.")
]
Crs = Annotated[
    str | None,
    typer.Option("--crs", metavar="EPSG:28992", help="Its reference system, when neither file nor coordinates tell."),
]
PlaceType = Annotated[
    str, typer.Option("--place-type", metavar="moving", help="Type of zones that state none: moving or standing.")
]
Lines = Annotated[
    Path | None,
    typer.Option("--lines", metavar="FILE", help="CSV of lines: place, name, from_zone, to_zone, effective_width."),
]
Source = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="ID", help="A source declaration (id or path), repeated or with commas."),
]
Sample = Annotated[
    list[Path] | None,
    typer.Option("--sample", metavar="FILE", help="A supplier's file to draft a declaration from; repeatable."),
]
Decide = Annotated[list[str] | None, typer.Option("--decide", metavar="KEY=VALUE", help="What a draft leaves open; repeatable.")]
IdProperty = Annotated[
    str | None, typer.Option("--id-property", metavar="NAME", help="Property of the drawing that holds the supplier's id.")
]
Calendar = Annotated[Path | None, typer.Option("--calendar", metavar="FILE", help="Events as iCalendar (.ics).")]
EventClass = Annotated[
    str, typer.Option("--event-class", metavar="A", help="Class of events whose calendar states none: A, B or C.")
]
Purpose = Annotated[
    str | None,
    typer.Option("--purpose", metavar="ID", help="The purpose that is adopted; else the package's, or crowd-safety."),
]
LegalBasis = Annotated[str | None, typer.Option("--legal-basis", metavar="TEXT", help="The legal basis for it.")]
Dpia = Annotated[str | None, typer.Option("--dpia", metavar="TEXT", help="Reference of the data protection impact assessment.")]
DpiaDate = Annotated[str | None, typer.Option("--dpia-date", metavar="DAY", help="Its day; else that of the decision.")]
DecidedOn = Annotated[str | None, typer.Option("--decided-on", metavar="DAY", help="Day of the decision; else today.")]
ReviewBy = Annotated[str | None, typer.Option("--review-by", metavar="DAY", help="To be reviewed by; else a year later.")]
K = Annotated[
    int | None,
    typer.Option("--k", metavar="N", min=1, help="Smallest group that may leave the gate; else the purpose's floor."),
]
Retention = Annotated[str, typer.Option("--retention", metavar="365d", help="How long counts are kept.")]
Owner = Annotated[str | None, typer.Option("--owner", metavar="ROLE", help="Role that owns the purpose; else privacy-officer.")]
