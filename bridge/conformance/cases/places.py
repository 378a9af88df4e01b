"""Places and commodities: which codes name one thing, and that nothing is cut, padded or corrected into another."""

from __future__ import annotations

from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal
from bridge.conformance.kit import Kit
from bridge.conformance.naming import CASE_NEEDS, local_form, refuse_identifiers, reject_arrivals
from bridge.errors import Reason


@case(
    "IDN-016", "MUST resolve Shanghai's port by any of its codes to one", clauses=("PLACE-2", "RES-3"), needs=CASE_NEEDS
)
def idn_016(kit: Kit) -> None:
    for code, canonical in (("CNSGH", "CNSGH"), ("CNSHA", "CNSGH"), ("CNSHG", "CNSGH"), ("CNWGQ", "CNWIG")):
        expect_equal(
            local_form(kit, "un-locode", code), ("un-locode", canonical, "EQUIVALENT"), f"{code} is {canonical}"
        )


@case(
    "IDN-017",
    "MUST replace no place by the one it lies in, and correct no code",
    clauses=("PLACE-1", "PLACE-3", "RES-3"),
    needs=CASE_NEEDS,
)
def idn_017(kit: Kit) -> None:
    for code in ("CNYSN", "CNWIG", "CNPDG", "HK9CK", "CNHKG", "HKZZZ", "ZZZZZ"):
        expect_equal(local_form(kit, "un-locode", code)[:2], ("un-locode", code), f"{code} stays itself")


@case(
    "IDN-018",
    "MUST refuse a place code out of form",
    clauses=("PLACE-1", "IDS-2"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_018(kit: Kit) -> None:
    codes = ("CNSG0", "CNSG1", "CNSG", "CNSGHX", "12345", "CN-SGH", "CN SGH", "")
    pairs = [("un-locode", code) for code in codes]
    refuse_identifiers(kit, pairs, Reason.INVALID_IDENTIFIER)
    reject_arrivals(kit, pairs, Reason.INVALID_IDENTIFIER)


@case(
    "IDN-019",
    "MUST cut and pad no commodity code into another tariff",
    clauses=("HS-1", "HS-2", "HS-3", "RES-3"),
    needs=CASE_NEEDS,
)
def idn_019(kit: Kit) -> None:
    codes = [("hs6", "870323"), ("hs8-hk", "87032300"), ("hs8-cn", "87032330"), ("hs10-cn", "8703233010")]
    codes += [("hs13-cn", "8703233010999"), ("hs-national", "8703239090")]
    resolved = {pair: local_form(kit, *pair) for pair in codes}
    for pair, (scheme, value, _) in resolved.items():
        expect_equal((scheme, value), pair, "a code stays what its tariff says")
    expect_equal(resolved["hs6", "870323"][2], "EQUIVALENT", "subheadings are the world's")
    expect_equal(resolved["hs-national", "8703239090"][2], "FOREIGN", "a code of no named tariff stays foreign")
    hows = [resolved["hs8-hk", "87032300"][2], resolved["hs8-cn", "87032330"][2]]
    own = ["FOREIGN", "FOREIGN"], ["EQUIVALENT", "FOREIGN"], ["FOREIGN", "EQUIVALENT"]
    expect(hows in own, "a ledger's own tariff is at most one of these", got=hows, expected="one of them FOREIGN")


@case(
    "IDN-020",
    "MUST refuse a commodity code of the wrong length or of no chapter",
    clauses=("HS-1", "IDS-2"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_020(kit: Kit) -> None:
    pairs = [("hs6", "87032"), ("hs6", "8703230"), ("hs6", "001234"), ("hs8-hk", "870323"), ("hs8-cn", "8703233010")]
    pairs += [("hs10-cn", "87032330"), ("hs-national", "87032390" * 3), ("hs6", "87032A")]
    refuse_identifiers(kit, pairs, Reason.INVALID_IDENTIFIER)
    reject_arrivals(kit, pairs, Reason.INVALID_IDENTIFIER)
