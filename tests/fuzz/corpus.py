"""Seeds: small sound documents of every kind, and what was once found."""

import io
import json
import pickle
import zipfile

import torch

HEADER = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()


def _torch(value: object, **options: bool) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def _zipped(stream: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", stream)
    return file.getvalue()


CORPUS: dict[str, tuple[bytes, ...]] = {
    "header": (len(HEADER).to_bytes(8, "little") + HEADER + bytes(8), b"", bytes(9)),
    "pickle": (
        _torch({"a": torch.ones(2, 3)}),
        _torch({"a": torch.ones(2, 3)}, _use_new_zipfile_serialization=False),
        _zipped(pickle.dumps({"a": 1})),
        _zipped(b"\x80\x02]q\0h\0a."),
        pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps([], 2) * 3,
    ),
    "config": (
        b'{"text_config": {"rope_theta": 1e6, "num_attention_heads": 4}, "architectures": ["A"]}',
        b'{"rope_theta": ' + b"9" * 300 + b', "rope_scaling": {"factor": ' + b"9" * 300 + b"}}",
        b'{"architectures": true, "model_type": []}',
    ),
    "adapter": (
        b'{"peft_type": "LORA", "r": 4, "rank_pattern": {"b": 2}}',
        b'{"peft_type": "LORA", "r": 1e999}',
        b'{"peft_type": "LORA", "lora_alpha": ' + b"9" * 300 + b"}",
        b'{"peft_type": "LORA", "init_lora_weights": {}}',
    ),
    "mapping": (
        b'{"base": "a", "donor": "b", "tensors": {"t": {"status": "merged", "reason": "", "segments": [{"donor": "u"}]}}}',
        b"[]",
    ),
    "selection": (
        b'{"rule": "sum", "metric": "exact", "samples": 1, "seed": 0, "candidates": [], "selected": 0.1, "tied": []}',
    ),
    "line": (b'{"id": "1", "alpha": 0.1, "response": "a"}', b"\xef\xbb\xbf{}"),
    "recipe": (
        b"base: a\ndonor: b\nmerge: {alpha: 0.1}\n",
        b"base: &a [*a]\n",
        b"merge_method: linear\nmodels:\n- model: a\n  parameters: {weight: 1}\n",
        b"a: 1:59:59\n",
        b"? [a]\n: b\n",
    ),
    "tokenizer": (
        b'{"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": "b", "id": 1}]}',
        b'{"model": {"vocab": [["a", 0]]}}',
        b'{"model": {"vocab": [[]]}}',
    ),
    "sentencepiece": (b"\x0a\x03\x0a\x01a", b"\x0a\xff"),
}
