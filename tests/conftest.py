"""Drawn examples are the same in every run: what fails fails for everybody. `tools/fuzz.py` looks further."""

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")
