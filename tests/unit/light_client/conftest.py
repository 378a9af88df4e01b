from __future__ import annotations

import pytest

from bridge.crypto.keys import generate_signer
from bridge.crypto.ports import Signer
from tests.unit.light_client.chainmaker_forge import Forge


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge()


@pytest.fixture(scope="module")
def stranger() -> Signer:
    return generate_signer("sm3-sm2")
