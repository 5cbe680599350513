"""The model that `lmms_eval --model adamms` loads: two checkpoints merged in memory, never written.

`--model_args` says which (`model_arguments.py`); every architecture that a search can run can be asked,
CogVLM and mPLUG-Owl2 among them. Greedy answers to text and pictures: what a benchmark asks beside
(sampling, beams, video, likelihoods, several rounds) is refused or said aloud, never passed over. Imported
inside lmms-eval only.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any

from lmms_eval.api.instance import GenerationResult, TokenCounts
from lmms_eval.api.model import lmms
from loguru import logger
from PIL import Image
from tqdm import tqdm

from adamms.errors import AdaMMSError, EvaluationError
from adamms.harnesses.merged_model import AT_ONCE, Asked, MergedModel
from adamms.harnesses.model_arguments import engine_of, model_of
from adamms.responses.picture_files import opened_picture

LONGEST = 1024
"""Tokens of an answer where a task does not say, as lmms-eval's own models have it."""


class AdaMMS(lmms):  # type: ignore[misc]
    """lmms-eval's interface around a `MergedModel`."""

    is_simple = True

    def __init__(
        self, batch_size: Any = 16, device: str | None = None, max_batch_size: Any = None, **arguments: Any
    ) -> None:
        super().__init__()
        if device is None and "LOCAL_RANK" in os.environ:
            import torch

            # accelerate or torchrun started us: a process a GPU.
            device = f"cuda:{os.environ['LOCAL_RANK']}" if torch.cuda.is_available() else None
        automatic = str(batch_size).startswith("auto")
        engine = engine_of(
            {**arguments, "device": device},
            batch_size=16 if automatic else batch_size,
            max_new_tokens=LONGEST,
        )
        source = model_of(arguments)
        self._said: list[str] = []
        if isinstance(source, str):
            self._model: MergedModel | None = MergedModel.of_folder(source, engine=engine)
        else:
            self._model = MergedModel.of_recipe(source, engine=engine, progress=_Loguru())

    @property
    def device(self) -> Any:
        """Where the model lives, for lmms-eval's own bookkeeping among several processes."""
        return self._loaded().device

    def generate_until(self, requests: Sequence[Any]) -> list[Any]:
        """Greedy answers, in the order of the requests."""
        model, refused = self._loaded(), len(self._loaded().refused)
        answers: list[Any] = [None] * len(requests)
        bar = tqdm(total=len(requests), desc="AdaMMS answering", disable=self.rank != 0)
        for start in range(0, len(requests), AT_ONCE):
            part = requests[start : start + AT_ONCE]
            for index, answered in model.answer([self._asked(request) for request in part]):
                counts = TokenCounts(output_tokens=answered.tokens)
                answers[start + index] = GenerationResult(text=answered.text, token_counts=counts)
                self.cache_hook.add_partial("generate_until", part[index].args[:2], answered.text)
                bar.update(1)
        bar.close()
        for message in model.refused[refused:]:
            logger.warning(f"adamms: this question was answered with nothing: {message}")
        return answers

    def loglikelihood(self, requests: Sequence[Any]) -> list[Any]:
        """Refused: the search and its engine generate, they do not score given texts.

        Raises:
            EvaluationError: always.
        """
        raise EvaluationError(
            f"The task {_task(requests)} asks for likelihoods of given answers, and adamms only generates "
            "answers: choose a task whose output_type is generate_until."
        )

    def generate_until_multi_round(self, requests: Sequence[Any]) -> list[Any]:
        """Refused: a question here has one round.

        Raises:
            EvaluationError: always.
        """
        raise EvaluationError(
            f"The task {_task(requests)} asks in several rounds, and adamms answers one question at a time: "
            "choose a task whose output_type is generate_until."
        )

    def clean(self) -> None:
        """Give the memory back, as lmms-eval asks before it scores."""
        self._model = None
        super().clean()

    def _loaded(self) -> MergedModel:
        if self._model is None:
            raise EvaluationError("The model was given back already; evaluate its tasks in one run.")
        return self._model

    def _asked(self, request: Any) -> Asked:
        context, generation, doc_to_visual, doc_id, task, split = request.args
        try:
            visuals = doc_to_visual(self.task_dict[task][split][doc_id])
        except AdaMMSError:
            raise
        except Exception as error:
            raise EvaluationError(
                f"The pictures of {task}, document {doc_id}, cannot be read: {type(error).__name__}: {error}"
            ) from error
        self._say_what_is_not_done(generation, task)
        limit = generation.get("max_new_tokens", generation.get("max_gen_toks"))
        return Asked(
            tuple(_pictures(visuals, f"{task}, document {doc_id}")),
            str(context),
            max_new_tokens=None if limit is None else int(limit),
            until=_until(generation.get("until")),
        )

    def _say_what_is_not_done(self, generation: dict[str, Any], task: str) -> None:
        sampled = generation.get("do_sample") and float(generation.get("temperature") or 1) > 0
        beams = int(generation.get("num_beams") or 1) > 1
        if (sampled or beams) and task not in self._said:
            self._said.append(task)
            asked = "sampling" if sampled else "beam search"
            logger.warning(f"adamms: {task} asks for {asked}; adamms answers greedily.")


class _Loguru:
    """What a merge has to say, in lmms-eval's log."""

    def say(self, message: str) -> None:
        logger.info(f"adamms: {message}")

    def stage(self, title: str, *, total: int, unit: str, done: int = 0) -> Any:
        from adamms.progress import Silent

        return Silent().stage(title, total=total, unit=unit, done=done)


def _pictures(visuals: Any, where: str) -> Iterable[Image.Image]:
    """The images among what a task shows; nested lists are flattened, paths of images opened."""
    for visual in visuals if isinstance(visuals, list | tuple) else [visuals]:
        if visual is None:
            continue
        if isinstance(visual, list | tuple):
            yield from _pictures(visual, where)
        elif isinstance(visual, Image.Image):
            yield visual
        elif isinstance(visual, str) and visual.lower().endswith((".png", ".jpg", ".jpeg", ".webp", ".bmp")):
            with opened_picture(visual) as image:
                yield image.convert("RGB")
        else:
            raise EvaluationError(
                f"{where}, shows a {type(visual).__name__} (a video or sound); adamms reads pictures only."
            )


def _until(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(entry) for entry in value)


def _task(requests: Sequence[Any]) -> str:
    return next((str(request.task_name) for request in requests), "of this run")
