"""vLLM as the engine of a search, in its own environment: `--engine vllm --engine-python PYTHON`.

vLLM pins other versions of transformers and torch than a search with transformers needs, so it runs under
the Python of its own environment (`vllm_worker.py`), and blends inside its own workers (`vllm_extension.py`):
what goes there is which models are merged and how, what comes back is text and probabilities. This side
imports neither torch nor transformers. Only pictures are shown; sounds and videos are refused.
"""

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING

from adamms.answering.engine import Candidate, EngineRequest, GivenAnswer, Likelihood
from adamms.answering.other_python import OtherPython
from adamms.checkpoints.auxiliary_files import require_auxiliary_files
from adamms.errors import SearchError
from adamms.merging.description import DescribedInputs, DescribedMethod
from adamms.responses.inputs import Example
from adamms.responses.responses import Response

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource
    from adamms.merging import MergeInputs

PATCHES = ".embeddings.patch_embedding.weight"
INNER = "vision_model"
WORKER = "adamms.answering.vllm_worker"


def _refuse_other_weights(model: "TensorSource") -> None:
    """Refuse weights that vLLM would load beside those that are merged: where there is no index, every file.

    Raises:
        SearchError: there are others in the folder.
    """
    if any(name.endswith(".safetensors.index.json") for name in model.files.names):
        return
    read = {info.shard for info in model.tensors.values()}
    others = [name for name in model.files.names if name.endswith(".safetensors") and name not in read]
    # Mistral's own copy of the same weights, and an adapter's, are no business of its loader.
    others = [name for name in others if not name.startswith(("consolidated", "adapter_"))]
    if others:
        raise SearchError(
            f"{model.source} holds {others[0]} beside the weights that are merged, and vLLM would load both: "
            "take it away, or leave --engine vllm out."
        )


class VllmEngine:
    """Answers with vLLM; candidates are merged where its weights are."""

    asks_donors = True
    merges_itself = True
    noisy = True
    """Its batch-invariant kernels are beta, and on some devices only."""

    def __init__(self, request: EngineRequest) -> None:
        """Start vLLM's process; the model is loaded when the first questions are known.

        Raises:
            SearchError: there is no vLLM under that Python, or it cannot run the model.
        """
        model = request.model
        if model.folder is None:
            raise SearchError(f"Only the headers of {model.source} are here; to answer, it must be whole.")
        if scheme := model.identity().get("dequantized"):
            raise SearchError(
                f"{model.source} is quantised ({scheme}), and packed weights cannot be moved while it lives; "
                f"first write it unquantised: adamms merge {model.source} {model.source} --alpha 0 --out DIR."
            )
        require_auxiliary_files(model)
        _refuse_other_weights(model)
        options = request.options
        if options.vision_tower is not None:
            raise SearchError(
                "vLLM reads checkpoints in transformers' layout only, without --vision-tower; convert the "
                "base, or leave --engine vllm out."
            )
        visible = _visible(options.device)
        self._other = OtherPython(_python(request.python), WORKER, environment=visible)
        self._alpha = 0.0
        self._described: list[tuple[MergeInputs, DescribedInputs]] = []
        self._changed = tuple(request.changed)
        try:
            renamed = with_inner_towers(model.tensors)
            # An adapter's values lie in no file: they are loaded over the base's.
            loaded = tuple(renamed) if renamed else tuple(model.computed)
            first = {"model": model.pinned, "names": loaded, "renamed": renamed} if loaded else None
            settings = {**asdict(options), "folder": str(model.folder), "first": first}
            self._other.call("open", settings)
        except BaseException:
            self._other.close()
            raise

    def forget(self, *, limit: int | None = None) -> None:
        """Let go of the questions so far; `limit` is the longest answer to the next, else the engine's."""
        self._other.call("forget", limit)

    def prepare(self, examples: Sequence[Example]) -> None:
        """Hand over the questions.

        Raises:
            SearchError: one has sound or video, is too long, or the model cannot be loaded or asked.
        """
        for example in examples:
            if example.audio or example.video:
                raise SearchError(
                    f"The input {example.id} has sound or video, which --engine vllm does not show; leave "
                    "the option out."
                )
        questions = [
            (example.id, tuple(str(path.absolute()) for path in example.images), example.prompt)
            for example in examples
        ]
        self._other.call("prepare", questions)

    def load_weights(self, alpha: float, merged: "Candidate") -> None:
        """Let vLLM's workers merge a candidate; a model that stays as it is only goes by `alpha`."""
        self._alpha = alpha
        if not self._changed:
            return
        number = next(
            (at for at, (inputs, _) in enumerate(self._described) if inputs is merged.inputs),
            len(self._described),
        )
        if number == len(self._described):
            described = DescribedInputs.of(merged.inputs)
            self._described.append((merged.inputs, described))
            self._other.call("describe", number, described)
        self._other.call("become", number, DescribedMethod.of(merged.method), self._changed)

    def answer(self, ids: Collection[str]) -> Iterator[Response]:
        """Greedy answers, as they come."""
        for id_, text, tokens, confidence, finished in self._other.stream("answer", list(dict.fromkeys(ids))):
            yield Response(id_, self._alpha, text, tokens, confidence, finished=finished)

    def log_probabilities(
        self, answers: Mapping[str, Sequence[GivenAnswer]]
    ) -> Iterator[tuple[str, tuple[Likelihood, ...]]]:
        """How probable the candidate finds answers to prepared questions."""
        given = {id_: [(answer.text, answer.finished) for answer in texts] for id_, texts in answers.items()}
        for id_, found in self._other.stream("read", given):
            yield id_, tuple(Likelihood(*pair) for pair in found)

    def close(self) -> None:
        """End vLLM and all its processes."""
        self._other.close()


def with_inner_towers(names: Collection[str]) -> dict[str, str]:
    """A checkpoint's names -> those that vLLM reads, if transformers 5 wrote it; empty where they are same.

    transformers 5 writes CLIP's and SigLIP's towers without their inner `vision_model`, and vLLM (0.32)
    cannot read them so.
    """
    ends = [name.removesuffix(PATCHES) for name in names if name.endswith(PATCHES)]
    towers = tuple(f"{end}." for end in ends if end.rpartition(".")[2] != INNER)
    if not towers:
        return {}

    def renamed(name: str) -> str:
        tower = next((tower for tower in towers if name.startswith(tower)), None)
        return name if tower is None else f"{tower}{INNER}.{name.removeprefix(tower)}"

    return {name: renamed(name) for name in names}


def _python(given: str | None) -> str:
    """The Python of vLLM's environment: the one named, by `ADAMMS_VLLM_PYTHON`, or this one.

    Raises:
        SearchError: none is named, and vLLM is not installed here.
    """
    if named := given or os.environ.get("ADAMMS_VLLM_PYTHON"):
        return os.path.expanduser(named)  # noqa: PTH111 (Path's raises on unknown users)
    if find_spec("vllm") is not None:
        return sys.executable
    raise SearchError(
        "vLLM is not installed beside adamms, and it pins other packages than adamms[search]: install it in "
        "an environment of its own and name that environment's Python: --engine-python PATH, or the variable "
        "ADAMMS_VLLM_PYTHON."
    )


def _visible(device: str | None) -> dict[str, str]:
    """What shows vLLM the one GPU that was named.

    Raises:
        SearchError: the device is none that vLLM could be told.
    """
    name, _, number = (device or "").partition(":")
    if name in ("", "auto", "cuda", "cpu") and not number:
        return {}
    if name == "cuda" and number.isdigit():
        seen = [part for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part]
        if seen and int(number) >= len(seen):
            raise SearchError(f"There is no {device}: CUDA_VISIBLE_DEVICES shows {len(seen)} GPUs.")
        return {"CUDA_VISIBLE_DEVICES": seen[int(number)] if seen else number}
    raise SearchError(f"vLLM cannot be put on the device {device!r}; name cuda, cuda:1 ..., or leave it out.")
