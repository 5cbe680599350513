"""Which tensors of a checkpoint are packed, told by their names beside the config; without numpy.

The names decide: a config may say too much (a model whose experts alone are packed) or nothing. A scheme that
is known and not read is refused by its name, with the way out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adamms.checkpoints.tensor_source import TensorSource
from adamms.errors import CheckpointError

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


def find_packed(source: TensorSource) -> tuple[Packed, ...]:
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


def refusal(source: TensorSource, scheme: str, name: str) -> CheckpointError:
    """The sentence for a scheme that is not read."""
    return CheckpointError(
        f"{name} in {source.source} is quantised ({scheme}), which is not read here: {WAY_OUT}."
    )
