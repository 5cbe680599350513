"""What config.json, tokenizers and adapters say: values of every wrong type and size, met by the mapping."""

import json
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hostile.kinds import Kind, Make
from hostile.materials import base, donor, sparse

MB = 1 << 20
WRONG: dict[str, Any] = {
    "null": None,
    "true": True,
    "text": "many",
    "a negative": -1,
    "zero": 0,
    "half": 0.5,
    "2^70": 2**70,
    "300 digits": int("9" * 300),
    "1e400": float("inf"),
    "NaN": float("nan"),
    "a list": [1, 2],
    "a table": {"a": 1},
    "a long text": "a" * MB,
    "escapes": "\x1b[31m\x07\x9b",
    "a half character": "\ud800",
}
# Where in config.json they stand: the top, or the language model's part.
KEYS = (
    ("model_type",),
    ("architectures",),
    ("text_config",),
    ("text_config", "num_attention_heads"),
    ("text_config", "num_key_value_heads"),
    ("text_config", "hidden_size"),
    ("text_config", "rope_theta"),
    ("text_config", "rope_parameters"),
    ("text_config", "rms_norm_eps"),
    ("text_config", "sliding_window"),
    ("text_config", "hidden_act"),
    ("text_config", "vocab_size"),
    ("text_config", "num_hidden_layers"),
    ("tie_word_embeddings",),
    ("quantization_config",),
    ("torch_dtype",),
    ("auto_map",),
    ("transformers_weights",),
)


def _with_value(keys: tuple[str, ...], value: Any) -> Make:
    def make(folder: Path) -> Sequence[object]:
        models = base(folder), donor(folder)
        file = models[0] / "config.json"
        config = json.loads(file.read_text())
        place = config
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
        file.write_text(json.dumps(config))
        return ("map", *models)

    return make


def _deep_config(depth: int) -> Make:
    def make(folder: Path) -> Sequence[object]:
        model = base(folder)
        (model / "config.json").write_text('{"text_config": ' * depth + "{}" + "}" * depth)
        return ("inspect", model)

    return make


def _tokenizer(document: Any) -> Make:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()

    def make(folder: Path) -> Sequence[object]:
        models = base(folder), donor(folder)
        (models[0] / "tokenizer.json").write_bytes(raw)
        return ("map", *models)

    return make


def _vocabulary(vocab: Any, added: Any = ()) -> Make:
    return _tokenizer({"model": {"type": "BPE", "vocab": vocab, "merges": []}, "added_tokens": added})


TOKENIZERS: dict[str, Make] = {
    "no model": _tokenizer({}),
    "a model that is a list": _tokenizer({"model": []}),
    "a vocabulary of nothing": _vocabulary({}),
    "a vocabulary that is a number": _vocabulary(1),
    "rows of text": _vocabulary({"a": "1"}),
    "rows below zero": _vocabulary({"a": -1}),
    "rows of true": _vocabulary({"a": True}),
    "rows of 2^62": _vocabulary({"a": 2**62}),
    "rows of 300 digits": _vocabulary({"a": int("9" * 300)}),
    "rows of 5,000 digits": _tokenizer(b'{"model":{"vocab":{"a":' + b"9" * 5000 + b"}}}"),
    "rows beyond the table": _vocabulary({f"t{n}": 10_000_000 + n for n in range(1000)}),
    "every token on one row": _vocabulary({f"t{n}": 1 for n in range(100_000)}),
    "a million tokens": _vocabulary({f"t{n}": n for n in range(1_000_000)}),
    "tokens of half characters": _tokenizer(b'{"model":{"vocab":{"\\ud800":1,"\\udfff":2}}}'),
    "a token of ten megabytes": _vocabulary({"a" * (10 * MB): 1}),
    "tokens with escapes": _vocabulary({"\x1b[31m": 1}),
    "a Unigram of numbers": _vocabulary([1, 2, 3]),
    "a Unigram of empty lists": _vocabulary([[], []]),
    "a Unigram of two million": _vocabulary([["a", 0]] * 2_000_000),
    "added tokens that are a table": _vocabulary({"a": 0}, {"b": 1}),
    "added tokens that are numbers": _vocabulary({"a": 0}, [1, 2]),
    "added tokens without text": _vocabulary({"a": 0}, [{"id": 1}]),
    "added tokens without a row": _vocabulary({"a": 0}, [{"content": "b"}]),
    "added tokens of 2^62": _vocabulary({"a": 0}, [{"content": "b", "id": 2**62}]),
    "no tokens in common": _vocabulary({f"\u4e00{n}": n for n in range(100)}),
}
TOKENIZERS_ODD = (
    "a vocabulary of nothing",
    "rows beyond the table",
    "every token on one row",
    "a million tokens",
    "tokens of half characters",
    "a token of ten megabytes",
    "tokens with escapes",
    "a Unigram of two million",
    "no tokens in common",
    "rows of 2^62",
)


def _beside(name: str, raw: bytes | Callable[[], bytes], *, alone: bool = False) -> Make:
    """A file of a tokenizer in one of its older forms; `alone`: in place of tokenizer.json."""

    def make(folder: Path) -> Sequence[object]:
        models = base(folder), donor(folder)
        if alone:
            (models[0] / "tokenizer.json").unlink()
        (models[0] / name).write_bytes(raw() if callable(raw) else raw)
        return ("map", *models)

    return make


def _piece(text: bytes) -> bytes:
    return b"\x0a" + bytes([len(text) + 2]) + b"\x0a" + bytes([len(text)]) + text


OLDER: dict[str, Make] = {
    "a decoder of text": _beside(
        "tokenizer_config.json", b'{"added_tokens_decoder": {"x": {"content": "a"}}}'
    ),
    "a decoder of 5,000 digits": _beside(
        "tokenizer_config.json", b'{"added_tokens_decoder": {"' + b"9" * 5000 + b'": {"content": "a"}}}'
    ),
    "a decoder of odd digits": _beside(
        "tokenizer_config.json", '{"added_tokens_decoder": {"²": {"content": "a"}}}'.encode()
    ),
    "a decoder that is a list": _beside("tokenizer_config.json", b'{"added_tokens_decoder": [1]}'),
    "a decoder of numbers": _beside("tokenizer_config.json", b'{"added_tokens_decoder": {"1": 2}}'),
    "added tokens of text": _beside("added_tokens.json", b'{"a": "1"}'),
    "added tokens of half": _beside("added_tokens.json", b'{"a": 0.5}'),
    "sentences without pieces": _beside("tokenizer.model", b"", alone=True),
    "sentences cut off": _beside("tokenizer.model", b"\x0a\xff", alone=True),
    "sentences of a number too long": _beside("tokenizer.model", b"\xff" * 11, alone=True),
    "sentences of another kind": _beside("tokenizer.model", b"\x0b\x0b", alone=True),
    "sentences not UTF-8": _beside("tokenizer.model", _piece(b"\xff\xfe"), alone=True),
    "sentences beyond the end": _beside("tokenizer.model", b"\x0a\xff\xff\xff\xff\x07a", alone=True),
    "twenty million pieces": _beside("tokenizer.model", lambda: b"\x0a\x00" * 20_000_000, alone=True),
    "a hundred megabytes of numbers": _beside(
        "tokenizer.model", lambda: b"\x08\x01" * 50_000_000, alone=True
    ),
    "a pickle for a model": _beside("tokenizer.model", b"\x80\x02cos\nsystem\n.", alone=True),
}


def _sparse_model(folder: Path) -> Sequence[object]:
    models = base(folder), donor(folder)
    (models[0] / "tokenizer.json").unlink()
    sparse(models[0] / "tokenizer.model", 40 << 30, b"\x0a\x00")
    return ("map", *models)


def _adapter(tensors: Any = None, **config: Any) -> Make:
    """A LoRA adapter for the shipped base, of one module, with other settings."""

    def make(folder: Path) -> Sequence[object]:
        model, adapter = base(folder), folder / "adapter"
        adapter.mkdir()
        raw = (model / "model.safetensors").read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        name, about = next(
            (name, about)
            for name, about in json.loads(raw[8 : 8 + length]).items()
            if name.endswith("q_proj.weight")
        )
        rows, columns = about["shape"]
        module = "base_model.model." + name.removesuffix(".weight")
        sizes = {f"{module}.lora_A.weight": (4, columns), f"{module}.lora_B.weight": (rows, 4)}
        place, entries = 0, {}
        for key, shape in (tensors(sizes) if tensors else sizes).items():
            count = 4 * shape[0] * shape[1] if len(shape) == 2 else 4 * shape[0] if shape else 4
            entries[key] = {"dtype": "F32", "shape": list(shape), "data_offsets": [place, place + count]}
            place += count
        text = json.dumps(entries).encode()
        (adapter / "adapter_model.safetensors").write_bytes(
            struct.pack("<Q", len(text)) + text + bytes(place)
        )
        settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]} | config
        (adapter / "adapter_config.json").write_text(json.dumps(settings))
        return ("inspect", f"{model}+{adapter}")

    return make


ADAPTERS: dict[str, Make] = {
    "another kind": _adapter(peft_type="LOHA"),
    "no kind": _adapter(peft_type=None),
    "a kind that is a list": _adapter(peft_type=["LORA"]),
    **{f"a rank of {name}": _adapter(r=value) for name, value in WRONG.items()},
    **{f"an alpha of {name}": _adapter(lora_alpha=value) for name, value in WRONG.items()},
    "a rank pattern that is a list": _adapter(rank_pattern=["q_proj"]),
    "a rank pattern of text": _adapter(rank_pattern={"q_proj": "4"}),
    "a pattern that is none": _adapter(rank_pattern={"(": 4}),
    "a pattern without end": _adapter(rank_pattern={"(.*)*(.*)*(.*)*(.*)*(.*)*x": 4}),
    "a pattern of alternatives": _adapter(alpha_pattern={"(" + "(?:.|.)" * 60 + ")x": 4}),
    "a pattern of repetitions": _adapter(rank_pattern={"((((a{500}){500}){500}){500})": 4}),
    "a pattern of sets": _adapter(rank_pattern={"(?i)" + "[\\x00-\\U0010ffff]" * 3000: 4}),
    "a pattern of 100,000 brackets": _adapter(rank_pattern={"(" * 100_000 + ")" * 100_000: 4}),
    "a pattern of a megabyte": _adapter(rank_pattern={"a" * MB: 4}),
    "100,000 patterns": _adapter(rank_pattern={f"m{n}": 4 for n in range(100_000)}),
    "100,000 expressions": _adapter(rank_pattern={f"m{n}.*": 4 for n in range(100_000)}),
    "a count beyond all": _adapter(rank_pattern={"a{1,99999999999999999999}": 4}),
    "layers repeated": _adapter(layer_replication=[[0, 4]]),
    "a start that changes the model": _adapter(init_lora_weights="pissa"),
    "a start that is a table": _adapter(init_lora_weights={"a": 1}),
    "DoRA without lengths": _adapter(use_dora=True),
    "no matrices": _adapter(lambda sizes: {"base_model.model.x": (1,)}),
    "a module of no model": _adapter(lambda sizes: {f"x.{name}": size for name, size in sizes.items()}),
    "one matrix of two": _adapter(lambda sizes: dict(list(sizes.items())[:1])),
    "another rank": _adapter(lambda sizes: dict.fromkeys(sizes, (3, 3))),
    "vectors for matrices": _adapter(lambda sizes: dict.fromkeys(sizes, (4,))),
    "numbers for matrices": _adapter(lambda sizes: dict.fromkeys(sizes, ())),
    "matrices of nothing": _adapter(lambda sizes: dict.fromkeys(sizes, (0, 0))),
}
ADAPTERS_ODD = (
    "100,000 patterns",
    "a pattern of a megabyte",
    "a pattern of alternatives",
    "a pattern of repetitions",
)
# An alpha may be any number, and absent things have their defaults.
ALPHAS_ODD = ("a negative", "zero", "half", "2^70", "300 digits")


def kinds() -> Iterator[Kind]:
    yield Kind("config/SOUND", _with_value(("colour",), "red"), sound=True)
    yield Kind("adapter/SOUND", _adapter(), sound=True)
    for keys in KEYS:
        for name, value in WRONG.items():
            yield Kind(f"config/{'.'.join(keys)}: {name}", _with_value(keys, value), harmless=True)
    for depth in (100, 900, 5000):
        yield Kind(f"config/{depth} deep", _deep_config(depth), harmless=True)
    for name, make in TOKENIZERS.items():
        yield Kind(f"vocabulary/{name}", make, harmless=name in TOKENIZERS_ODD)
    for name, make in OLDER.items():
        yield Kind(f"vocabulary/{name}", make)
    yield Kind("vocabulary/sentences of 40 GB", _sparse_model)
    for name, make in ADAPTERS.items():
        odd = name in ADAPTERS_ODD or any(name == f"an alpha of {alpha}" for alpha in ALPHAS_ODD)
        yield Kind(f"adapter/{name}", make, harmless=odd)


assert shutil
