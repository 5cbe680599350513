"""What travels with a model and what stays behind."""

from pathlib import Path

import pytest

from adamms.checkpoints import Checkpoint
from adamms.errors import CheckpointError

TRAVELS = (
    "LICENSE",
    "added_tokens.json",
    "additional_chat_templates/tool_use.jinja",
    "chat_template.jinja",
    "chat_template.json",
    "config.json",
    "configuration_toy.py",
    "generation_config.json",
    "merges.txt",
    "modeling_toy.py",
    "preprocessor_config.json",
    "processor_config.json",
    "special_tokens_map.json",
    "spk_dict.pt",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "video_preprocessor_config.json",
    "vision/__init__.py",
    "vision/tower.py",
    "vocab.json",
)
STAYS = (
    ".cache/huggingface/x.metadata",
    ".git/config",
    "README.md",
    "__pycache__/modeling_toy.cpython-311.pyc",
    "adamms.json",
    "checkpoint-500/config.json",
    "events.out.tfevents.1",
    "flax_model.msgpack",
    "global_step500/mp_rank_00.json",
    "mm_projector.bin",
    "model.fp16.safetensors",
    "model.safetensors.index.json",
    "onnx/config.json",
    "onnx/model.onnx",
    "optimizer.pt",
    "original/consolidated.00.pth",
    "original/params.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "rng_state_0.pth",
    "tf_model.h5",
    "toy-Q4.gguf",
    "trainer_state.json",
    "training_args.bin",
)


def test_everything_but_weights_the_card_and_training_travels(single: Path) -> None:
    for name in (*TRAVELS, *STAYS):
        path = single / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name != "config.json":
            path.write_text("{}")
    with Checkpoint.open(single) as checkpoint:
        assert checkpoint.auxiliary_files() == TRAVELS


def test_auxiliary_files_may_be_links_within_the_checkpoint_only(tmp_path: Path, single: Path) -> None:
    (single / "code_v2").mkdir()
    (single / "code_v2" / "model.py").write_text("x = 1")
    (single / "code").symlink_to("code_v2")
    (single / "up").symlink_to("..")
    (single / "loop").symlink_to("loop")
    (tmp_path / "secret").write_text("s")
    with Checkpoint.open(single) as checkpoint:
        # `up` leads out of the checkpoint and `loop` to nothing: neither is a folder of the model.
        assert checkpoint.auxiliary_files() == ("code/model.py", "code_v2/model.py", "config.json", "loop")
    (single / "loop").unlink()
    (single / "notes.txt").symlink_to("../secret")
    with (
        Checkpoint.open(single) as checkpoint,
        pytest.raises(CheckpointError, match="outside the check"),
    ):
        checkpoint.files.local_path("notes.txt")
