import pytest

from services.kit.sealing import SealBroken, Sealer

SECRET = bytes(range(32))


def test_open_returns_what_was_sealed() -> None:
    sealer = Sealer(SECRET)
    assert sealer.open(sealer.seal(b"plain", b"row 1"), b"row 1") == b"plain"


def test_open_works_after_a_restart_with_the_same_secret() -> None:
    assert Sealer(SECRET).open(Sealer(SECRET).seal(b"", b""), b"") == b""


def test_seal_never_gives_the_same_bytes_twice() -> None:
    sealer = Sealer(SECRET)
    assert len({sealer.seal(b"plain", b"row 1") for _ in range(100)}) == 100


def test_sealed_value_opens_only_in_its_own_context() -> None:
    sealer = Sealer(SECRET)
    sealed = sealer.seal(b"plain", b"row 1")
    for context in (b"", b"row 2", b"row 1 "):
        with pytest.raises(SealBroken):
            sealer.open(sealed, context)


def test_sealed_value_does_not_open_under_another_secret() -> None:
    sealed = Sealer(SECRET).seal(b"plain", b"row 1")
    with pytest.raises(SealBroken):
        Sealer(SECRET[::-1]).open(sealed, b"row 1")


def test_every_flipped_bit_and_every_cut_is_noticed() -> None:
    sealer = Sealer(SECRET)
    sealed = sealer.seal(b"plain", b"row 1")
    flipped = [
        sealed[:index] + bytes([sealed[index] ^ (1 << bit)]) + sealed[index + 1 :]
        for index in range(len(sealed))
        for bit in range(8)
    ]
    cut = [sealed[:length] for length in range(len(sealed))]
    for broken in [*flipped, *cut, sealed + b"\x00"]:
        with pytest.raises(SealBroken):
            sealer.open(broken, b"row 1")


def test_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        Sealer(SECRET[:31])
