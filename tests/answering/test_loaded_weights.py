"""What is asked is what is merged, whatever a checkpoint makes its loader do."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import tiny_models
from adamms.answering.engine import EngineOptions
from adamms.answering.loaded_weights import require_same_weights
from adamms.answering.target_parameters import target_parameters
from adamms.answering.transformers_engine import TransformersEngine
from adamms.checkpoints import Checkpoint
from adamms.errors import CheckpointError, SearchError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.build("qwen2", tmp_path_factory.mktemp("model") / "qwen2")


def changed(folder: Path, target: Path, **keys: Any) -> Path:
    """A copy of a model with other keys in its config."""
    shutil.copytree(folder, target)
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps({**config, **keys}))
    return target


def engine(folder: Path, *, trust: bool = False) -> TransformersEngine:
    with Checkpoint.open(folder) as model:
        return TransformersEngine(model, options=EngineOptions(device="cpu", trust_remote_code=trust))


def other_weights(folder: Path, name: str) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file({key: value + 0.5 for key, value in weights.items()}, folder / name, metadata={"format": "pt"})


def test_a_model_as_it_lies_there_may_answer(folder: Path) -> None:
    engine(folder)


def test_a_config_that_names_other_weights_does_not_answer_with_them(folder: Path, tmp_path: Path) -> None:
    other = changed(folder, tmp_path / "other", transformers_weights="other.safetensors")
    other_weights(other, "other.safetensors")
    with pytest.raises(CheckpointError, match=r"load 'other\.safetensors' .* lie in model\.safetensors, too"):
        engine(other)
    same = changed(folder, tmp_path / "same", transformers_weights="model.safetensors")
    engine(same)


def test_weights_that_are_exchanged_after_they_were_opened_do_not_answer(
    folder: Path, tmp_path: Path
) -> None:
    """As a loader does that reads other files, for whatever reason."""
    other = changed(folder, tmp_path / "other")
    with Checkpoint.open(other) as model:
        model.read_bytes("model.norm.weight", 0, 4)
        other_weights(other, "new.safetensors")
        (other / "new.safetensors").rename(other / "model.safetensors")
        with pytest.raises(SearchError, match=r"does not answer with the weights of .*the first is "):
            TransformersEngine(model, options=EngineOptions(device="cpu"))


CODE = """
from transformers import Qwen2Config, Qwen2ForCausalLM
import torch
class Mine(Qwen2ForCausalLM):
    config_class = Qwen2Config
    @classmethod
    def from_pretrained(cls, *arguments, **options):
        loaded = super().from_pretrained(*arguments, **options)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        with torch.no_grad():
            BODY
        return loaded
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "model.model.norm.weight.mul_(1.5)",
            r"1 tensors are others.*model\.norm\.weight of .*own code",
        ),
        ("model.lm_head.weight[-1, -1] = 7", r"1 tensors are others.*lm_head\.weight"),
        (
            "model.extra = torch.nn.Parameter(torch.ones(3))",
            r"1 parameters that are in no weight file.*the first is extra",
        ),
    ],
    ids=["scaled", "one element", "added"],
)
def test_a_class_of_its_own_that_changes_weights_is_found_out(
    folder: Path, tmp_path: Path, body: str, message: str
) -> None:
    own = changed(folder, tmp_path / "own", auto_map={"AutoModelForCausalLM": "mine.Mine"})
    (own / "mine.py").write_text(CODE.replace("BODY", body))
    with pytest.raises(SearchError, match=message):
        engine(own, trust=True)


def mixtral(folder: Path) -> Any:
    """Its experts are stacked, and gate and up joined, while it is loaded."""
    torch.manual_seed(0)
    config = transformers.MixtralConfig(
        vocab_size=48,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        num_local_experts=4,
    )
    transformers.MixtralForCausalLM(config).save_pretrained(folder)
    return transformers.MixtralForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)


def test_stacked_experts_are_compared_one_by_one_in_the_live_dtype(tmp_path: Path) -> None:
    model = mixtral(tmp_path)
    with Checkpoint.open(tmp_path) as source:
        stacked = [
            target for target in target_parameters(model, list(source.tensors)) if len(target.sources) > 1
        ]
        assert stacked
        state = model.state_dict()
        for target in stacked:
            places = target.places(state[target.live])
            assert places is not None
            for name, place in places:
                assert torch.equal(source.tensor(name).bfloat16(), place)
        require_same_weights(model, source)
        with torch.no_grad():
            model.model.layers[1].mlp.experts.gate_up_proj[3, -1, -1] += 1
        with pytest.raises(SearchError, match=r"first is model\.layers\.1\.block_sparse_moe\.experts\.3\.w3"):
            require_same_weights(model, source)


def test_what_only_transformers_can_rearrange_is_rearranged_and_compared(tmp_path: Path) -> None:
    model = mixtral(tmp_path)
    with Checkpoint.open(tmp_path) as source, pytest.MonkeyPatch.context() as patch:
        patch.setattr("adamms.answering.target_parameters.TargetParameter.places", _only_plain)
        require_same_weights(model, source)
        with torch.no_grad():
            model.model.layers[0].mlp.experts.down_proj[0, 0, 0] += 1
        with pytest.raises(SearchError, match=r"1 tensors .*layers\.0\.block_sparse_moe\.experts\.\d\.w2"):
            require_same_weights(model, source)


def _only_plain(target: Any, live: torch.Tensor) -> list[tuple[str, torch.Tensor]] | None:
    return [(target.sources[0], live)] if target.plain else None
