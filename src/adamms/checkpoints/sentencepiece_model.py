"""The pieces of a SentencePiece `tokenizer.model`, read without the sentencepiece package.

Such a file is a protocol-buffer message whose field 1 repeats, a piece a time, in the order of the rows; in
each piece, field 1 is its string. Everything else in it (scores, normalisation) is skipped.
"""

from collections.abc import Iterator

from adamms.checkpoints.limits import SENTENCEPIECE_FIELDS

PIECES = 1
STRING = 1

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def read_pieces(message: bytes) -> list[str]:
    """The piece of every row.

    Raises:
        ValueError: it is not such a message, or has no pieces.
    """
    pieces = []
    left = iter(range(SENTENCEPIECE_FIELDS))
    for field, value in _fields(memoryview(message), left):
        if field == PIECES:
            strings = [bytes(text).decode("utf-8") for inner, text in _fields(value, left) if inner == STRING]
            pieces.append(strings[0] if strings else "")
    if not pieces:
        raise ValueError("no pieces")
    return pieces


def _fields(message: memoryview, left: Iterator[int]) -> Iterator[tuple[int, memoryview]]:
    """The message's fields that are strings or messages themselves, with their numbers; `left` counts all."""
    position = 0
    while position < len(message):
        if next(left, None) is None:
            raise ValueError("more fields than any vocabulary has")
        key, position = _varint(message, position)
        kind = key & 7
        if kind == VARINT:
            _, position = _varint(message, position)
            continue
        length = {FIXED64: 8, FIXED32: 4}.get(kind)
        if kind == BYTES:
            length, position = _varint(message, position)
        if length is None or position + length > len(message):
            raise ValueError("a field of no known kind or beyond the end")
        if kind == BYTES:
            yield key >> 3, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the position after it."""
    if position < len(message) and message[position] < 0x80:  # nearly all are of one byte
        return message[position], position + 1
    value = 0
    for shift in range(0, 64, 7):
        if position >= len(message):
            raise ValueError("cut off")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number too long")
