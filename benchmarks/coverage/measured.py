"""One model type measured: its language model's tensors on disk, and merges of it tensor by tensor.

The truth knows no name of ours: a donor is made of the base by moving the language model alone, in memory,
and saved by the class itself. What differs on disk then is the language model, whatever it is called there.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import safe_open

from adamms import merge
from adamms.checkpoints import Checkpoint
from adamms.errors import MappingError
from adamms.mapping import find_decoder, map_parameters
from benchmarks.coverage.families import in_language_model, name_in_sibling, sibling
from benchmarks.coverage.tiny import build, quiet

NOISE = 0.3
Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Pair:
    """One merge: what `adamms map` says, and the result against the truth.

    Attributes:
        said: the mapping's verdict, or the refusal.
        refused: whether it was refused.
        share: of the language model's parameters that could come from the donor, those that are exactly the
            interpolation.
        left: tensors that should have moved and are the base's.
        wrong: tensors that are neither.
        outside: tensors outside the language model that are not the base's.
        loads: whether transformers loads the result as it loads the base.
    """

    said: str
    refused: bool
    share: float = 0.0
    left: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    loads: bool = False

    @property
    def complete(self) -> bool:
        """Every parameter is exact and nothing else moved."""
        return not (self.refused or self.left or self.wrong or self.outside)


@dataclass(frozen=True)
class Row:
    """What was measured of one model type."""

    model_type: str
    cls: str
    prefix: str
    layers: int
    itself: Pair
    sibling: str | None = None
    from_sibling: Pair | None = None
    to_sibling: Pair | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def measure(model_type: str, folder: Path) -> Row:
    """Build a type's model and its text-only sibling, merge them in every direction, and compare."""
    generator = torch.Generator().manual_seed(7)
    model = _randomised(build(model_type), generator).to(torch.bfloat16)
    base = _values(model)
    language = [name for name in base if in_language_model(model_type, name)]
    for name in ("base", "truth", "donor"):
        if name == "truth":
            _move(model, language.__contains__, generator)
            moved = _values(model)
        elif name == "donor":
            _move(model, lambda name: name not in language, generator)
        _save(model, folder / name)
    itself = _pair(folder / "base", folder / "donor", folder / "truth", type(model))
    with Checkpoint.open(folder / "base") as checkpoint:
        decoder = find_decoder(checkpoint)
    row = {"model_type": model_type, "cls": type(model).__name__}
    row |= {"prefix": decoder.prefix, "layers": decoder.layers}
    text = _sibling(model_type, model)
    if text is None:
        return Row(**row, itself=itself)
    theirs = dict(text.named_parameters()) | dict(text.named_buffers())
    names = {name: name_in_sibling(model_type, name, model.config) for name in language}
    shared = {
        name: other
        for name, other in names.items()
        if other in theirs and theirs[other].shape == base[name].shape
    }
    if len(shared) < NOISE * len(language):
        return Row(**row, itself=itself)
    for folder_name, values in (("text-of-base", base), ("text", moved)):
        _load(theirs, {other: values[name] for name, other in shared.items()})
        _save(text, folder / folder_name)
    _load(_parameters(model), {name: (moved if name in shared else base)[name] for name in base})
    _save(model, folder / "reach")
    return Row(
        **row,
        itself=itself,
        sibling=type(text).__name__,
        from_sibling=_pair(folder / "base", folder / "text", folder / "reach", type(model)),
        to_sibling=_pair(folder / "text", folder / "base", folder / "text-of-base", type(text)),
    )


def row_and_layout(model_type: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """One type's row and the layouts of its models, as plain data, from nothing."""
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        row = measure(model_type, Path(folder))
        return row.to_json(), layout(Path(folder))


def _sibling(model_type: str, model: Any) -> Any | None:
    try:
        text = sibling(model_type, model)
    except StrictDataclassError:
        # A text configuration that the text-only class does not take.
        return None
    return None if text is None else text.to(torch.bfloat16)


def _pair(base: Path, donor: Path, truth: Path, cls: Any) -> Pair:
    out = base.parent / f"{base.name}-{donor.name}"
    try:
        with Checkpoint.open(base) as ours, Checkpoint.open(donor) as theirs:
            said = map_parameters(ours, theirs).verdict
        merge(base, donor, out, alpha=0.5, overwrite=True, force=True)
    except MappingError as error:
        return Pair(str(error).replace(f"{base.parent}/", ""), refused=True)
    ours, wanted, merged = (_on_disk(folder) for folder in (base, truth, out))
    left, wrong, outside, exact, size = [], [], [], 0, 0
    for name, value in ours.items():
        got = merged[name]
        if torch.equal(value, wanted[name]):
            outside += [] if torch.equal(got, value) else [name]
            continue
        size += value.numel()
        middle = (0.5 * value.float() + 0.5 * wanted[name].float()).to(value.dtype)
        if torch.equal(got, middle):
            exact += value.numel()
        elif torch.equal(got, value):
            left.append(name)
        else:
            wrong.append(name)
    return Pair(
        said,
        refused=False,
        share=exact / max(size, 1),
        left=tuple(left),
        wrong=tuple(wrong),
        outside=tuple(outside),
        loads=_loading(out, cls) == _loading(base, cls),
    )


def _loading(folder: Path, cls: Any) -> dict[str, list[str]]:
    """What transformers misses or does not expect."""
    try:
        _, info = cls.from_pretrained(folder, output_loading_info=True, dtype=torch.bfloat16)
    except (AttributeError, TypeError):
        # A class whose own loading cannot hand out what it missed.
        cls.from_pretrained(folder, dtype=torch.bfloat16)
        return {}
    return {key: sorted(map(str, value)) for key, value in info.items() if value}


def _randomised(model: Any, generator: torch.Generator) -> Any:
    """Weights that differ everywhere, so that a wrong piece shows."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.05, generator=generator)
            else:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model


def _parameters(model: Any) -> dict[str, torch.Tensor]:
    """Parameters and stored floating buffers, each once."""
    stored = dict.fromkeys(model.state_dict(keep_vars=True))
    buffers = {
        name: buffer
        for name, buffer in model.named_buffers()
        if name in stored and buffer.is_floating_point() and "running" not in name and "inv_freq" not in name
    }
    return dict(model.named_parameters()) | buffers


def _values(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in _parameters(model).items()}


def _move(model: Any, which: Callable[[str], bool], generator: torch.Generator) -> None:
    with torch.no_grad():
        for name, value in _parameters(model).items():
            noise = torch.randn(value.shape, generator=generator)
            if which(name):
                value.copy_(value.float() + noise * NOISE * (0.05 if value.dim() > 1 else 0.1))


def _load(targets: Tensors, values: Tensors) -> None:
    with torch.no_grad():
        for name, value in values.items():
            targets[name].copy_(value)


def _save(model: Any, folder: Path) -> None:
    model.save_pretrained(folder)
    if model.config.model_type == "qwen2_5_omni":
        # Its class loads this file beside the weights.
        torch.save({}, folder / "spk_dict.pt")


def _on_disk(folder: Path) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            tensors |= {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    return tensors


def layout(folder: Path) -> dict[str, Any]:
    """A measured type's names, shapes and dtypes, and which are the language model's: for the tests."""
    sides: dict[str, Any] = {}
    for side, changed in (("base", "truth"), ("text", "text-of-base")):
        if (folder / changed).exists():
            ours, theirs = _on_disk(folder / side), _on_disk(folder / changed)
            sides[side] = {
                "config": json.loads((folder / side / "config.json").read_text()),
                "tensors": {
                    name: [list(value.shape), str(value.dtype), not torch.equal(value, theirs[name])]
                    for name, value in ours.items()
                },
            }
    return sides
