"""A tokenizer's vocabulary: which token string each row of the embedding stands for.

Read from the tokenizer's files as data, without transformers: `tokenizer.json`; or `vocab.json` with the
added tokens beside it; or a SentencePiece `tokenizer.model`. Only strings and rows matter here, so nothing
is ever tokenized. It does not know how many rows an embedding has.
"""

from typing import TYPE_CHECKING, Any

from adamms.checkpoints.limits import TOKENIZER as TOKENIZER_BYTES
from adamms.checkpoints.weight_files import parse_json_object
from adamms.errors import CheckpointError

if TYPE_CHECKING:
    from adamms.checkpoints.model_files import ModelFiles

TOKENIZER = "tokenizer.json"
VOCABULARY = "vocab.json"
SENTENCEPIECE = "tokenizer.model"
ADDED = "added_tokens.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
MOST_DIGITS = 10
MOST_ROWS = 10**MOST_DIGITS


def read_vocabulary(files: "ModelFiles") -> dict[str, int] | None:
    """The token strings with their rows, added tokens included; None if there is no tokenizer to read.

    Raises:
        CheckpointError: a tokenizer file is malformed.
    """
    if files.has(TOKENIZER):
        vocabulary = _from_tokenizer_json(files)
    elif files.has(VOCABULARY):
        vocabulary = _rows(_json(files, VOCABULARY), VOCABULARY, files=files)
    elif files.has(SENTENCEPIECE):
        vocabulary = _from_sentencepiece(files)
    else:
        return None
    return vocabulary | _added(files)


def _from_tokenizer_json(files: "ModelFiles") -> dict[str, int]:
    document = _json(files, TOKENIZER)
    model = document.get("model")
    listed = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(listed, list):
        # Unigram: a list of (token, score), the row is the position.
        pairs = {_text(entry): row for row, entry in enumerate(listed)}
        vocabulary = _rows(pairs, TOKENIZER, files=files)
    elif isinstance(listed, dict):
        vocabulary = _rows(listed, TOKENIZER, files=files)
    else:
        raise _malformed(TOKENIZER, files)
    added = document.get("added_tokens") or []
    if not isinstance(added, list) or not all(isinstance(token, dict) for token in added):
        raise _malformed(TOKENIZER, files)
    return vocabulary | _rows({_text(token): token.get("id") for token in added}, TOKENIZER, files=files)


def _from_sentencepiece(files: "ModelFiles") -> dict[str, int]:
    try:
        # Late: few models have nothing else.
        from adamms.checkpoints.sentencepiece_model import read_pieces

        pieces = read_pieces(files.contents(SENTENCEPIECE, limit=TOKENIZER_BYTES))
    except ValueError:
        raise _malformed(SENTENCEPIECE, files) from None
    return {piece: row for row, piece in enumerate(pieces)}


def _added(files: "ModelFiles") -> dict[str, int]:
    """Added tokens that lie beside the tokenizer's own file, in the older places for them."""
    added: dict[str, int] = {}
    if files.has(ADDED):
        added |= _rows(_json(files, ADDED), ADDED, files=files)
    if files.has(TOKENIZER_CONFIG):
        decoder = _json(files, TOKENIZER_CONFIG).get("added_tokens_decoder") or {}
        if not isinstance(decoder, dict) or not all(_is_row(row) for row in decoder):
            raise _malformed(TOKENIZER_CONFIG, files)
        pairs = {_text(token): int(row) for row, token in decoder.items()}
        added |= _rows(pairs, TOKENIZER_CONFIG, files=files)
    return added


def _json(files: "ModelFiles", name: str) -> dict[str, Any]:
    return parse_json_object(files.contents(name, limit=TOKENIZER_BYTES), what=f"{name} in {files.source}")


def _text(token: object) -> str | None:
    """A token's string in any of its spellings: "x", {"content": "x"}, ["x", score]."""
    if isinstance(token, dict):
        token = token.get("content")
    elif isinstance(token, list) and token:
        token = token[0]
    return token if isinstance(token, str) else None


def _is_row(digits: str) -> bool:
    return digits.isdecimal() and len(digits) < MOST_DIGITS


def _rows(pairs: dict[Any, Any], name: str, *, files: "ModelFiles") -> dict[str, int]:
    if not all(
        isinstance(token, str) and type(row) is int and 0 <= row < MOST_ROWS for token, row in pairs.items()
    ):
        raise _malformed(name, files)
    return pairs


def _malformed(name: str, files: "ModelFiles") -> CheckpointError:
    return CheckpointError(
        f"{name} in {files.source} does not list tokens and their rows; fetch the tokenizer again."
    )
