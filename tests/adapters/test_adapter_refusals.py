"""Adapters that cannot be used, each with one sentence: what, where, what to do."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from adamms.adapters import open_model
from adamms.errors import CheckpointError
from adapters import PREFIX, low_rank, plus, write_adapter
from small_pairs import write_qwen2_vl

Q = "model.layers.0.self_attn.q_proj"
A, B = f"{PREFIX}{Q}.lora_A.weight", f"{PREFIX}{Q}.lora_B.weight"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_qwen2_vl(tmp_path_factory.mktemp("models") / "base")


def refused(base: Path | str, adapter: Path | str, *parts: str, data: bool = False) -> str:
    """The sentence with which an adapter is refused; it holds all `parts`."""
    with pytest.raises(CheckpointError) as caught, open_model(plus(base, adapter)) as seen:
        if data:
            seen.require_data()
    said = str(caught.value)
    for part in parts:
        assert part in said, said
    assert "\n" not in said
    return said


def test_what_is_no_adapter(base: Path, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "lora", low_rank({Q: (16, 16)}))
    (adapter / "adapter_config.json").unlink()
    refused(base, adapter, str(adapter), "there is no adapter_config.json in it")
    refused(base, base, "there is no adapter_config.json in it")
    (adapter / "adapter_config.json").write_text("{")
    refused(base, adapter, "adapter_config.json", "not valid JSON")
    (adapter / "adapter_model.safetensors").unlink()
    (adapter / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    refused(base, adapter, "there is no adapter_model.safetensors or adapter_model.bin")
    refused(base, tmp_path / "none", str(tmp_path / "none"), "is neither a folder nor a hub id")
    refused(tmp_path / "none", adapter, str(tmp_path / "none"), "is neither a folder nor a hub id")


def test_an_adapter_alone_is_no_model(tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "lora", low_rank({Q: (16, 16)}))
    with pytest.raises(CheckpointError, match=r"is a PEFT adapter, not a model: .* MODEL\+"):
        open_model(adapter)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"peft_type": "LOHA"}, "'LOHA'"),
        ({"peft_type": "PROMPT_TUNING"}, "merge_and_unload"),
        ({"peft_type": None}, "of the kind None"),
        ({"layer_replication": [[0, 2]]}, "layer_replication"),
        ({"target_parameters": ["experts.down"]}, "target_parameters"),
        ({"trainable_token_indices": [1, 2]}, "trainable_token_indices"),
        ({"alora_invocation_tokens": [3]}, "alora_invocation_tokens"),
        ({"use_qalora": True}, "use_qalora"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights 'pissa_niter_4'"),
        ({"init_lora_weights": "loftq"}, "init_lora_weights 'loftq'"),
        ({"r": 0}, "r = 0, which is not a rank"),
        ({"r": True}, "r = True"),
        ({"r": 3}, "was trained for another model: with rank 3"),
        ({"lora_alpha": "16"}, "lora_alpha = '16', which is not a number"),
        ({"lora_alpha": float("nan")}, "lora_alpha = nan"),
        ({"rank_pattern": {"q_proj": 2.5}}, "rank_pattern['q_proj'] = 2.5"),
        ({"alpha_pattern": ["q_proj"]}, "alpha_pattern that is no table"),
        ({"alpha_pattern": {"q_proj(": 2}}, "'q_proj('"),
        ({"use_dora": True}, "has no lora_magnitude_vector, though use_dora is True"),
    ],
)
def test_settings(config: dict[str, Any], said: str, base: Path, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "lora", low_rank({Q: (16, 16)}), **config)
    refused(base, adapter, said, str(adapter))


def test_settings_that_change_nothing_are_fine(base: Path, tmp_path: Path) -> None:
    config = {"trainable_token_indices": None, "init_lora_weights": "gaussian", "lora_dropout": 0.1}
    adapter = write_adapter(tmp_path / "lora", low_rank({Q: (16, 16)}), **config, bias="none")
    with open_model(plus(base, adapter)) as seen:
        assert seen.computed == (f"{Q}.weight",)


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        ({Q: (32, 16)}, ("trained for another model", f"{Q}.weight (16, 16)", "B (16, 2)", "(32, 2)")),
        ({Q: (16, 8)}, ("A (2, 16)", "(2, 8)")),
        ({"model.layers.7.self_attn.q_proj": (16, 16)}, ("layers.7", "fits no tensor", "somebody/qwen")),
        ({"model.visual.attn": (8, 8)}, ("fits no tensor",)),
        ({"model.norm": (16, 1)}, ("model.norm.weight (16,)",)),
    ],
)
def test_an_adapter_of_another_model(
    modules: dict[str, tuple[int, int]], said: tuple[str, ...], base: Path, tmp_path: Path
) -> None:
    named = {"base_model_name_or_path": "somebody/qwen"}
    refused(base, write_adapter(tmp_path / "lora", low_rank(modules), **named), *said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({A: None}, "has no lora_A beside it"),
        ({B: None}, "has no lora_B beside it"),
        ({f"{PREFIX}{Q}.lora_magnitude_vector": torch.ones(16)}, "though use_dora is False"),
        ({f"{PREFIX}{Q}.lora_C.weight": torch.ones(16)}, "fits no tensor"),
        ({f"{PREFIX}{Q}.lora_B.bias": torch.ones(9)}, "has 9 values"),
        ({f"{PREFIX}lm_head.weight": torch.ones(41, 16)}, "if its vocabulary was resized"),
        ({f"{PREFIX}model.norm.weight": torch.ones(17)}, "(17,)"),
        ({f"{PREFIX}visual.position_ids": torch.ones(1, 9)}, "stored as I64"),
        ({A: torch.ones(2, 16, dtype=torch.int8)}, "stored as I8"),
        ({A.replace(".weight", ".other.weight"): torch.ones(2, 16)}, "are for the same weight"),
        ({A.replace("model.layers", "model.language_model.layers"): torch.ones(2, 16)}, "has no lora_B"),
    ],
)
def test_tensors(change: dict[str, torch.Tensor | None], said: str, base: Path, tmp_path: Path) -> None:
    tensors = {**low_rank({Q: (16, 16)}), **change}
    adapter = write_adapter(
        tmp_path / "lora", {name: each for name, each in tensors.items() if each is not None}
    )
    refused(base, adapter, said)


def test_two_modules_for_one_weight(base: Path, tmp_path: Path) -> None:
    twice = low_rank({Q: (16, 16), Q.replace("model.", "model.language_model."): (16, 16)})
    refused(
        base, write_adapter(tmp_path / "lora", twice), "both change model.layers.0.self_attn.q_proj.weight"
    )


def test_a_name_that_may_be_two_tensors(tmp_path: Path) -> None:
    names = ("model.layers.0.q.weight", "language_model.layers.0.q.weight")
    save_file({name: torch.ones(4, 4) for name in names}, tmp_path / "model.safetensors")
    adapter = write_adapter(tmp_path / "lora", low_rank({"layers.0.q": (4, 4)}))
    refused(tmp_path, adapter, "may be for", *names)


def test_a_tied_head_is_told(base: Path, tmp_path: Path) -> None:
    tensors = {name: each for name, each in read(base).items() if name != "lm_head.weight"}
    save_file(tensors, tmp_path / "model.safetensors")
    refused(tmp_path, write_adapter(tmp_path / "lora", low_rank({"lm_head": (40, 16)})), "head is tied")


def test_dora_on_embeddings(base: Path, tmp_path: Path) -> None:
    at = f"{PREFIX}model.embed_tokens"
    tensors = {
        f"{at}.lora_embedding_A": torch.ones(2, 40),
        f"{at}.lora_embedding_B": torch.ones(16, 2),
        f"{at}.lora_magnitude_vector": torch.ones(16),
    }
    refused(base, write_adapter(tmp_path / "lora", tensors, use_dora=True), "DoRA on model.embed_tokens")


def test_dora_on_zeros(tmp_path: Path) -> None:
    save_file({"a.weight": torch.zeros(4, 4)}, tmp_path / "model.safetensors")
    tensors = {name: 0 * each for name, each in low_rank({"a": (4, 4)}, dora=True).items()}
    adapter = write_adapter(tmp_path / "lora", tensors, use_dora=True)
    with open_model(plus(tmp_path, adapter)) as seen, pytest.raises(CheckpointError, match="all zeros"):
        seen.tensor("a.weight")


def test_a_quantised_model(tmp_path: Path) -> None:
    save_file({"a.weight": torch.ones(4, 4, dtype=torch.uint8)}, tmp_path / "model.safetensors")
    refused(tmp_path, write_adapter(tmp_path / "lora", low_rank({"a": (4, 4)})), "U8", "unquantised copy")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number(value: float, base: Path, tmp_path: Path) -> None:
    tensors = low_rank({Q: (16, 16)})
    tensors[B][3, 1] = value
    adapter = write_adapter(tmp_path / "lora", tensors)
    refused(base, adapter, f"{B} in the adapter {adapter} holds 1 NaN or infinite values", data=True)


def test_truncated_files(base: Path, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "lora", low_rank({Q: (16, 16)}))
    file = adapter / "adapter_model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-4])
    refused(base, adapter, "adapter_model.safetensors", "is cut off", data=True)
    file.write_bytes(whole[:40])
    refused(base, adapter, "adapter_model.safetensors", "cut off")
    file.unlink()
    (adapter / "adapter_model.bin").write_bytes(b"PK\x03\x04")
    refused(base, adapter, "adapter_model.bin")


def test_a_pickle_that_wants_to_run_code(base: Path, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "lora", {}, bin_=True)
    marker = tmp_path / "ran"
    torch.save({"x": _Touch(marker)}, adapter / "adapter_model.bin")
    refused(base, adapter, "adapter_model.bin")
    assert not marker.exists()


class _Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def read(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    placed = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    for shard in dict.fromkeys(placed.values()):
        found |= load_file(folder / shard)
    return found
