"""One live model for all candidates: loaded once from the base's folder, its weights moved in place.

A candidate's weights (section 3.2, equation 1) are rounded to the base's stored dtype and copied into the
live parameters, so the live model equals the written merged checkpoint loaded in the same compute dtype, and
nothing is written to disk before the choice (section 3.3). This file knows no questions and no answers.
"""

import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from adamms.answering.native import language_parameters, native_config
from adamms.answering.processor import remote_code_hint, require_sound_torchvision, sentence
from adamms.answering.target_parameters import TargetParameter, target_parameters
from adamms.errors import MachineError, SearchError

if TYPE_CHECKING:
    from adamms.answering.original_llava import OriginalLlava
    from adamms.answering.spread import Spread

UPDATE_THREADS = 8
"""Threads that compute and copy weights, at most; each holds one tensor."""


class Weights(Protocol):
    """A candidate that can lay its tensors into live ones, and does the rest as a function of a name."""

    workers: int

    def __call__(self, name: str) -> Tensor:
        """A tensor of the candidate by its name on disk, in the base's stored dtype."""

    def accepts(self, name: str, place: Tensor) -> bool:
        """Whether the tensor can be laid into that memory."""

    def write_into(self, name: str, place: Tensor) -> None:
        """Put it there; whether its values are sound may be told only by `check`."""

    def check(self) -> None:
        """Wait for all that was laid."""


def load_model(
    folder: Path,
    *,
    device: torch.device,
    dtype: str | None,
    trust_remote_code: bool,
    original: "OriginalLlava | None" = None,
    image_token_id: int | None = None,
    spread: "Spread | None" = None,
) -> Any:
    """The base as a live transformers model that can answer, in evaluation mode.

    Args:
        folder: the checkpoint.
        device: where it lives.
        dtype: of the arithmetic; None is float32 on a CPU and the checkpoint's own elsewhere.
        trust_remote_code: run the checkpoint's own Python files.
        original: the same folder, if the LLaVA code base stored it.
        image_token_id: what stands for an image there.
        spread: where it lives instead, if on more than one device.

    Raises:
        SearchError: the class cannot be loaded, needs code that is not trusted, or weights are missing.
    """
    require_sound_torchvision()
    wanted = dtype or "auto"
    if wanted == "auto" and device.type == "cpu":
        wanted = "float32"
    try:
        with _quiet():
            arithmetic = None if wanted == "auto" else getattr(torch, wanted)
            if original is not None and image_token_id is not None:
                if spread is not None:
                    raise SearchError(f"{folder} is in LLaVA's own layout, which goes to one device only.")
                model, report = original.model(image_token_id=image_token_id, dtype=arithmetic)
            else:
                places = {} if spread is None else spread.arguments()
                model, report = _own(
                    folder, dtype=arithmetic, trust_remote_code=trust_remote_code, places=places
                )
    except SearchError:
        raise
    except Exception as error:  # the files are somebody else's, and so is the code that reads them
        if out_of_memory(error):
            raise MachineError(f"{folder} does not fit in memory ({sentence(error)}).") from error
        raise SearchError(
            f"transformers cannot load {folder} as a model that answers: {sentence(error)}"
            + remote_code_hint(error, folder=folder, trusted=trust_remote_code)
        ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise SearchError(
            f"{folder} lacks {len(missing)} weights that {type(model).__name__} needs, the first is "
            f"{missing[0]}: the model would answer with random numbers in their place. If the checkpoint is "
            "in another codebase's layout, take the version converted for transformers."
        )
    if spread is not None:
        live_tensors_of(model)  # that none of it is on disk
        if model.device.type == "meta":
            raise SearchError(f"Not even the first layers of {folder} fit on a GPU; free some of its memory.")
        return model.eval()
    try:
        return model.to(device).eval()
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise MachineError(
            f"{folder} does not fit on {device} ({sentence(error)}); a lower --compute-dtype needs less."
        ) from error


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory did not suffice, on whatever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text


def choose_device(name: str | None) -> torch.device:
    """The device a user named, or the GPU where there is one and the CPU otherwise."""
    if name is None or name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        # To a number and back: the device meta has no values.
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise SearchError(f"The device {name!r} cannot be used: {sentence(error)}") from error
    return device


class WeightUpdater:
    """Moves a live model to a candidate: every tensor the merge changes is copied into its parameter."""

    def __init__(
        self,
        model: Any,
        *,
        names: Collection[str],
        changed: Collection[str],
        translate: Callable[[str], str] | None = None,
    ) -> None:
        """Find the live parameters of `changed` (names on disk) among all `names` of the checkpoint."""
        wanted = frozenset(changed)
        self._model = model
        self._targets = [
            target
            for target in target_parameters(model, names, translate=translate)
            if not wanted.isdisjoint(target.sources)
        ]
        reached = {source for target in self._targets for source in target.sources}
        lost = [name for name in changed if name not in reached]
        if lost:
            raise SearchError(
                f"{type(model).__name__} does not use {len(lost)} of the merged tensors, the first is "
                f"{lost[0]}: its answers would not be those of the merged model."
            )
        self._untie()
        self._live = live_tensors_of(model)

    @property
    def targets(self) -> list[TargetParameter]:
        """What is moved, and where it lands."""
        return self._targets

    def load_weights(self, merged: Callable[[str], Tensor]) -> None:
        """Copy a candidate's weights into the live model.

        Args:
            merged: a name on disk -> that tensor of the candidate, in the base's stored dtype. One that can
                lay it where it belongs (`Weights`) does so, without a tensor in between.
        """
        weights: Any = merged if hasattr(merged, "write_into") else None

        def update(target: TargetParameter) -> None:
            source, place = target.sources[0], self._live.get(target.live)
            if weights is not None and target.plain and place is not None and weights.accepts(source, place):
                weights.write_into(source, place)
            else:
                self._copy(target.values({name: merged(name) for name in target.sources}, model=self._model))

        inside = torch.get_num_threads()
        torch.set_num_threads(1)  # the updating threads are the parallelism
        workers = min(
            UPDATE_THREADS, os.cpu_count() or 1, weights.workers if weights is not None else UPDATE_THREADS
        )
        threads = ThreadPoolExecutor(workers, "adamms-weights")
        try:
            for _ in threads.map(update, self._targets):
                pass
        finally:
            threads.shutdown(cancel_futures=True)  # an interrupt waits for a few tensors, not for all
            torch.set_num_threads(inside)
        if weights is not None:
            weights.check()

    def _copy(self, values: Mapping[str, Tensor]) -> None:
        live = self._live
        with torch.no_grad():  # the mode belongs to a thread, and this runs in the updating threads
            for name, value in values.items():
                if live[name].shape != value.shape:
                    raise SearchError(
                        f"{name} of the live model has the shape {tuple(live[name].shape)}, "
                        f"the merged tensor {tuple(value.shape)}."
                    )
                live[name].copy_(value)

    def _untie(self) -> None:
        """Give two tensors on disk that the model ties to one parameter a parameter each.

        transformers ties them only while they are equal; after the merge they need not be.
        """
        parameters = dict(self._model.named_parameters(remove_duplicate=False))
        taken: set[int] = set()
        for target in self._targets:
            parameter = parameters.get(target.live)
            if parameter is not None and id(parameter) in taken:
                if parameter.is_meta:
                    raise SearchError(
                        f"{target.live} is tied to another parameter and kept in main memory, where it "
                        "cannot be given memory of its own; take more GPUs (--gpus-per-model)."
                    )
                owner, _, name = target.live.rpartition(".")
                own = torch.nn.Parameter(parameter.detach().clone(), requires_grad=False)
                setattr(self._model.get_submodule(owner), name, own)
            elif parameter is not None:
                taken.add(id(parameter))


def live_tensors_of(model: Any) -> dict[str, Tensor]:
    """Parameters and buffers by name, where they really are.

    Raises:
        SearchError: some are on disk.
    """
    live = {**dict(model.named_buffers()), **dict(model.named_parameters(remove_duplicate=False))}
    if not any(tensor.is_meta for tensor in live.values()):
        return live
    # Late: most models lie on one device.
    from adamms.answering.spread import kept_tensors

    return live | kept_tensors(model, [name for name, tensor in live.items() if tensor.is_meta])


def reaches_vision(model: Any, updater: WeightUpdater) -> bool:
    """Whether a candidate changes more than the language model, so that image features depend on it."""
    inside = {id(parameter) for parameter in language_parameters(model)}
    live = dict(model.named_parameters(remove_duplicate=False))
    return any(id(live[target.live]) not in inside for target in updater.targets if target.live in live)


def _own(
    folder: Path, *, dtype: torch.dtype | None, trust_remote_code: bool, places: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """The model and the loading report of a folder in its class's own layout."""
    import transformers

    config = native_config(folder)
    # Our classes stand in for a checkpoint's own code, so that is not run even if it is trusted.
    trusted = trust_remote_code and config is None
    if config is None:
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=trusted)
    loaded: tuple[Any, dict[str, Any]] = _auto_class(config).from_pretrained(
        folder,
        config=config,
        dtype=dtype or "auto",
        trust_remote_code=trusted,
        output_loading_info=True,
        local_files_only=True,
        **places,
    )
    return loaded


def _auto_class(config: Any) -> Any:
    import transformers
    from transformers.models.auto import modeling_auto

    names = list(getattr(config, "auto_map", {}))
    if type(config) in modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return transformers.AutoModelForImageTextToText
    if type(config) in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING:
        return transformers.AutoModelForCausalLM
    # Models that hear; those that hear and see are among the first.
    for mapping, auto in (
        ("MODEL_FOR_MULTIMODAL_LM_MAPPING", "AutoModelForMultimodalLM"),
        ("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING", "AutoModelForSeq2SeqLM"),
        ("MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING", "AutoModelForSpeechSeq2Seq"),
    ):
        if type(config) in getattr(modeling_auto, mapping, ()):
            return getattr(transformers, auto)
    for name in (
        "AutoModelForImageTextToText",
        "AutoModelForCausalLM",
        "AutoModelForVision2Seq",
        "AutoModel",
    ):
        if name in names and hasattr(transformers, name):
            return getattr(transformers, name)
    raise ValueError(f"its model type {config.model_type!r} is none that answers a question")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' own bars and advice off the terminal while a model loads."""
    from transformers.utils import logging as transformers_logging

    logger = logging.getLogger("transformers")
    level, bars = logger.level, transformers_logging.is_progress_bar_enabled()
    logger.setLevel(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        logger.setLevel(level)
        if bars:
            transformers_logging.enable_progress_bar()
