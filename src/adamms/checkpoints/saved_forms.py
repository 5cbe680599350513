"""How a checkpoint was saved, told by its tensors' names beside the config: packed, or by half.

The names decide: a config may say too much (a model whose experts alone are packed) or nothing. A scheme that
is known and not read is refused by its name, with the way out; so are weights that were not gathered and
adapters that were not merged, of which anything else that is said (an unknown layout, strangers) leads
astray. Needs no numpy.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adamms.errors import CheckpointError

if TYPE_CHECKING:
    from adamms.checkpoints.tensor_source import TensorSource

# What a packed tensor's name ends with -> the scheme. Of a name's tensor the first that fits counts.
ENDINGS = {
    "_blocks": "mxfp4",
    "_scale_inv": "fp8",
    ".qscale_weight": "fp8",
    ".quant_state.bitsandbytes__nf4": "bitsandbytes 4-bit",
    ".quant_state.bitsandbytes__fp4": "bitsandbytes 4-bit",
    ".SCB": "bitsandbytes 8-bit",
    ".weight_packed": "compressed-tensors",
    ".weight_scale": "compressed-tensors",
    ".qweight": "gptq",
}
# What is stored beside packed tensors for running them, and stands for no weight.
BESIDE = (
    ".activation_scale",
    ".input_scale",
    ".input_global_scale",
    ".weight_format",
    ".qscale_act",
    ".k_scale",
    ".v_scale",
)
# Names by which other schemes are known.
OTHER_ENDINGS = (
    ".W_q",
    ".codes",
    ".codebooks",
    ".weight_global_scale",
    ".weight._data",
    ".dense_weights",
    ".weight_zero_point",
)
EIGHT_BITS = ("F8_E4M3", "F8_E5M2", "I8")
WAY_OUT = (
    "load it with transformers, save it with model.dequantize() and save_pretrained, or give the unquantised "
    "original"
)

# PEFT's own name of the one adapter that training makes. Adapters under other names belong to the model, as
# Phi-4-multimodal's for images and speech do.
UNMERGED = re.compile(r".+\.lora_A(\.default)?\.weight")


@dataclass(frozen=True)
class Packed:
    """A packed tensor that was found: its scheme, the tensor that it stands for, what else belongs to it."""

    scheme: str
    name: str
    parts: tuple[str, ...]


def quantization_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a config says of quantisation, of the model or of its language model; empty if nothing."""
    for part in (config, *(config.get(name) for name in ("text_config", "llm_config", "language_config"))):
        said = part.get("quantization_config") if isinstance(part, Mapping) else None
        if isinstance(said, dict) and said:
            return said
    return {}


def scheme_name(config: Mapping[str, Any]) -> str:
    """The scheme as the config calls it; empty if it says nothing."""
    said = quantization_config(config)
    method = str(said.get("quant_method") or said.get("quant_algo") or "")
    return f"{method} {said['format']}" if method and isinstance(said.get("format"), str) else method


def find_packed(source: "TensorSource") -> tuple[Packed, ...]:
    """The packed tensors, in the order of their files.

    Raises:
        CheckpointError: tensors are packed by a scheme that is not read here.
    """
    names = source.tensors
    other = next((name for name in names if name.endswith(OTHER_ENDINGS)), None)
    if other is not None and (scheme := scheme_name(source.config)):
        raise refusal(source, scheme, other)
    return tuple(_packed(names, awq=quantization_config(source.config).get("quant_method") == "awq"))


def _packed(names: Mapping[str, Any], *, awq: bool) -> Iterator[Packed]:
    for name in names:
        ending = next((ending for ending in ENDINGS if name.endswith(ending)), None)
        if ending is None:
            continue
        stem, scheme = name.removesuffix(ending), ENDINGS[ending]
        if scheme == "mxfp4":
            if f"{stem}_scales" in names:
                yield Packed(scheme, stem, (name, f"{stem}_scales"))
        elif ending == ".qweight":
            parts = (f"{stem}{part}" for part in (".qweight", ".qzeros", ".scales", ".g_idx", ".bias_"))
            there = tuple(part for part in parts if part in names)
            yield Packed("awq" if awq else "gptq", f"{stem}.weight", there)
        elif ending == ".weight_packed":
            parts = (f"{stem}.weight_{part}" for part in ("packed", "scale", "shape", "g_idx"))
            yield Packed(scheme, f"{stem}.weight", tuple(part for part in parts if part in names))
        elif scheme == "bitsandbytes 4-bit":
            yield Packed(scheme, stem, (stem, *(part for part in names if part.startswith(f"{stem}."))))
        elif ending in (".SCB", ".weight_scale", ".qscale_weight"):
            numbers = names.get(f"{stem}.weight")
            if numbers is not None and numbers.dtype in EIGHT_BITS:
                yield Packed(scheme, f"{stem}.weight", (f"{stem}.weight", name))
        elif stem in names and names[stem].dtype in EIGHT_BITS:
            yield Packed(scheme, stem, (stem, name))


def refusal(source: "TensorSource", scheme: str, name: str) -> CheckpointError:
    """The sentence for a scheme that is not read."""
    return CheckpointError(
        f"{name} in {source.source} is quantised ({scheme}), which is not read here: {WAY_OUT}."
    )


def check_saved_whole(model: "TensorSource") -> None:
    """Insist that a model's weights are all there, and what they are when it runs.

    Raises:
        CheckpointError: weights are empty, or low-rank matrices lie beside the weights that they change.
    """
    empty = [name for name, info in model.tensors.items() if info.shape == (0,) and name.endswith("weight")]
    if empty:
        raise CheckpointError(
            f"{len(empty)} weights of {model.source} are empty, the first {empty[0]}: the model was saved "
            "while DeepSpeed ZeRO-3 had them on other processes; save it again with "
            "stage3_gather_16bit_weights_on_model_save, or gather it with zero_to_fp32.py."
        )
    unmerged = [name for name in model.tensors if UNMERGED.fullmatch(name)]
    if unmerged:
        raise CheckpointError(
            f"{model.source} holds LoRA matrices beside the weights that they change, the first "
            f"{unmerged[0]}, so its weights are not those that it runs with; merge them with PEFT "
            "(merge_and_unload) and save it again, or save the adapter alone and name MODEL+ADAPTER."
        )
