"""What a certificate says about its holder, apart from any connection."""

from __future__ import annotations

import pytest

from bridge.clock import NANOS_PER_SECOND, ManualClock, Nanos
from bridge.errors import CallerNotAllowedError, Reason
from bridge.rpc.certificates import Validity, issue, make_authority
from bridge.rpc.identity import Identities, caller_of_certificate, require_spiffe_id

NOON = 1_800_000_000 * NANOS_PER_SECOND
DAY = 86_400 * NANOS_PER_SECOND
HELD = Validity(Nanos(NOON), Nanos(NOON + DAY))
AUTHORITY = make_authority("test", HELD)
ID = "spiffe://hk.cargobridge.test/platform"


def pem(*uris: str, **names) -> bytes:
    return issue(AUTHORITY, HELD, uris=uris, **names).certificate_pem()


def refused(action) -> None:
    with pytest.raises(CallerNotAllowedError) as caught:
        action()
    assert caught.value.reason == Reason.CERTIFICATE_INVALID


@pytest.mark.parametrize("text", [ID, "spiffe://a/b", "spiffe://a.b-c_d.1/x/Y_z/0.9-"])
def test_spiffe_ids_are_taken(text):
    assert require_spiffe_id(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spiffe://",
        "spiffe:///path",
        "spiffe://domain",
        "spiffe://domain/",
        "spiffe://Domain/x",
        "SPIFFE://domain/x",
        "https://domain/x",
        "spiffe://domain:443/x",
        "spiffe://user@domain/x",
        "spiffe://domain/x?y",
        "spiffe://domain/x#y",
        "spiffe://domain//x",
        "spiffe://domain/x/",
        "spiffe://domain/../x",
        "spiffe://domain/./x",
        "spiffe://domain/x y",
        "spiffe://domain/%41",
        "spiffe://domain/x\n",
        "spiffe://domain/" + "x" * 2048,
    ],
)
def test_what_is_no_spiffe_id_is_refused(text):
    refused(lambda: require_spiffe_id(text))


def test_a_certificate_names_its_one_uri_whatever_else_it_names():
    caller = caller_of_certificate(pem(ID, dns=["localhost"], addresses=["127.0.0.1"]))
    assert caller.spiffe_id == ID
    assert (caller.not_before, caller.not_after) == (NOON, NOON + DAY)
    assert len(caller.fingerprint) == 64


@pytest.mark.parametrize(
    "data",
    [pem(), pem(dns=["localhost"]), pem(ID, ID), pem(ID, "spiffe://a/b"), pem("https://a/b"), b"", b"nothing"],
)
def test_a_certificate_that_names_none_or_several_is_refused(data):
    refused(lambda: caller_of_certificate(data))


def test_time_and_denial_are_asked_on_every_call():
    clock, denied = ManualClock(Nanos(NOON)), set()
    identities = Identities(clock, lambda: denied)
    context = {"x509_pem_cert": [pem(ID)]}
    caller = identities.caller(context)
    for offset, valid in ((-1, False), (0, True), (DAY - 1, True), (DAY, False)):
        moved = Identities(ManualClock(Nanos(NOON + offset)))
        if valid:
            assert moved.caller(context) == caller
        else:
            refused(lambda moved=moved: moved.caller(context))
    for entry in (ID, caller.fingerprint):
        denied.add(entry)
        with pytest.raises(CallerNotAllowedError) as caught:
            identities.caller(context)
        assert caught.value.reason == Reason.CALLER_NOT_ALLOWED
        denied.clear()
    assert identities.caller(context) == caller


def test_no_certificate_or_two_are_refused():
    identities = Identities(ManualClock(Nanos(NOON)))
    for context in ({}, {"x509_pem_cert": []}, {"x509_pem_cert": [pem(ID), pem(ID)]}, {"x509_common_name": [b"me"]}):
        refused(lambda context=context: identities.caller(context))


def test_parsed_certificates_are_kept_within_bounds(monkeypatch):
    monkeypatch.setattr("bridge.rpc.identity.CERTIFICATE_CACHE_SIZE", 2)
    identities = Identities(ManualClock(Nanos(NOON)))
    for number in range(4):
        identities.caller({"x509_pem_cert": [pem(f"spiffe://a/{number}")]})
    assert len(identities._parsed) == 2
