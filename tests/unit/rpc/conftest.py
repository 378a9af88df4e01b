from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.unit.rpc.doors import Pki
from tests.unit.rpc.pair import Pair, linked_pair


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """Two linked ledgers that every module here shares: nothing may assume that it finds them untouched."""
    async with linked_pair(tmp_path_factory.mktemp("pair")) as opened:
        yield opened
