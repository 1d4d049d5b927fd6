"""Settings of every test."""

from hypothesis import settings

# A busy machine is no wrong result: no test is judged by its time.
settings.register_profile("gatectl", deadline=None)
settings.load_profile("gatectl")
