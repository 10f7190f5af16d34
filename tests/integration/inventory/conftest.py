"""A catalogue that is empty."""

import pytest

from inventory.catalogue_pg import Catalogue
from kit.postgres import Postgres


@pytest.fixture
def catalogue(postgres: Postgres) -> Catalogue:
    return Catalogue(postgres)
