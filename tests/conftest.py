"""Files or PostgreSQL: where this run of the tests keeps its journals (`tests.stores`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests import stores


@pytest.fixture(scope="session")
def databases() -> Iterator[stores.Databases]:
    made = stores.Databases(stores.SERVER)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def kept_where(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test has its journals where this run keeps them."""
    if not stores.SERVER:
        if request.node.get_closest_marker("postgres"):
            pytest.skip("it is about journals in PostgreSQL: make ring-postgres")
        yield
        return
    if request.node.get_closest_marker("sqlite"):
        pytest.skip("it is about journals in files")
    with stores.instead_of_files(request.getfixturevalue("databases")):
        yield
