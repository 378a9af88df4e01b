"""Named limits of the doors; every one has a unit and a reason, and a settings file may only lower what it names."""

from __future__ import annotations

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Largest message either way, in bytes: a delivery of 1 MiB of packets with headers and proofs, with room to spare."""

MAX_METADATA_BYTES = 16 * 1024
"""Largest header or trailer block, in bytes: an error with all its facts stays below 8 KiB."""

MAX_STREAMS_PER_CONNECTION = 128
"""Calls in flight on one connection: relayers use a handful, so more is a fault of the peer."""

MAX_CALLS_IN_FLIGHT = 512
"""Unary calls in flight in one process: twice what saturates it, so that waiting work stays bounded."""

MAX_CALLS_PER_CALLER = 256
"""Unary calls in flight of one identity: one caller cannot take every place."""

MAX_WATCHES_PER_CALLER = 16
"""Streams open for one identity: a relayer has one a ledger, a platform a few."""

DEFAULT_DEADLINE_SECONDS = 30
"""Cap of a call's duration in seconds; it also stands where the caller set none, so no call stays for ever."""

MAX_CONNECTION_AGE_SECONDS = 600
"""Age in seconds after which a connection is renewed: a new handshake meets today's certificates and authorities."""

MAX_CONNECTION_AGE_GRACE_SECONDS = 30
"""Seconds a call may run on after its connection reached that age: as long as the longest deadline."""

KEEPALIVE_SECONDS = 30
"""Idle seconds before a connection is probed: shorter than common firewalls' idle limits."""

KEEPALIVE_TIMEOUT_SECONDS = 10
"""Seconds a probe may go unanswered before the connection counts as dead."""

DRAIN_SECONDS = 10
"""Seconds that calls in flight get to finish when the process is told to stop."""

DEFAULT_PAGE_SIZE = 50
"""Items of a page when the caller names no size (AIP-158)."""

MAX_PAGE_SIZE = 500
"""Items of a page at most; a larger wish is lowered to it (AIP-158)."""

MAX_PAGE_TOKEN_CHARS = 512
"""Characters of a page token: a cursor of a few short columns with its tag."""

MAX_HEIGHTS_PER_CALL = 64
"""Headers a GetHeaders call may name: at most 128 KiB of them."""

MAX_SEQUENCES_PER_CALL = 500
"""Packets a ListPackets call may name: one page."""

MAX_ENTRIES_PER_PROOF = 512
"""Entries a ProveEntries call may cover: two deliveries' worth."""

MAX_PAGE_BYTES = 2 * 1024 * 1024
"""Bytes of bodies in one answer, after which the page ends early: half of the largest message."""

MAX_RECORDS_PER_CALL = 256
"""Records an IssueRecords call may carry; also operations of one transaction."""

MAX_BATCH_BYTES = 1024 * 1024
"""Bytes of payloads in one transaction made from waiting calls."""

MAX_WAITING_OPERATIONS = 8192
"""Operations that may wait for their transaction: a second of work; more are refused, never buffered without end."""

CERTIFICATE_CACHE_SIZE = 1024
"""Parsed peer certificates kept: more than the peers of one adapter."""

RELOAD_CHECK_SECONDS = 1
"""Seconds between looks at a watched file's time of change: a changed role takes effect within it."""

MAX_CONFIGURATION_BYTES = 1024 * 1024
"""Largest configuration file, in bytes: a thousand identities stay far below."""

MAX_ERROR_FACTS = 16
"""Facts sent with an error: named values for a person or a log, not a payload."""

MAX_ERROR_TEXT_CHARS = 500
"""Characters of an error's text or of one of its facts."""

CLIENT_DEADLINE_SECONDS = 20
"""Deadline a client of ours sets where its caller names none, in seconds: below the server's cap."""

CLIENT_READ_ATTEMPTS = 4
"""Attempts of an idempotent read while the answer is UNAVAILABLE: three short waits, then the caller decides."""

CLIENT_RETRY_FIRST_MILLISECONDS = 100
"""First wait between attempts, in milliseconds; it doubles, with jitter, so that callers spread."""

CLIENT_RETRY_MOST_MILLISECONDS = 2_000
"""Longest wait between attempts, in milliseconds."""
