"""An adapter that trained the embeddings or the head of a tied model as a whole: two tables from then on."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from adamms.adapters import open_model
from adamms.api import merge
from adamms.mapping.inspection import inspect_checkpoint
from adapters import PREFIX, low_rank, plus, write_adapter

EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def write_tied(folder: Path, *, prefix: str = "model.", **config: Any) -> Path:
    """A tied Qwen2; under another prefix its names only."""
    torch.manual_seed(0)
    values = transformers.Qwen2Config(
        vocab_size=40,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
    )
    transformers.Qwen2ForCausalLM(values).save_pretrained(folder)
    file = folder / "model.safetensors"
    tensors = {name.replace("model.", prefix, 1): value for name, value in load_file(file).items()}
    save_file(tensors, file, metadata={"format": "pt"})
    stated = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**stated, **config}))
    return folder


def write_trained(folder: Path, *names: str) -> tuple[Path, dict[str, torch.Tensor]]:
    """An adapter that holds tables of its own and a low-rank matrix."""
    generator = torch.Generator().manual_seed(1)
    tables = {name: torch.randn(40, 16, generator=generator) for name in names}
    tensors = low_rank({"model.layers.0.self_attn.q_proj": (16, 16)})
    return write_adapter(
        folder, {**tensors, **{PREFIX + name: each for name, each in tables.items()}}
    ), tables


@pytest.mark.parametrize("trained", [(EMBED,), (HEAD,), (EMBED, HEAD)], ids=["embeddings", "head", "both"])
def test_what_was_not_trained_keeps_the_shared_values(trained: tuple[str, ...], tmp_path: Path) -> None:
    base = write_tied(tmp_path / "base")
    adapter, tables = write_trained(tmp_path / "lora", *trained)
    shared = load_file(base / "model.safetensors")[EMBED]
    with open_model(plus(base, adapter)) as model:
        for name in (EMBED, HEAD):
            assert torch.equal(model.tensor(name), tables.get(name, shared))
        assert model.config["tie_word_embeddings"] is False
        assert inspect_checkpoint(model).language_model.head == "own"


def test_the_merged_model_is_untied(tmp_path: Path) -> None:
    """As PEFT 0.21's merge_and_unload leaves it: the head has the old values."""
    base = write_tied(tmp_path / "base")
    adapter, tables = write_trained(tmp_path / "lora", EMBED)
    merge(plus(base, adapter), base, out=tmp_path / "merged", alpha=0.5)
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "merged", output_loading_info=True
    )
    assert not any(info.values())
    shared = load_file(base / "model.safetensors")[EMBED]
    assert torch.equal(model.lm_head.weight, shared)
    assert torch.equal(model.model.embed_tokens.weight, (tables[EMBED] + shared) / 2)


@pytest.mark.parametrize(
    ("prefix", "head"),
    [
        ("model.language_model.", "lm_head.weight"),
        ("language_model.model.", "language_model.lm_head.weight"),
        ("model.text_model.", "lm_head.weight"),
    ],
)
def test_the_head_lies_beside_the_decoder(prefix: str, head: str, tmp_path: Path) -> None:
    base = write_tied(tmp_path / "base", prefix=prefix)
    adapter, _ = write_trained(tmp_path / "lora", EMBED)
    with open_model(plus(base, adapter)) as model:
        assert [name for name in model.tensors if name.endswith(HEAD)] == [head]


def test_an_untied_model_without_a_head_gets_none(tmp_path: Path) -> None:
    base = write_tied(tmp_path / "base", tie_word_embeddings=False)
    adapter, _ = write_trained(tmp_path / "lora", EMBED)
    with open_model(plus(base, adapter)) as model:
        assert HEAD not in model.tensors
