"""Pages of lists (AIP-158): sizes lowered to the limit, and opaque tokens that only the list that made them takes back.

A token is a cursor of ints and short strings with a keyed tag over the list's name and its filters, so a token of
another list, another filter or another process's key is refused, and nobody can probe with one of their own making.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence

from bridge.errors import DecodeError, Reason
from bridge.rpc.limits import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, MAX_PAGE_TOKEN_CHARS

_TAG_BYTES = 16

Cursor = tuple[int | str, ...]


def page_size_of(requested: int) -> int:
    """[PAG-1] Size of a page: the default for 0, at most the limit; DecodeError INVALID_FIELD when negative."""
    if requested < 0:
        raise DecodeError(Reason.INVALID_FIELD, "page_size must not be negative", field="page_size", got=requested)
    return min(requested or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


class PageTokens:
    """Makes and reads tokens under one key; a key that changes between starts only ends the pages then open."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encode(self, listing: str, filters: Sequence[object], cursor: Cursor) -> str:
        """Token for the page after `cursor` of `listing` under `filters`."""
        body = json.dumps(list(cursor), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._tag(listing, filters, body) + body).decode().rstrip("=")

    def decode(self, token: str, listing: str, filters: Sequence[object], shape: Sequence[type]) -> Cursor | None:
        """[PAG-2] Cursor of a token, None for the empty one; DecodeError INVALID_PAGE_TOKEN for one not made here.

        `shape` is the type of each part of the cursor.
        """
        if not token:
            return None
        if len(token) > MAX_PAGE_TOKEN_CHARS or not token.isascii():
            raise _refused()
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _refused() from error
        tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(listing, filters, body)):
            raise _refused()
        cursor: Cursor = tuple(json.loads(body))
        if len(cursor) != len(shape) or any(type(part) is not kind for part, kind in zip(cursor, shape, strict=True)):
            raise _refused()
        return cursor

    def _tag(self, listing: str, filters: Sequence[object], body: bytes) -> bytes:
        about = json.dumps([listing, *(str(each) for each in filters)]).encode()
        message = len(about).to_bytes(4, "big") + about + body
        return hmac.new(self._key, message, hashlib.sha256).digest()[:_TAG_BYTES]


def _refused() -> DecodeError:
    return DecodeError(Reason.INVALID_PAGE_TOKEN, "this page token was not made by this list with these filters")
