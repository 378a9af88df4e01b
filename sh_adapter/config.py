"""What tells the Shanghai adapter from its twin: the ChainMaker format and its side of the border."""

from __future__ import annotations

from bridge.rpc.adapter import AdapterKind
from sh_adapter.block_format import ChainmakerFormat

KIND = AdapterKind(program="sh-adapter", profile_id="chainmaker", country="CN", make_format=ChainmakerFormat)
