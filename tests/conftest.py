"""Properties run the same cases each time in `make test` (a red build can be repeated); `make prove` draws new ones."""

from hypothesis import settings

from tests import evidence

settings.register_profile("test", derandomize=True, deadline=None, database=None)
settings.register_profile("prove", deadline=None, print_blob=True)
settings.load_profile("prove" if evidence.proving() else "test")
