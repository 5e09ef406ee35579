"""Damaged maps: an error of ours that names the file and the place, or the right content.

Never another exception, never memory beyond what the file's size justifies.
"""

from __future__ import annotations

import gzip
import random
import tracemalloc
import warnings

import numpy as np
import pytest

import xrefl
from tests.ccp4_bytes import VALUES, map_bytes, symmetry
from xrefl.errors import FormatError, FormatWarning, XreflError

PLAIN = map_bytes()
WITH_SYMMETRY = map_bytes(
    mode=1,
    order=">",
    axes=(3, 1, 2),
    ispg=4,
    extension=symmetry("X,Y,Z", "-X,1/2+Y,-Z"),
    labels=["one", "two"],
)
MUTATIONS = 6_000


def opened(content: bytes) -> bool:
    """Return whether a file opens and all of it can be used; XreflError is the only way not to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FormatWarning)
        try:
            density = xrefl.open_ccp4(content).load()
        except XreflError as error:
            assert "<bytes>" in str(error)
            return False
    assert density.nbytes <= 4 * len(content)
    assert all(np.isfinite(density[axis]).all() for axis in "xyz")
    return True


@pytest.mark.parametrize("content", [PLAIN, WITH_SYMMETRY], ids=["plain", "symmetry"])
def test_cut_anywhere(content):
    for length in range(len(content)):
        with pytest.raises(FormatError, match=r"<bytes>: .*byte"):
            xrefl.open_ccp4(content[:length])


def _mutated(content: bytes, rng: random.Random) -> bytes:
    """Return the file with a few bytes or words changed, moved, doubled or lost."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(rng.choice([len(data), 240]))
        word = 4 * (at // 4)
        kind = rng.randrange(7)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[word : word + 4] = rng.randbytes(4)
        elif kind == 2:
            data[word : word + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\0\0\0\0"])
        elif kind == 3:
            del data[word : word + 4]
        elif kind == 4:
            data[word:word] = data[word : word + 4]
        elif kind == 5:
            other = 4 * rng.randrange(60)
            data[word : word + 4] = data[other : other + 4]
        elif rng.random() < 0.2:
            del data[at:]
        if len(data) < 240:
            break
    return bytes(data)


@pytest.mark.parametrize("content", [PLAIN, WITH_SYMMETRY], ids=["plain", "symmetry"])
def test_mutated_files(content):
    rng = random.Random(2)
    outcomes = [opened(_mutated(content, rng)) for _ in range(MUTATIONS // 2)]
    assert 0.1 < np.mean(outcomes) < 0.9  # both ways are tried


def test_mutated_gzip():
    packed = gzip.compress(PLAIN)
    rng = random.Random(3)
    assert not all(opened(_mutated(packed, rng)) for _ in range(300))


def test_no_memory_for_what_is_not_there():
    content = map_bytes(words={1: 2_000_000_000, 2: 1, 3: 1})
    tracemalloc.start()
    with pytest.raises(FormatError, match="would end at byte 8000001024, but the file has"):
        xrefl.open_ccp4(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a CCP4 or MRC map"),
        (b"MTZ " * 100, "not a CCP4 or MRC map: bytes 208 to 211 are b'MTZ '"),
        (PLAIN[:500], "ends within the header, at byte 500"),
        (map_bytes(words={1: 0}), r"\(0, 3, 4\) columns.*word 1 of the header, at byte 0"),
        (map_bytes(words={3: 5}), "2 x 3 x 5 points of 4 bytes.*would end at byte 1144"),
        (map_bytes(words={4: 4}), "mode 4: complex 32-bit floats cannot be read"),
        (map_bytes(words={4: 77}), "mode 77 cannot be read.*at byte 12"),
        (map_bytes(words={8: -2}), "intervals.*at byte 28"),
        (map_bytes(words={11: -20.0}), "lengths must be positive.*at byte 40"),
        (map_bytes(words={14: float("inf")}), "finite number, not inf"),
        (map_bytes(words={18: 1}), r"order of axes is \(1, 1, 3\).*at byte 64"),
        (map_bytes(words={23: 777}), "no space group 777"),
        (map_bytes(words={23: -1}), "no space group -1"),
        (map_bytes(words={23: 401}), "stack of several maps"),
        (map_bytes(words={24: -80}), "extended header has -80 bytes.*at byte 92"),
        (map_bytes(words={24: 80}), "would end at byte 1200, but the file has 1120"),
    ],
)
def test_what_is_wrong_is_named(content, message):
    with pytest.raises(FormatError, match=message) as caught:
        xrefl.open_ccp4(content)
    assert "<bytes>" in str(caught.value)


def test_file_is_named(tmp_path):
    path = tmp_path / "cut.ccp4"
    path.write_bytes(PLAIN[:-1])
    with pytest.raises(FormatError, match=r"cut\.ccp4: .* has 1119 bytes"):
        xrefl.open_ccp4(path)
    path.write_bytes(PLAIN)
    density = xrefl.open_ccp4(path)
    assert np.array_equal(density, VALUES)
