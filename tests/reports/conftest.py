"""Fixtures of the tests of the report's content and page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.reports.settled_sample import Sample, settled_sample


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """The sample of the package, settled once."""
    with settled_sample(tmp_path_factory.mktemp("sample")) as made:
        yield made
