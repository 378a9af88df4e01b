"""Identifiers: schemes and their forms, check digits that warn and that refuse, and text that has one spelling.

What refuses is asked for twice: of the service that resolves, and of a record that arrives with it.
"""

from __future__ import annotations

import json

from stdnum import iso6346
from stdnum.cn import uscc
from stdnum.iso7064 import mod_97_10

from bridge.conformance.carriage import carry, familiar, outcome, record_of, verdict, without_effect
from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal
from bridge.conformance.issuing import Issued, transport_event
from bridge.conformance.kit import Kit
from bridge.conformance.naming import CASE_NEEDS, Pair, arrivals, local_form, refuse_identifiers, reject_arrivals
from bridge.errors import Reason
from bridge.protocol.ports import CARGO_PORT, encode_payload
from bridge.v1.cargo_pb2 import RECORD_TYPE_BILL_OF_LADING, Facts, Party, RecordKey
from bridge.v1.identifier_pb2 import Name
from bridge.v1.packet_pb2 import RecordReceipt

_SEEDED = (*CASE_NEEDS, "seed")

_FORM = (Reason.INVALID_IDENTIFIER, Reason.INVALID_FIELD)

SPELLED_APART = {
    "bidi": ["KIT\u202e1", "KIT\u20661", "\u200fKIT", "KIT\u202d1\u202c"],
    "zero width": ["KIT\u200b1", "KIT\u200d1", "\ufeffKIT", "KIT\u2060", "K\u00adIT"],
    "controls": ["KIT\x001", "KIT\n1", "KIT\t1", "KIT\x7f", "KIT\x851", "KIT\u20281"],
    "unassigned": ["KIT\ue0001", "KIT\u03781", "KIT\U000e0001", "KIT\U0010ffff"],
    "spaces": [" KIT", "KIT ", "KIT  1", "KIT\u00a01", "KIT\u30001", "KIT\u2009" + "1", ""],
}
"""Texts that look like another text, or like nothing, by what makes them so."""


def _containers() -> Pair:
    """A container number with its right check digit."""
    body = "KITU123456"
    return "iso6346", body + str(iso6346.calc_check_digit(body))


def _wrong(value: str) -> str:
    """The same with another last digit."""
    return value[:-1] + ("1" if value[-1] != "1" else "2")


def wrong_numbers() -> list[Pair]:
    """A USCC and a LEI whose check characters are wrong."""
    firm, entity = "91310000MA1FL70B6", "5493001KJTIIGC8Y1R"
    right = firm + uscc.calc_check_digit(firm), entity + mod_97_10.calc_check_digits(entity)
    return [("uscc", _wrong(right[0])), ("lei", _wrong(right[1])), ("lei", entity[::-1] + right[1][-2:])]


def _warned(issued: Issued, pointer_end: str, message: str) -> None:
    findings = {(each.severity, each.reason) for each in issued.result.findings if each.pointer.endswith(pointer_end)}
    expect(
        ("warning", str(Reason.CHECK_DIGIT_WRONG)) in findings,
        message,
        got=[f"{each.severity} {each.pointer} {each.reason}" for each in issued.result.findings],
        expected="warning CHECK_DIGIT_WRONG",
    )


@case(
    "IDN-001",
    "MUST take a record with a wrong container check digit, and warn",
    clauses=("ID-3", "SCH-5"),
    needs=_SEEDED,
)
def idn_001(kit: Kit) -> None:
    document = transport_event(kit.session.fresh_name("call"), container=_wrong(_containers()[1]))
    _warned(kit.issue(document), "equipmentReference", "a wrong container digit warns and does not refuse")


@case("IDN-002", "MUST take a record with a wrong ship number, and warn", clauses=("ID-3", "SCH-5"), needs=_SEEDED)
def idn_002(kit: Kit) -> None:
    document = json.loads(transport_event(kit.session.fresh_name("call")))
    document["payload"]["transportCall"]["vessel"]["vesselIMONumber"] = "9811001"
    _warned(kit.issue(json.dumps(document).encode()), "vesselIMONumber", "a wrong ship number warns")


@case(
    "IDN-003",
    "MUST accept a record that states numbers which only warn, and keep them as they were stated",
    clauses=("ID-3", "ID-4", "PLACE-1"),
    needs=CASE_NEEDS,
)
def idn_003(kit: Kit) -> None:
    pairs = [("iso6346", _wrong(_containers()[1])), ("imo", "9811001"), ("equipment", "KIT-TANK-7")]
    for pair, result in zip(pairs, arrivals(kit, pairs), strict=True):
        expect_equal(verdict(result), "ACCEPTED", f"a record that states {pair} is accepted")
        expect_equal(local_form(kit, *pair), (*pair, "EQUIVALENT"), f"{pair} stays as it was stated")


@case(
    "IDN-004",
    "MUST refuse a Unified Social Credit Code or LEI with a wrong check character",
    clauses=("ID-3", "IDS-2"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_004(kit: Kit) -> None:
    refuse_identifiers(kit, wrong_numbers(), Reason.CHECK_DIGIT_WRONG)
    reject_arrivals(kit, wrong_numbers(), Reason.CHECK_DIGIT_WRONG)


@case(
    "IDN-005",
    "MUST refuse a scheme that is not on the list",
    clauses=("ID-1", "ID-3"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_005(kit: Kit) -> None:
    pairs = [("container", "OOLU7123447"), ("ISO6346", "OOLU7123447"), ("reference:poem", "KIT"), ("usсc", "KIT")]
    refuse_identifiers(kit, [*pairs, ("", "KIT"), ("x" * 101, "KIT")], Reason.SCHEME_UNKNOWN, Reason.INVALID_IDENTIFIER)
    reject_arrivals(kit, pairs, Reason.SCHEME_UNKNOWN)


@case(
    "IDN-006",
    "MUST refuse an identifier in another spelling than its compact form",
    clauses=("ID-1", "ID-2"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_006(kit: Kit) -> None:
    good = _containers()[1]
    pairs = [
        ("iso6346", good.lower()),
        ("iso6346", f"{good[:4]} {good[4:]}"),
        ("iso6346", f"{good[:10]}-{good[10:]}"),
        ("imo", "IMO 9811000"),
        ("un-locode", "hkhkg"),
        ("hs6", "8703.23"),
        ("lei", "5493001kjtiigc8y1r12"),
    ]
    refuse_identifiers(kit, pairs, Reason.INVALID_IDENTIFIER)
    reject_arrivals(kit, pairs, Reason.INVALID_IDENTIFIER)


@case(
    "IDN-007",
    "MUST refuse full-width and other look-alike digits and letters",
    clauses=("ID-1", "ID-5"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_007(kit: Kit) -> None:
    """Full-width, Arabic-Indic and mathematical digits are digits to many libraries; dotless i is none of ours."""
    pairs = [
        ("imo", "９８１１０００"),
        ("imo", "٩٨١١٠٠٠"),
        ("imo", "𝟗𝟖𝟏𝟏𝟎𝟎𝟎"),
        ("hs6", "８７０３２３"),
        ("iso6346", "ＯＯＬＵ7123447"),
        ("scac", "ıMAE"[:4]),
        ("reference:booking", "ＫＩＴ－１"),
        ("reference:booking", "KIT１"),
    ]
    refuse_identifiers(kit, pairs, Reason.INVALID_IDENTIFIER)
    reject_arrivals(kit, pairs, Reason.INVALID_IDENTIFIER)


@case(
    "IDN-008",
    "MUST refuse text that is not in Unicode NFC, and keep NFC text as it is",
    clauses=("WIRE-3", "ID-5"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_008(kit: Kit) -> None:
    pairs = [("reference:booking", text) for text in ("Cafe\u0301", "\u212b-1", "\u1112\u1161\u11ab", "\u2126")]
    refuse_identifiers(kit, pairs, Reason.INVALID_IDENTIFIER)
    reject_arrivals(kit, pairs, Reason.INVALID_IDENTIFIER)
    for text in ("Caf\u00e9", "\u00c5-1", "\ud55c", "海港-1"):
        pair = ("reference:booking", text)
        expect_equal(local_form(kit, *pair)[:2], pair, "NFC text is kept as it is")


def _refuse_spelled_apart(kit: Kit, what: str) -> None:
    pairs = [("reference:booking", text) for text in SPELLED_APART[what]]
    pairs += [("party-code:zzz", text) for text in SPELLED_APART[what]]
    refuse_identifiers(kit, pairs, *_FORM)
    reject_arrivals(kit, pairs, *_FORM)
    other = familiar(kit)
    written = []
    for text in SPELLED_APART[what]:
        key = RecordKey(issuer_scheme="scac", issuer="MAEU", type=RECORD_TYPE_BILL_OF_LADING, reference=text)
        record = other.record(kit.session.fresh_name("KIT"), key=key)
        written.append(other.packet(encode_payload(CARGO_PORT, record.value)))
    with without_effect(kit, other):
        results = carry(kit, other, *written)
    for text, result in zip(SPELLED_APART[what], results, strict=True):
        got = verdict(result)
        expect(got in set(_FORM), f"a record called {text!a} is rejected", got=got, expected=" or ".join(_FORM))


@case("IDN-009", "MUST refuse text with bidi controls", clauses=("WIRE-3", "ID-5"), negative=True, needs=CASE_NEEDS)
def idn_009(kit: Kit) -> None:
    _refuse_spelled_apart(kit, "bidi")


@case(
    "IDN-010",
    "MUST refuse text with characters of no width",
    clauses=("WIRE-3", "ID-5"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_010(kit: Kit) -> None:
    _refuse_spelled_apart(kit, "zero width")


@case(
    "IDN-011",
    "MUST refuse text with NUL and other controls",
    clauses=("WIRE-3", "ID-5", "GAT-5"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_011(kit: Kit) -> None:
    _refuse_spelled_apart(kit, "controls")


@case(
    "IDN-012",
    "MUST refuse text with private-use and unassigned characters",
    clauses=("WIRE-3", "ID-5"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_012(kit: Kit) -> None:
    _refuse_spelled_apart(kit, "unassigned")


@case(
    "IDN-013",
    "MUST refuse text with outer, double or foreign spaces, and empty text",
    clauses=("WIRE-3", "ID-5"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_013(kit: Kit) -> None:
    _refuse_spelled_apart(kit, "spaces")


@case(
    "IDN-014",
    "MUST take references of 100 characters and refuse those of 101, whatever their bytes",
    clauses=("ID-5", "WIRE-3"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_014(kit: Kit) -> None:
    """Characters are counted, not bytes and not UTF-16 units: the last one has four bytes and two units."""
    for letter in ("x", "海", "\U00020000"):
        pair = ("reference:booking", letter * 100)
        expect_equal(local_form(kit, *pair)[:2], pair, "100 characters are taken")
    long = [("reference:booking", letter * 101) for letter in ("x", "海", "\U00020000")]
    refuse_identifiers(kit, long, Reason.INVALID_IDENTIFIER)
    reject_arrivals(kit, long, Reason.INVALID_IDENTIFIER)


@case(
    "IDN-015",
    "MUST keep container numbers and other equipment numbers apart",
    clauses=("ID-4",),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_015(kit: Kit) -> None:
    """Category R, which libraries take, is not in ISO 6346."""
    pairs = [
        ("equipment", "OOLU7123447"),
        ("equipment", "OOLJ7123447"),
        ("iso6346", "OOLR7123447"),
        ("iso6346", "TANK7"),
    ]
    refuse_identifiers(kit, pairs, Reason.INVALID_IDENTIFIER)
    reject_arrivals(kit, pairs, Reason.INVALID_IDENTIFIER)


@case(
    "IDN-021",
    "MUST reject a record whose party has a name in another script than it says, or too long",
    clauses=("NAME-1", "NAME-3"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_021(kit: Kit) -> None:
    """A Cyrillic letter in a Latin name is how a bank pays another firm."""
    other = familiar(kit)
    names = [
        ("Latn", "Hаrbour Trading"),
        ("Latn", "海港"),
        ("Hant", "Гавань"),
        ("Cyrl", "Гавань"),
        ("", "Harbour"),
        ("Latn", "x" * 141),
        ("Latn", " Harbour"),
        ("Latn", "Har\u200bbour"),
        ("Latn", "Cafe\u0301"),
        ("Latn", ""),
    ]
    written = []
    for script, text in names:
        facts = Facts(parties=[Party(role="shipper", names=[Name(script=script, text=text)])])
        record = other.record(kit.session.fresh_name("KIT"), facts=facts)
        written.append(other.packet(encode_payload(CARGO_PORT, record.value)))
    with without_effect(kit, other):
        results = carry(kit, other, *written)
    for (script, text), result in zip(names, results, strict=True):
        expect_equal(verdict(result), str(Reason.INVALID_FIELD), f"the {script} name {text[:30]!a} is rejected")


@case(
    "IDN-022",
    "MUST keep records apart whose references only look alike",
    clauses=("REC-3", "ID-5", "RID-3"),
    needs=CASE_NEEDS,
)
def idn_022(kit: Kit) -> None:
    """Case, a Cyrillic letter and a hyphen of another length make other references; nothing is folded."""
    other = familiar(kit)
    name = kit.session.fresh_name("KIT-A")
    texts = [name, name.lower(), name.replace("A", "А", 1), name.replace("-", "\u2010"), name.replace("-", "")]
    written = [other.packet(encode_payload(CARGO_PORT, other.record(text).value)) for text in texts]
    ids = set()
    for text, result in zip(texts, carry(kit, other, *written), strict=True):
        expect_equal(verdict(result), "ACCEPTED", f"a record called {text!a} is accepted")
        local_id = RecordReceipt.FromString(outcome(result).result).local_record_id
        record_of(kit, local_id)
        ids.add(local_id)
    expect_equal(len(ids), len(texts), "each is a record of its own")
