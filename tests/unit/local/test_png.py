"""Pictures with 256 colours: what is in them, and that programs that read PNGs would read them."""

import struct
import zlib

import numpy as np

from soh.local import png


def chunks(picture):
    """Name and content of every part, with its checksum verified."""
    assert picture.startswith(png.SIGNATURE)
    place = len(png.SIGNATURE)
    while place < len(picture):
        (length,) = struct.unpack_from(">I", picture, place)
        named = picture[place + 4 : place + 8 + length]
        assert struct.unpack_from(">I", picture, place + 8 + length) == (zlib.crc32(named),)
        yield named[:4], named[4:]
        place += 12 + length


def decoded(picture):
    """The picture as it would be shown."""
    parts = dict(chunks(picture))
    width, height = struct.unpack_from(">II", parts[b"IHDR"])
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), dtype=np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    return np.frombuffer(parts[b"PLTE"], dtype=np.uint8).reshape(-1, 3)[rows[:, 1:]]


def test_a_picture_of_few_colours_is_the_same_afterwards():
    rgb = np.zeros((3, 5, 3), dtype=np.uint8)
    rgb[1, 2] = (255, 0, 0)
    rgb[2, 4] = (1, 2, 3)
    assert (decoded(png.encode(rgb)) == rgb).all()


def test_the_most_frequent_colours_stay_and_a_rare_one_becomes_its_neighbour():
    rgb = np.repeat(np.arange(256, dtype=np.uint8), 2 * 3).reshape(2, 256, 3)
    rgb = np.concatenate([rgb, np.array([[[10, 10, 11]] * 256], dtype=np.uint8)])
    rgb[2, 1:] = 255
    shown = decoded(png.encode(rgb))
    assert (shown[:2] == rgb[:2]).all()
    assert shown[2, 0].tolist() == [10, 10, 10]


def test_the_parts_stand_in_the_order_that_the_format_asks_for():
    assert [name for name, _ in chunks(png.encode(np.zeros((1, 1, 3), dtype=np.uint8)))] == [
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
    ]
