"""What our credentials look like: every one is read back whole, and no other text passes for one."""

import re
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import Unauthenticated
from services.ticketing.access.rules import (
    ALPHABET,
    INSTANCE,
    PREFIXES,
    SECRET_LENGTH,
    new_credential,
    order_token,
    read_credential,
    secret_hash,
)

SHAPE = re.compile(r"pv[sd]_(live|test)_[0-9A-Za-z]{43}_[0-9A-Za-z]{32}_[A-Z2-7]{7}\Z")
SECRET = b"s" * 32
ODD_IDS = [INSTANCE, UUID(int=1), UUID(int=2**128 - 1)]


@given(st.sampled_from(sorted(PREFIXES)), st.uuids(), st.uuids())
def test_credential_is_read_back_whole(prefix: str, establishment_id: UUID, id_: UUID):
    text, digest = new_credential(prefix, establishment_id, id_)
    credential = read_credential(text)
    assert (credential.kind, credential.establishment_id, credential.id) == (PREFIXES[prefix], establishment_id, id_)
    assert secret_hash(credential.secret) == digest


@pytest.mark.parametrize("establishment_id", ODD_IDS)
@pytest.mark.parametrize("id_", ODD_IDS)
def test_credential_of_the_smallest_and_largest_ids_has_the_same_shape(establishment_id: UUID, id_: UUID):
    text, _ = new_credential("pvs_live", establishment_id, id_)
    assert SHAPE.match(text)
    assert (read_credential(text).establishment_id, read_credential(text).id) == (establishment_id, id_)


def test_secret_uses_every_letter_of_the_alphabet_and_no_other():
    secrets = [read_credential(new_credential("pvs_live", uuid4(), uuid4())[0]).secret for _ in range(300)]
    assert set("".join(secrets)) == set(ALPHABET)
    assert {len(secret) for secret in secrets} == {SECRET_LENGTH}
    assert len(set(secrets)) == 300


def test_only_the_hash_is_kept():
    text, digest = new_credential("pvs_live", uuid4(), uuid4())
    assert len(digest) == 32
    assert digest.hex() not in text


@given(st.data())
def test_any_one_changed_character_is_refused(data: st.DataObject):
    text, digest = new_credential(data.draw(st.sampled_from(sorted(PREFIXES))), uuid4(), uuid4())
    index = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from(sorted(set(ALPHABET + "_- é") - {text[index]})))
    with pytest.raises(Unauthenticated):
        read_credential(text[:index] + letter + text[index + 1 :])
    assert secret_hash(read_credential(text).secret) == digest


@given(st.data())
def test_missing_or_doubled_or_swapped_characters_are_refused(data: st.DataObject):
    text, _ = new_credential("pvs_live", uuid4(), uuid4())
    index = data.draw(st.integers(0, len(text) - 2))
    first, second = text[index], text[index + 1]
    spoilt = [text[:index] + text[index + 1 :], text[:index] + first + text[index:]]
    if first != second:
        spoilt.append(text[:index] + second + first + text[index + 2 :])
    for one in spoilt:
        with pytest.raises(Unauthenticated):
            read_credential(one)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "____",
        "pvs_live",
        "pvs_live___",
        "pvo",
        "pvo_",
        "pvo_é_00",
        "pvo_" + "z" * 43 + "_" + "0" * 32,
        "Bearer pvs_live_1_2_3",
        "sk_live_" + "0" * 43,
        "pvs_live_" + "0" * 43 + "_" + "0" * 32 + "_AAAAAAA",
        "pvs_live_" + "0" * 43 + "_" + "0" * 32 + "_" + "A" * 100_000,
        "\x00",
        "🎫",
        "\ud800",
    ],
)
def test_text_that_is_no_credential_is_refused(text: str):
    with pytest.raises(Unauthenticated):
        read_credential(text)


@given(st.text(max_size=120))
def test_any_text_is_read_or_refused(text: str):
    with suppress(Unauthenticated):
        read_credential(text)


def test_prefix_of_another_kind_needs_another_checksum():
    text, _ = new_credential("pvd_live", uuid4(), uuid4())
    for prefix in ("pvs_live", "pvs_test", "pvd_test", "pvx_live"):
        with pytest.raises(Unauthenticated):
            read_credential(prefix + text[len(prefix) :])


@given(st.uuids(), st.uuids())
def test_order_token_comes_out_the_same_and_names_its_order(establishment_id: UUID, order_id: UUID):
    token = order_token(SECRET, establishment_id, order_id)
    assert token == order_token(SECRET, establishment_id, order_id)
    credential = read_credential(token)
    assert (credential.kind, credential.establishment_id, credential.id) == ("order", establishment_id, order_id)


def test_order_token_depends_on_everything_it_is_made_of():
    establishment_id, order_id = uuid4(), uuid4()
    tokens = {
        order_token(SECRET, establishment_id, order_id),
        order_token(b"x" * 32, establishment_id, order_id),
        order_token(SECRET, uuid4(), order_id),
        order_token(SECRET, establishment_id, uuid4()),
        order_token(SECRET, order_id, establishment_id),
    }
    assert len({token.rsplit("_", 1)[1] for token in tokens}) == 5


def test_order_token_has_no_checksum_because_it_is_compared_whole():
    padded = order_token(SECRET, INSTANCE, INSTANCE).replace("_0", "_" + "0" * 5000)
    credential = read_credential(padded)
    assert (credential.establishment_id, credential.id) == (INSTANCE, INSTANCE)
    assert order_token(SECRET, credential.establishment_id, credential.id) != padded


def test_order_token_is_known_for_ever():
    # It stands in mails that were sent: another derivation would lock their readers out.
    token = order_token(SECRET, UUID(int=1), UUID(int=2))
    assert token == "pvo_0000000000000000000007n42DGM5Tflk9n8mt7FhcA_504d6f45d852ba074d38b28edf253cd4"
