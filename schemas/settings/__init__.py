"""What a config file may say."""

from schemas.settings.alerts import AlertRule, Alerts, Channel
from schemas.settings.bands import Band, Bands, Threshold, When, order_mistakes
from schemas.settings.base import BANDS, LEVELS, Text, format_duration, parse_duration
from schemas.settings.event import Event
from schemas.settings.frozen import FrozenPeriod
from schemas.settings.municipality import Freeze, IndicatorSettings, Municipality, Reset
from schemas.settings.place import Place, Places
from schemas.settings.purpose import Adoption, Purpose
from schemas.settings.quality import Detectors, Flag
from schemas.settings.review import Review, Reviews
from schemas.settings.source import Source

__all__ = [
    "BANDS", "LEVELS", "Adoption", "AlertRule", "Alerts", "Band", "Bands", "Channel", "Detectors", "Event", "Flag", "Freeze",
    "FrozenPeriod", "IndicatorSettings", "Municipality", "Place", "Places", "Purpose", "Reset", "Review", "Reviews", "Source", "Text",
    "Threshold", "When", "format_duration", "order_mistakes", "parse_duration",
]  # fmt: skip
