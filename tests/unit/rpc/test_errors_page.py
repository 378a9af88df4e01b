"""docs/errors.md lists every reason once, with the class and the code that the programs use."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.errors import Reason
from bridge.rpc.errors import code_of
from bridge.rpc.reasons import CLASS_OF

PAGE = Path(__file__).parents[3] / "docs" / "errors.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (\w+) \| (.+) \| (.+) \|$", re.MULTILINE)


def test_every_reason_stands_once_with_its_class_and_code():
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert [reason for reason, *_ in rows] == [str(reason) for reason in Reason]
    for reason, cls, code, meaning, who in rows:
        known = Reason(reason)
        assert cls == CLASS_OF[known].__name__
        assert code == code_of(CLASS_OF[known](known)).name
        assert meaning.endswith(".")
        assert who
