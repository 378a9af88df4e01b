"""Validator sets of the Shanghai ledger: the first one, and each that a rotation brings."""

from collections.abc import Sequence

from bridge.crypto.keys import generate_signer
from bridge.errors import Reason
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.v1.chainmaker_pb2 import ChainmakerBlockHeader, ChainmakerValidatorSet
from bridge.v1.transaction_pb2 import ValidatorInfo
from sh_adapter.block_format import ChainmakerFormat
from tests.unit.sh_adapter.chain import LEDGER, START, Chain, check_run, infos, refusal


def test_a_rotation_makes_a_config_block_that_the_old_set_signs():
    chain = Chain()
    chain.cut(1)
    before = chain.blocks[-1].consensus
    after = infos([chain.signers[4], chain.signers[5], chain.signers[0]], "new")
    config = chain.cut(0, rotation=after)
    header = ChainmakerBlockHeader.FromString(config.header)
    assert (header.block_type, header.tx_count, header.pre_conf_height) == (1, 1, 0)
    state = chain.follow(before, config.height)
    assert state == config.consensus
    assert state.next_validators_hash != before.next_validators_hash
    following = chain.cut(2)
    assert ChainmakerBlockHeader.FromString(following.header).pre_conf_height == config.height
    made = ChainmakerValidatorSet.FromString(following.validators)
    assert [v.node_id for v in made.validators] == ["new-00", "new-01", "new-02"]
    assert chain.follow(state, following.height) == following.consensus
    for run in chain.format.prove(chain, 0, 3, 0):
        check_run(chain.blocks[run.proof_height - 1].consensus, run)
    assert refusal(chain.follow, before, following.height) == Reason.NOT_ENOUGH_TRUST


def test_rotations_follow_one_another_and_survive_restarts():
    chain = Chain(1)
    trusted = chain.format.genesis()
    for turn in range(5):
        chain.cut(0, rotation=infos(chain.signers[: turn % 3 + 1], f"turn{turn}"))
        chain.format = chain.fresh()
        chain.format.restore(chain)
        trusted = chain.follow(trusted, 2 * turn + 1)
        chain.cut(1)
        trusted = chain.follow(trusted, 2 * turn + 2)
    assert trusted.height == 10


def test_a_rotation_that_could_not_be_followed_is_refused_and_the_ledger_goes_on():
    chain = Chain()
    strangers = [generate_signer("sm3-sm2") for _ in range(4)]
    cases = [
        (infos(strangers), Reason.CONFIGURATION_INVALID),
        (infos([*chain.signers[:2], *strangers[:2]]), Reason.CONFIGURATION_INVALID),
        (infos([chain.signers[0]] * 2), Reason.VALIDATOR_SET_INVALID),
        ([], Reason.FIELD_REQUIRED),
    ]
    for validators, reason in cases:
        assert refusal(chain.format.build, chain.input(0, rotation=validators)) == reason
    assert refusal(chain.format.build, chain.input(0, 0, rotation=chain.validators)) == Reason.STATE_CHANGED
    assert chain.cut(1).height == 1
    assert chain.follow(chain.format.genesis(), 1).height == 1


# the first set


def test_a_quorum_of_keys_is_enough_and_fewer_make_no_ledger():
    signers = [generate_signer("sm3-sm2") for _ in range(4)]
    validators = infos(signers)
    for held in (3, 2, 0):
        arguments = (LEDGER, validators, signers[4 - held :], MemoryHighWaterMark(), START)
        if held < 3:
            assert refusal(ChainmakerFormat, *arguments) == Reason.CONFIGURATION_INVALID
            continue
        chain = Chain(4, signers)
        chain.format = ChainmakerFormat(*arguments)
        for _ in range(4):  # whoever's turn it is, a validator that can sign proposes
            chain.cut(1)
        assert chain.follow(chain.format.genesis(), 4).height == 4


def test_an_unsound_first_set_makes_no_ledger():
    signers = [generate_signer("sm3-sm2") for _ in range(4)]

    def start(validators: Sequence[ValidatorInfo]) -> Reason:
        return refusal(ChainmakerFormat, LEDGER, validators, signers, MemoryHighWaterMark(), START)

    assert start([]) == Reason.FIELD_REQUIRED
    assert start(infos([*signers, signers[0]])) == Reason.VALIDATOR_SET_INVALID
    assert start([*infos(signers), infos(signers)[0]]) == Reason.VALIDATOR_SET_INVALID
    assert start(infos([*signers, generate_signer("sha256-ed25519")])) == Reason.VALIDATOR_SET_INVALID
    assert start(infos([generate_signer("sm3-sm2") for _ in range(65)])) == Reason.LIMIT_EXCEEDED
