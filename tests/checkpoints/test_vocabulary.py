"""Token strings and their rows, out of each kind of tokenizer file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE, Unigram, WordLevel

from adamms.checkpoints import Checkpoint
from adamms.errors import CheckpointError


def vocabulary(folder: Path) -> dict[str, int] | None:
    with Checkpoint.open(folder) as checkpoint:
        return checkpoint.vocabulary()


def write(folder: Path, name: str, value: Any) -> None:
    (folder / name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def test_without_a_tokenizer_there_is_none(single: Path) -> None:
    assert vocabulary(single) is None
    write(single, "tokenizer_config.json", {"model_max_length": 10})
    assert vocabulary(single) is None


@pytest.mark.parametrize(
    "model",
    [
        BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]),
        WordLevel({"a": 0, "b": 1, "ab": 2}, unk_token="a"),
        Unigram([("a", 0.0), ("b", -1.0), ("ab", -2.0)], 0),
    ],
    ids=["BPE", "WordLevel", "Unigram"],
)
def test_tokenizer_json_reads_as_the_tokenizers_library_reads_it(single: Path, model: Any) -> None:
    tokenizer = Tokenizer(model)
    tokenizer.add_special_tokens([AddedToken("<|image_pad|>", special=True)])
    tokenizer.add_tokens(["b", "né"])
    tokenizer.save(str(single / "tokenizer.json"))
    assert vocabulary(single) == tokenizer.get_vocab(with_added_tokens=True)


def test_vocab_json_with_added_tokens_beside_it(single: Path) -> None:
    write(single, "vocab.json", {"a": 0, "Ġb": 1})
    write(single, "added_tokens.json", {"<x>": 3})
    write(
        single,
        "tokenizer_config.json",
        {"added_tokens_decoder": {"4": {"content": "<y>", "special": True}, "3": {"content": "<x>"}}},
    )
    assert vocabulary(single) == {"a": 0, "Ġb": 1, "<x>": 3, "<y>": 4}


def test_tokenizer_json_comes_before_vocab_json(single: Path) -> None:
    write(single, "vocab.json", {"old": 0})
    write(single, "tokenizer.json", {"model": {"vocab": {"new": 0}}, "added_tokens": []})
    assert vocabulary(single) == {"new": 0}


def test_a_sentencepiece_model_needs_no_package(single: Path) -> None:
    # Field 1, a message of length n: {field 1: string, field 2: float score, field 3: type}.
    pieces = ["<unk>", "<0x0A>", "▁the", "né"]
    message = b""
    for piece in pieces:
        text = piece.encode()
        inner = b"\x0a" + bytes([len(text)]) + text + b"\x15\0\0\x80\xbf" + b"\x18\x02"
        message += b"\x0a" + bytes([len(inner)]) + inner
    trainer = b"\x12\x03\x50\x80\x01"
    (single / "tokenizer.model").write_bytes(message + trainer)
    write(single, "added_tokens.json", {"<image>": 4})
    assert vocabulary(single) == {"<unk>": 0, "<0x0A>": 1, "▁the": 2, "né": 3, "<image>": 4}


def test_a_sentencepiece_model_reads_as_its_own_library_reads_it(single: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    with (single / "tokenizer.model").open("wb") as model:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["the cat sat on the mat", "né là"] * 20),
            model_writer=model,
            vocab_size=300,
            hard_vocab_limit=False,
            byte_fallback=True,
            minloglevel=2,
        )
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(single / "tokenizer.model"))
    assert vocabulary(single) == {theirs.id_to_piece(row): row for row in range(len(theirs))}


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: (folder / "tokenizer.json").write_text("{"),
        lambda folder: write(folder, "tokenizer.json", {}),
        lambda folder: write(folder, "tokenizer.json", {"model": {"vocab": 3}}),
        lambda folder: write(folder, "tokenizer.json", {"model": {"vocab": {"a": "0"}}}),
        lambda folder: write(folder, "tokenizer.json", {"model": {"vocab": {"a": -1}}}),
        lambda folder: write(folder, "tokenizer.json", {"model": {"vocab": [[]]}}),
        lambda folder: write(folder, "tokenizer.json", {"model": {"vocab": [[["x"], 0]]}}),
        lambda folder: write(folder, "tokenizer.json", {"model": {"vocab": {}}, "added_tokens": [3]}),
        lambda folder: write(folder, "tokenizer.json", {"model": {"vocab": {}}, "added_tokens": [{"id": 1}]}),
        lambda folder: (folder / "tokenizer.model").write_bytes(b""),
        lambda folder: (folder / "tokenizer.model").write_bytes(b"not a model"),
        lambda folder: (folder / "tokenizer.model").write_bytes(b"\x0a\x7f\x0a\x01a"),
        lambda folder: (folder / "tokenizer.model").write_bytes(b"\x0a\x03\x0a\x01\xff"),
        lambda folder: write(folder, "vocab.json", ["a"]),
        lambda folder: write(folder, "vocab.json", {"a": None}),
        lambda folder: (
            write(folder, "vocab.json", {}),
            write(folder, "tokenizer_config.json", {"added_tokens_decoder": {"x": "<y>"}}),
        ),
    ],
)
def test_malformed_tokenizer_files_are_told(single: Path, make: Callable[[Path], Any]) -> None:
    make(single)
    with pytest.raises(CheckpointError, match=r"(not valid JSON|not a JSON object|does not list tokens)"):
        vocabulary(single)
