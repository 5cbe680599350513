"""The small pairs that ship: multimodal models of real architectures, and inputs they were not trained on.

This file only says where they lie. `proving_ground/`, outside the package, grows them again from nothing
(`make zoo`); docs/zoo.md tells the recipe and what was measured.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from itertools import permutations
from pathlib import Path

from adamms.errors import AdaMMSError, no_such

__all__ = ["DEFAULT", "MODEL_FAMILIES", "PAIRS", "ModelFamily", "Pair", "shipped_pair"]


@dataclass(frozen=True)
class ModelFamily:
    """The models that grow from one language model: their folder, their names and what people call them."""

    folder: str
    titles: dict[str, str]


QWEN2 = ModelFamily("pair", {"qwen2-vl": "Qwen2-VL", "llava-onevision": "LLaVA-OneVision"})
LLAMA = ModelFamily("llama", {"cogvlm": "CogVLM", "mplug_owl2": "mPLUG-Owl2", "llava": "LLaVA-1.5"})
MODEL_FAMILIES = (QWEN2, LLAMA)
# Base first, then donor; the first is what a demo takes unless told otherwise.
PAIRS: dict[str, tuple[ModelFamily, str, str]] = {
    f"{base}-{donor}": (model_family, base, donor)
    for model_family in MODEL_FAMILIES
    for base, donor in permutations(model_family.titles, 2)
}
DEFAULT = "qwen2-vl-llava-onevision"


@dataclass(frozen=True)
class Pair:
    """A base and a donor grown from one pretrained language model, with inputs neither has seen."""

    base: Path
    donor: Path
    pretrained: Path
    inputs: Path
    answers: Path
    scores: Path
    titles: tuple[str, str]

    @property
    def needs_our_classes(self) -> bool:
        """Whether the base is of an architecture that only `adamms.models` has."""
        return self.titles[0] in ("CogVLM", "mPLUG-Owl2")

    def true_answers(self) -> dict[str, str]:
        """Input id -> true answer, for an accuracy beside a search that never sees it."""
        records = map(json.loads, self.answers.read_text(encoding="utf-8").splitlines())
        return {record["id"]: record["answer"] for record in records}


def shipped_pair(name: str = DEFAULT) -> Pair:
    """Return where a shipped pair lies, the base named before the donor.

    Raises:
        AdaMMSError: no pair of this name ships; `PAIRS` has the names.
    """
    if name not in PAIRS:
        raise AdaMMSError(no_such("pair", name, PAIRS))
    return pair_in(Path(str(files("adamms.zoo"))), name)


def pair_in(folder: Path, name: str = DEFAULT) -> Pair:
    """Return the pair that lies in `folder`, laid out as the shipped ones are."""
    model_family, base, donor = PAIRS[name]
    models, inputs = folder / model_family.folder, folder / "inputs"
    return Pair(
        base=models / base,
        donor=models / donor,
        pretrained=models / "pretrained",
        inputs=inputs / "inputs.jsonl",
        answers=inputs / "answers.jsonl",
        scores=models / "scores.json",
        titles=(model_family.titles[base], model_family.titles[donor]),
    )
