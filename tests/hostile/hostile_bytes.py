"""Damage to the bytes of a file, whatever it holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Damage = Callable[[np.random.Generator, bytearray], bytearray]
# signatures of what HDF5 is made of: a change near one of them changes the structure
MARKS = (b"TREE", b"HEAP", b"SNOD", b"GCOL", b"OHDR", b"FRHP", b"BTHD", b"\x89HDF")
ODD = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\x01")


def flipped(rng: np.random.Generator, raw: bytearray) -> bytearray:
    for at in rng.integers(0, len(raw), int(rng.integers(1, 20))):
        raw[at] ^= 1 << int(rng.integers(8))
    return raw


def overwritten(rng: np.random.Generator, raw: bytearray) -> bytearray:
    """The head of the file holds most of its structure."""
    reach = len(raw) if rng.random() < 0.4 else min(len(raw), 4000)
    for at in rng.integers(0, reach, int(rng.integers(1, 40))):
        raw[at] = int(rng.integers(256))
    return raw


def cut(rng: np.random.Generator, raw: bytearray) -> bytearray:
    return raw[: int(rng.integers(len(raw)))]


def inserted(rng: np.random.Generator, raw: bytearray) -> bytearray:
    at = int(rng.integers(len(raw)))
    raw[at:at] = rng.bytes(int(rng.integers(1, 600)))
    return raw


def removed(rng: np.random.Generator, raw: bytearray) -> bytearray:
    at = int(rng.integers(len(raw)))
    del raw[at : at + int(rng.integers(1, 600))]
    return raw


def repeated(rng: np.random.Generator, raw: bytearray) -> bytearray:
    """A block over another one, or behind it."""
    size, a, b = int(rng.integers(8, 2000)), int(rng.integers(len(raw))), int(rng.integers(len(raw)))
    block = raw[a : a + size]
    raw[b : b + (len(block) if rng.random() < 0.7 else 0)] = block
    return raw


def near_a_mark(rng: np.random.Generator, raw: bytearray) -> bytearray:
    """Lengths, counts and addresses behind a signature become extreme."""
    places = [at for mark in MARKS if (at := raw.find(mark, int(rng.integers(len(raw))))) >= 0]
    if not places:
        return flipped(rng, raw)
    at = places[int(rng.integers(len(places)))] + int(rng.integers(4, 200))
    size = int(rng.choice([1, 2, 4, 8]))
    raw[at : at + size] = ODD[int(rng.integers(len(ODD)))] * size
    return raw


def words_exchanged(rng: np.random.Generator, raw: bytearray) -> bytearray:
    """Two aligned words of eight bytes, which addresses are."""
    a, b = (8 * int(n) for n in rng.integers(0, max(len(raw) // 8 - 1, 1), 2))
    raw[a : a + 8], raw[b : b + 8] = raw[b : b + 8], raw[a : a + 8]
    return raw


def address_elsewhere(rng: np.random.Generator, raw: bytearray) -> bytearray:
    """A word that could be an address within the file points to another place in it."""
    words = np.frombuffer(bytes(raw[: len(raw) // 8 * 8]), "<u8")
    places = np.flatnonzero((words > 0) & (words < len(raw)))
    if len(places):
        at = 8 * int(rng.choice(places))
        raw[at : at + 8] = (8 * int(rng.integers(len(raw) // 8))).to_bytes(8, "little")
    return raw


def noise(rng: np.random.Generator, raw: bytearray) -> bytearray:
    head = raw[: int(rng.integers(0, 600))]
    return bytearray(head + rng.bytes(int(rng.integers(0, 3000))))


DAMAGES: tuple[Damage, ...] = (
    flipped,
    overwritten,
    cut,
    inserted,
    removed,
    repeated,
    near_a_mark,
    words_exchanged,
    address_elsewhere,
    noise,
)
