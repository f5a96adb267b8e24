"""Fixtures of all tests of jobs."""

from tests.jobs.undrawn import page_alone, undrawn

__all__ = ("page_alone", "undrawn")
