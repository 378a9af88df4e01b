"""What tells the Hong Kong adapter from its twin: the CometBFT format and its side of the border."""

from __future__ import annotations

from bridge.rpc.adapter import AdapterKind
from hk_adapter.block_format import CometbftFormat

KIND = AdapterKind(program="hk-adapter", profile_id="cometbft", country="HK", make_format=CometbftFormat)
