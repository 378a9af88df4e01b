"""Adapters that take packets and acknowledgements wrongly: proofs, receipts, timeouts, repetitions."""

from __future__ import annotations

from tests.conformance.mutants.mutant import ledger_mutant

_DELIVERY = "bridge.ledger.handlers.delivery"
_RECEIVING = "bridge.ledger.handlers.receiving"
_LOG = "bridge.light_client.cometbft"

PACKETS = (
    ledger_mutant(
        "no-proof",
        "It takes packets without verifying their proof.",
        "MEM-008 MEM-012",
        (
            f"{_DELIVERY}:deliver_run",
            "client.profile.verify_membership(trusted, run.proof, _elements(client, run.items))",
            "pass",
        ),
    ),
    ledger_mutant(
        "any-log",
        "It verifies a proof against the root that the proof states, not the one under the header.",
        "MEM-018",
        (
            f"{_LOG}:CometbftProfile.verify_membership",
            "if log_app_hash(message.log_size, message.log_root) != trusted.root:",
            "if False:",
        ),
    ),
    ledger_mutant(
        "size-not-bound",
        "It takes a proof for any size that the log ever might have had.",
        "MEM-011",
        (
            f"{_LOG}:CometbftProfile.verify_membership",
            "if log_app_hash(message.log_size, message.log_root) != trusted.root:",
            "if all(log_app_hash(size, message.log_root) != trusted.root for size in range(1024)):",
        ),
    ),
    ledger_mutant(
        "any-path",
        "It finds a packet's commitment at the path of an acknowledgement as well.",
        "MEM-035",
        (
            f"{_DELIVERY}:deliver_run",
            "client.profile.verify_membership(trusted, run.proof, _elements(client, run.items))",
            (
                "entries = _elements(client, run.items)\n"
                "            own = client.counterparty_client_id\n"
                "            others = [Entry(acknowledgement_path(own, item.sequence), entry.value)\n"
                "                      for item, entry in zip(run.items, entries) if isinstance(entry, Entry)]\n"
                "            try:\n"
                "                client.profile.verify_membership(trusted, run.proof, entries)\n"
                "            except BridgeError:\n"
                "                client.profile.verify_membership(trusted, run.proof, others)"
            ),
        ),
    ),
    ledger_mutant(
        "served-path",
        "It builds the path of a packet from the client that the packet names, whichever it was paired with.",
        "PKT-006 PKT-007",
        (
            f"{_DELIVERY}:_settled_item",
            "packet.source_client != client.counterparty_client_id or packet.destination_client != client.client_id",
            "False",
        ),
    ),
    ledger_mutant(
        "receipt-forgotten",
        "It receives a packet and does not write down that it did.",
        "IDM-001 PKT-011",
        (
            f"{_RECEIVING}:_write_receipt",
            "ctx.state.put(ReceiptRow(client_id, sequence, outcome, acknowledgement))",
            "pass",
        ),
    ),
    ledger_mutant(
        "answered-before-stored",
        "It answers a delivery while its receipts are in memory only.",
        "OPS-009",
        (
            "bridge.store.ledger_store:LedgerStore.write_block",
            "write.overlay.tables().items()",
            "[each for each in write.overlay.tables().items() if each[0].__name__ != 'ReceiptRow']",
        ),
    ),
    ledger_mutant(
        "no-timeout",
        "It receives a packet whose timeout has passed.",
        "PKT-008",
        (f"{_RECEIVING}:receive_packet", "if ctx.seconds >= item.packet.timeout_seconds:", "if False:"),
    ),
    ledger_mutant(
        "timeout-one-second-late",
        "It receives a packet in the very second of its timeout.",
        "PKT-009",
        (
            f"{_RECEIVING}:receive_packet",
            "if ctx.seconds >= item.packet.timeout_seconds:",
            "if ctx.seconds > item.packet.timeout_seconds:",
        ),
        control="PKT-008",
    ),
    ledger_mutant(
        "pause-ignored",
        "It receives packets while their port is paused.",
        "PKT-024",
        (
            f"{_RECEIVING}:receive_packet",
            "if item.port and ctx.is_paused(client.client_id, item.port):",
            "if False:",
        ),
    ),
    ledger_mutant(
        "entry-twice-in-a-run",
        "It gives an item that stands twice in a run its effect twice.",
        "MEM-014",
        (f"{_DELIVERY}:_settled", "if answer is None and name in seen:", "if False:"),
        (
            f"{_DELIVERY}:deliver_run",
            "client.profile.verify_membership(trusted, run.proof, _elements(client, run.items))",
            (
                "items = list({(i.acknowledgement, i.sequence): i for i in run.items}.values())\n"
                "            client.profile.verify_membership(trusted, run.proof, _elements(client, items))"
            ),
        ),
    ),
    ledger_mutant(
        "long-opaque-leaf",
        "It takes an opaque item of any length.",
        "MEM-021",
        (
            "bridge.ledger.prepared:PreparedItem.__init__",
            "if len(self.body) > MAX_OPAQUE_BYTES:",
            "if False:",
        ),
    ),
    ledger_mutant(
        "second-acknowledgement",
        "It takes another acknowledgement for a packet that one closed already.",
        "PKT-064",
        (f"{_RECEIVING}:settled_acknowledgement", "if packet.acknowledgement != item.body:", "if False:"),
    ),
    ledger_mutant(
        "rejected-as-accepted",
        "It answers ACCEPTED for a packet that its port refused.",
        "PKT-100",
        (
            f"{_RECEIVING}:receive_packet",
            "OUTCOME_REJECTED, encode_rejected(error.reason)",
            "OUTCOME_ACCEPTED, encode_accepted(b'' and error.reason)",
        ),
    ),
    ledger_mutant(
        "submitter-unverified",
        "It carries out a transaction without verifying its submitter's signature.",
        "ID-016 TLS-033",
        (
            "bridge.ledger.application:validate_transaction",
            "ctx.check(key.suite, key.public_key, sign_bytes, message.signature)",
            "pass",
        ),
    ),
    ledger_mutant(
        "transaction-for-another-ledger",
        "It carries out a transaction that names another ledger.",
        "ID-015",
        (
            "bridge.ledger.application:validate_transaction",
            "if body.ledger_id != config.ledger_id:",
            "if False:",
        ),
        (
            "bridge.ledger.application:validate_transaction",
            "transaction.sign_bytes(profile(config.profile_id), config.ledger_id)",
            "transaction.sign_bytes(profile(config.profile_id), body.ledger_id)",
        ),
        program="sh-adapter",
    ),
)
