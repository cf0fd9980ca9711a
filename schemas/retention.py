"""How long what is stored may be kept: the longest that an adopted purpose which uses it says (rule 23)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from schemas.settings.purpose import Adoption, DataClass

if TYPE_CHECKING:
    from schemas.config_model import Config


def decides(config: Config, data_class: DataClass, subject: str | None = None) -> Adoption:
    """The adoption whose retention holds for a class of data, of a dataset or indicator if one is named.

    What no purpose names (an indicator that was in use before) is kept as long as the longest of all.
    """
    using = [
        a
        for a in config.municipality.purposes
        if subject in (*config.purposes[a.purpose].datasets, *config.purposes[a.purpose].indicators)
    ]
    return max(using or config.municipality.purposes, key=lambda adoption: adoption.kept(data_class))


def kept(config: Config, data_class: DataClass, subject: str | None = None) -> timedelta:
    """How long rows of a class of data, of a dataset or indicator, are kept."""
    return decides(config, data_class, subject).kept(data_class)
