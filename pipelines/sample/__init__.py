"""The sample city: Waterdam, a made-up harbour town, generated from a seed. ``python -m pipelines.sample`` writes it."""

from pipelines.sample.deliveries import SEED, generate

__all__ = ["SEED", "generate"]
