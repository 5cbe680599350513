"""Small models that grew from one language model, with weights, in the layouts of the paper's pairs.

`ancestor` draws a Llama's weights; `llava`, `cogvlm` and `mplug_owl2` are perturbed copies in their families'
own names, with duplicates trained further away than the originals and a vision side of their own; `scrambled`
takes every hint out of the names. `write` makes a checkpoint folder.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

Weights = dict[str, np.ndarray]

HIDDEN, FFN, LAYERS, ROWS, HEADS = 64, 96, 3, 80, 4
TUNED, DUPLICATED = 0.1, 0.3

CONFIG = {
    "model_type": "unknown",
    "text_config": {"num_attention_heads": HEADS, "num_key_value_heads": HEADS, "num_hidden_layers": LAYERS},
}


def ancestor(seed: int = 0) -> Weights:
    """A Llama-style language model of matrices of normal weights and norms around one."""
    random = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.standard_normal((rows, columns), dtype=np.float32) * np.float32(0.05)

    def norm() -> np.ndarray:
        return 1 + 0.1 * random.standard_normal(HIDDEN, dtype=np.float32)

    weights = {"model.embed_tokens.weight": matrix(ROWS, HIDDEN)}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            weights[f"{at}self_attn.{name}.weight"] = matrix(HIDDEN, HIDDEN)
        weights[f"{at}mlp.gate_proj.weight"] = matrix(FFN, HIDDEN)
        weights[f"{at}mlp.up_proj.weight"] = matrix(FFN, HIDDEN)
        weights[f"{at}mlp.down_proj.weight"] = matrix(HIDDEN, FFN)
        weights[f"{at}input_layernorm.weight"] = norm()
        weights[f"{at}post_attention_layernorm.weight"] = norm()
    return weights | {"model.norm.weight": norm(), "lm_head.weight": matrix(ROWS, HIDDEN)}


def llava(seed: int = 1, *, grown_from: int = 0) -> Weights:
    """LLaVA-1.5 in its original naming, without a tower."""
    tuned = _Tuning(seed)
    weights = {name: tuned(value) for name, value in ancestor(grown_from).items()}
    return weights | {"model.mm_projector.0.weight": tuned.new(HIDDEN, 24)}


def cogvlm(seed: int = 2, *, grown_from: int = 0) -> Weights:
    """CogVLM: fused attention, and a visual expert beside every matrix."""
    tuned, language = _Tuning(seed), ancestor(grown_from)
    weights = {name: tuned(value) for name, value in language.items() if "layers" not in name}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        fused = np.concatenate([language[f"{at}self_attn.{name}_proj.weight"] for name in "qkv"])
        for norm in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{at}{norm}.weight"] = tuned(language[f"{at}{norm}.weight"])
        for expert, far in (("language", TUNED), ("vision", DUPLICATED)):
            attention, mlp = f"{at}self_attn.{expert}_expert_", f"{at}mlp.{expert}_mlp."
            weights[f"{attention}query_key_value.weight"] = tuned(fused, far)
            weights[f"{attention}dense.weight"] = tuned(language[f"{at}self_attn.o_proj.weight"], far)
            for name in ("gate_proj", "up_proj", "down_proj"):
                weights[f"{mlp}{name}.weight"] = tuned(language[f"{at}mlp.{name}.weight"], far)
        weights[f"{at}self_attn.rotary_emb.inv_freq"] = np.linspace(1, 0, 8, dtype=np.float32)
    weights |= {
        "model.vision.boi": tuned.new(1, 1, HIDDEN),
        "model.vision.linear_proj.linear_proj.weight": tuned.new(HIDDEN, 48),
        "model.vision.linear_proj.norm1.weight": 1 + tuned.new(HIDDEN),
        # A tower as wide as the language model, to be told from it.
        "model.vision.transformer.layers.0.attention.query_key_value.weight": tuned.new(3 * HIDDEN, HIDDEN),
        "model.vision.transformer.layers.0.input_layernorm.weight": 1 + tuned.new(HIDDEN),
        "model.vision.patch_embedding.proj.weight": tuned.new(HIDDEN, 3, 2, 2),
    }
    return weights


def mplug_owl2(seed: int = 3, *, grown_from: int = 0) -> Weights:
    """mPLUG-Owl2: keys, values and norms once for text and once for images."""
    tuned = _Tuning(seed)
    weights: Weights = {}
    for name, value in ancestor(grown_from).items():
        stem = name.removesuffix(".weight")
        if "layers" in name and stem.endswith(("k_proj", "v_proj", "layernorm")):
            weights[f"{stem}.multiway.0.weight"] = tuned(value)
            weights[f"{stem}.multiway.1.weight"] = tuned(value, DUPLICATED)
        else:
            weights[name] = tuned(value)
    return weights | {
        "model.vision_model.encoder.layers.0.self_attn.query_key_value.weight": tuned.new(72, 24),
        "model.visual_abstractor.encoder.layers.0.crossattention.attention.query.weight": tuned.new(24, 24),
        "model.visual_abstractor.vit_eos": tuned.new(1, 1, HIDDEN),
    }


def scrambled(weights: Weights, seed: int = 9) -> tuple[Weights, dict[str, str]]:
    """The same tensors in another order under meaningless names, and what each was called."""
    random = np.random.default_rng(seed)
    names = [list(weights)[place] for place in random.permutation(len(weights))]
    renamed = {f"t{random.integers(1 << 30):08x}.{place}": name for place, name in enumerate(names)}
    return {new: weights[old] for new, old in renamed.items()}, renamed


def write(folder: Path, weights: Weights, *, config: dict[str, object] | None = None) -> Path:
    """Write a checkpoint of one file."""
    folder.mkdir(parents=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(CONFIG if config is None else config))
    return folder


class _Tuning:
    """Noise of its own for one model, in units of each tensor's spread."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed + 1000)

    def __call__(self, value: np.ndarray, far: float = TUNED) -> np.ndarray:
        noise = self._random.standard_normal(value.shape, dtype=np.float32)
        return value + np.float32(far * value.std()) * noise

    def new(self, *shape: int) -> np.ndarray:
        return self._random.standard_normal(shape, dtype=np.float32) * np.float32(0.1)
