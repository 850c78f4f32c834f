"""Bytes as accidents leave them: flipped, cut off, overwritten, doubled, in another order."""

import random


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Return the bytes after one to three accidents."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        draw.choice(ACCIDENTS)(changed, draw)
    return bytes(changed)


def _span(data: bytearray, draw: random.Random) -> slice:
    begin = draw.randrange(len(data) + 1)
    return slice(begin, begin + draw.choice((1, 2, 4, 8, 16, 100)))


def _flip_a_bit(data: bytearray, draw: random.Random) -> None:
    if data:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def _set_a_byte(data: bytearray, draw: random.Random) -> None:
    if data:
        data[draw.randrange(len(data))] = draw.choice((0, 10, 34, 44, 45, 57, 127, 128, 255))


def _cut_off(data: bytearray, draw: random.Random) -> None:
    del data[draw.randrange(len(data) + 1) :]


def _leave_out(data: bytearray, draw: random.Random) -> None:
    del data[_span(data, draw)]


def _double(data: bytearray, draw: random.Random) -> None:
    span = _span(data, draw)
    data[span.start : span.start] = data[span]


def _move(data: bytearray, draw: random.Random) -> None:
    span = _span(data, draw)
    piece = data[span]
    del data[span]
    place = draw.randrange(len(data) + 1)
    data[place:place] = piece


def _overwrite(data: bytearray, draw: random.Random) -> None:
    span = _span(data, draw)
    data[span] = draw.randbytes(len(data[span]))


def _zero(data: bytearray, draw: random.Random) -> None:
    span = _span(data, draw)
    data[span] = bytes(len(data[span]))


def _insert(data: bytearray, draw: random.Random) -> None:
    place = draw.randrange(len(data) + 1)
    data[place:place] = draw.choice(
        (b"\xff", b"\xef\xbb\xbf", b"\n", b'"', b",", b"-", b"\0", b"9")
    )


ACCIDENTS = (
    _flip_a_bit,
    _set_a_byte,
    _cut_off,
    _leave_out,
    _double,
    _move,
    _overwrite,
    _zero,
    _insert,
)
