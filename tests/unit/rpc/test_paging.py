"""Page sizes and page tokens."""

from __future__ import annotations

import base64

import pytest

from bridge.errors import DecodeError, Reason
from bridge.rpc.paging import PageTokens, page_size_of

TOKENS = PageTokens(b"k" * 32)
SHAPE = (int, str)


def test_sizes_have_a_default_and_a_limit_and_no_negatives():
    assert [page_size_of(n) for n in (0, 1, 500, 501, 2**31 - 1)] == [50, 1, 500, 500, 500]
    with pytest.raises(DecodeError) as caught:
        page_size_of(-1)
    assert caught.value.reason == Reason.INVALID_FIELD


def test_a_token_comes_back_as_its_cursor():
    token = TOKENS.encode("records", ["a", 1], (2**63, "漢"))
    assert TOKENS.decode(token, "records", ["a", 1], SHAPE) == (2**63, "漢")
    assert TOKENS.decode("", "records", ["a", 1], SHAPE) is None


def test_a_token_of_anything_else_is_refused():
    token = TOKENS.encode("records", ["a", 1], (7, "x"))
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    flipped = [
        base64.urlsafe_b64encode(raw[:n] + bytes([raw[n] ^ 1]) + raw[n + 1 :]).decode().rstrip("=")
        for n in range(len(raw))
    ]
    own = base64.urlsafe_b64encode(b"\0" * 16 + b'[7,"x"]').decode()
    cases = [
        (token, "members", ["a", 1], SHAPE),
        (token, "records", ["a", 2], SHAPE),
        (token, "records", ["a"], SHAPE),
        (token, "records", ["a", 1], (int,)),
        (token, "records", ["a", 1], (str, str)),
        *((each, "records", ["a", 1], SHAPE) for each in [*flipped, own, "x", "é", "A" * 513, token + "A", "=", " "]),
    ]
    for text, listing, filters, shape in cases:
        with pytest.raises(DecodeError) as caught:
            TOKENS.decode(text, listing, filters, shape)
        assert caught.value.reason == Reason.INVALID_PAGE_TOKEN
    with pytest.raises(DecodeError):
        PageTokens(b"other").decode(token, "records", ["a", 1], SHAPE)
    assert len(cases) == 5 + len(raw) + 7
