"""The engine that runs a transformers model in this process, its weights moved in place.

Of the two ways through, rows that may share a batch are decoded in a pool (`decoding.py`), and those of
models that cannot be batched safely come one by one from the model's own `generate`. Where memory does not
suffice the batch is halved and what is left is asked again. This file knows no files of answers and no
choice.
"""

import dataclasses
import gc
import inspect
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from adamms.answering.decoding import MOST_TOGETHER, Row, greedy
from adamms.answering.engine import EngineOptions, EngineRequest, GivenAnswer, Likelihood
from adamms.answering.generate_inputs import GREEDY, Question, capture_generate_inputs, model_inputs
from adamms.answering.live_model import (
    WeightUpdater,
    choose_device,
    live_tensors_of,
    load_model,
    out_of_memory,
    reaches_vision,
)
from adamms.answering.loaded_weights import require_same_weights
from adamms.answering.native import cache_length, original_llava
from adamms.answering.others_errors import explained
from adamms.answering.preparation import Preparation, shortened
from adamms.answering.processor import sentence
from adamms.answering.prompts import TYPES, Prompt
from adamms.checkpoints.auxiliary_files import require_auxiliary_files
from adamms.errors import MachineError, SearchError
from adamms.merging.parent_store import free_memory
from adamms.responses.inputs import Example
from adamms.responses.picture_files import opened_picture
from adamms.responses.responses import Response

if TYPE_CHECKING:
    from PIL.Image import Image

    from adamms.checkpoints import TensorSource

BATCH = 16
"""Prompts a prefill, and more of short ones: as many as have so many tokens."""
BATCH_TOKENS = 4096
POOL_SHARE = 0.05
"""Of the weights' bytes, for keys and values of unfinished answers."""
POOL_LEAST = 256 << 20
POOL_OF_FREE = 0.5
"""Of a GPU's free memory, where nothing else needs it: steps cost the same for few answers as for many."""


class TransformersEngine:
    """Answers with a transformers model in this process, its weights moved in place."""

    def __init__(
        self,
        model: "TensorSource",
        *,
        changed: Sequence[str] = (),
        options: EngineOptions = EngineOptions(),  # noqa: B008  # frozen
        picture: "Callable[[Path], Image] | None" = None,
    ) -> None:
        """Load the model.

        Args:
            model: the checkpoint that answers, with its weights; an adapter's values are loaded over them.
            changed: the tensors that candidates change.
            options: how it is loaded and asked.
            picture: an example's image -> its pixels, where they are not in files.

        Raises:
            SearchError: it cannot be loaded as a model that answers; the message says why.
        """
        folder = model.folder
        if folder is None:
            raise SearchError(f"Only the headers of {model.source} are here; to answer, it must be whole.")
        if scheme := model.identity().get("dequantized"):
            raise SearchError(
                f"{model.source} is quantised ({scheme}), and packed weights cannot be moved while it lives; "
                f"first write it unquantised: adamms merge {model.source} {model.source} --alpha 0 --out DIR."
            )
        require_auxiliary_files(model)
        self._source, self._moved = model, False
        names = list(model.tensors)
        self._picture = picture or open_image
        self._preparation = Preparation.from_folder(
            folder, trust_remote_code=options.trust_remote_code, vision_tower=options.vision_tower
        )
        original = original_llava(folder, vision_tower=options.vision_tower)
        spread = None
        if options.gpus_per_model is not None or options.device == "auto":
            # Late: most models go to one device.
            from adamms.answering.spread import spread_of

            spread = spread_of(options)
        self.model = load_model(
            folder,
            device=choose_device(options.device),
            dtype=options.dtype,
            trust_remote_code=options.trust_remote_code,
            original=original,
            image_token_id=getattr(self._preparation.processor, "image_token_id", None),
            spread=spread,
        )
        translate = original.live_name if original is not None else None
        if model.computed:
            # Once: those that the merge does not change stay so for every candidate.
            adapted = WeightUpdater(self.model, names=names, changed=model.computed, translate=translate)
            adapted.load_weights(model.tensor)
        require_same_weights(self.model, model, translate=translate, from_elsewhere=original is not None)
        self._updater = WeightUpdater(self.model, names=names, changed=changed, translate=translate)
        self._limit = self._longest = options.max_new_tokens
        self._batch_size = options.batch_size or BATCH
        self._batch_tokens = 0 if options.batch_size else BATCH_TOKENS
        weights = sum(parameter.nbytes for parameter in self.model.parameters())
        self._pool_bytes = max(int(weights * POOL_SHARE), POOL_LEAST)
        self._alpha = 0.0
        self._prompts: dict[str, Prompt] = {}
        self._vision_depends_on_candidate = False
        self._batches: dict[str, Sequence[Example]] = {}

    def grow_pool(self) -> None:
        """Decode more answers at once: what a search holds in memory is there, and the rest is free."""
        free = free_memory(self.device) or 0
        self._pool_bytes = max(self._pool_bytes, int(free * POOL_OF_FREE))

    def forget(self, *, limit: int | None = None) -> None:
        """Let go of the questions so far; `limit` is the longest answer to the next, else the engine's."""
        self._batches, self._prompts = {}, {}
        self._limit = self._longest if limit is None else limit

    def prepare(self, examples: Sequence[Example]) -> None:
        """Pre-process every question and encode every image, once for all candidates."""
        self._batches |= dict.fromkeys((example.id for example in examples), examples)
        # A mapping that was edited to change the vision side makes features depend on the candidate.
        self._vision_depends_on_candidate = reaches_vision(self.model, self._updater)
        self._prompts |= self._prepared(examples)

    @property
    def processor(self) -> Any:
        """The checkpoint's own processor."""
        return self._preparation.processor

    @property
    def device(self) -> torch.device:
        """Where the live model is."""
        device: torch.device = self.model.device
        return device

    @property
    def devices(self) -> Sequence[torch.device]:
        """All devices that the live model lies on."""
        return list(dict.fromkeys(tensor.device for tensor in live_tensors_of(self.model).values()))

    def _recordings(self, example: Example) -> dict[str, Any]:
        """A question's sounds and videos, as `Preparation.prepare` takes them."""
        if not (example.audio or example.video):
            return {}
        # Late: few questions have any.
        from adamms.answering.recordings import read_sound, read_video

        rate = self._preparation.sampling_rate
        return {
            "audio": [read_sound(path, rate=rate) for path in example.audio],
            "video": [read_video(path) for path in example.video],
        }

    def _prepared(self, examples: Sequence[Example]) -> dict[str, Prompt]:
        questions = {}
        read = inspect.signature(self.model.forward).parameters
        for example in examples:
            inputs = self._preparation.prepare(
                [self._picture(path) for path in example.images],
                example.prompt,
                **self._recordings(example),
            )
            self._check_length(example, inputs)
            # Some tokenizers number two sequences that a decoder does not tell apart.
            kept = {name: value for name, value in inputs.items() if name not in TYPES or name in read}
            questions[example.id] = Question(example.id, kept)
        # Questions about the same images share their features: the first of them has them encoded.
        first = {example.files: example.id for example in reversed(examples)}
        prompts: dict[str, Prompt] = {}
        for again in (False, True):
            turn = [
                dataclasses.replace(questions[example.id], vision=prompts[first[example.files]].vision)
                if again
                else questions[example.id]
                for example in examples
                if (first[example.files] != example.id) is again
            ]
            try:
                together = MOST_TOGETHER if self._batch_tokens else self._batch_size
                with explained(self.model):
                    made = capture_generate_inputs(self.model, turn, limit=self._limit, batch_size=together)
            except ValueError as error:
                raise SearchError(
                    f"{type(self.model).__name__} cannot be asked: {sentence(error)}"
                ) from error
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                raise MachineError(
                    f"There is not enough memory to encode the images ({sentence(error)}); use smaller ones "
                    "or another --compute-dtype."
                ) from error
            prompts |= {prompt.id: prompt for prompt in made}
        return prompts

    def _check_length(self, example: Example, inputs: dict[str, Tensor]) -> None:
        longest = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        length = cache_length(self.model, inputs)
        if longest is not None and length >= longest:
            raise SearchError(
                f"The input {example.id} ({shortened(example.prompt)}, {len(example.files)} file(s)) is "
                f"{length} tokens long; the model reads {longest}. Shorten it or use smaller files."
            )

    def load_weights(self, alpha: float, merged: Callable[[str], Tensor]) -> None:
        """Copy a candidate's weights into the live model."""
        self._updater.load_weights(merged)
        self._alpha = alpha
        self._moved = bool(self._updater.targets) and alpha != 0
        if self._vision_depends_on_candidate:
            self._prompts = {}

    def _prompt(self, id_: str) -> Prompt:
        """A question that was prepared; again, in the same company, where the weights have moved since."""
        if id_ not in self._prompts:
            batch = self._batches[id_]
            made = self._prepared(batch)
            self._prompts |= {key: prompt for key, prompt in made.items() if self._batches[key] is batch}
        return self._prompts[id_]

    def answer(self, ids: Collection[str], *, until: Collection[str] = ()) -> Iterator[Response]:
        """Greedy answers, batched and pooled; those of models that cannot be batched come one by one.

        Args:
            ids: prepared questions.
            until: texts at the first of which an answer ends; they are not part of it.
        """
        with explained(self.model):
            wanted = [self._prompt(id) for id in dict.fromkeys(ids)]
            for row in self._batched([prompt for prompt in wanted if prompt.batchable]):
                yield self._response(row, until)
            for prompt in wanted:
                if not prompt.batchable:
                    row = generate_single(self.model, prompt, tokenizer=self._preparation.tokenizer)
                    yield self._response(row, until)

    def _batched(self, prompts: Sequence[Prompt]) -> Iterator[Row]:
        left = {prompt.id: prompt for prompt in prompts}
        while left:
            oom = False
            try:
                for row in greedy(
                    self.model,
                    list(left.values()),
                    batch_size=self._batch_size,
                    batch_tokens=self._batch_tokens,
                    pool_bytes=self._pool_bytes,
                ):
                    del left[row.prompt.id]
                    yield row
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                self._halve(error)
                oom = True
            if oom:  # only here, behind the handler, nothing refers to what did not fit any more
                _free()

    def log_probabilities(
        self, answers: Mapping[str, Sequence[GivenAnswer]]
    ) -> Iterator[tuple[str, tuple[Likelihood, ...]]]:
        """How probable the candidate finds answers to prepared questions; nothing is generated."""
        # Late: most searches only generate.
        from adamms.answering.teacher_forcing import ForcedAnswer, ForcedQuestion, read_answers

        left = {
            id_: ForcedQuestion(
                self._prompt(id_),
                tuple(ForcedAnswer(self._tokens(answer.text), answer.finished) for answer in given),
            )
            for id_, given in answers.items()
        }
        while left:
            oom = False
            try:
                for id_, likelihoods in read_answers(
                    self.model, list(left.values()), batch_size=self._batch_size
                ):
                    del left[id_]
                    if any(math.isnan(likelihood.log_probability) for likelihood in likelihoods):
                        self._refuse_no_numbers()
                    yield id_, likelihoods
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                self._halve(error)
                oom = True
            if oom:
                _free()

    def _refuse_no_numbers(self) -> None:
        # Late: hardly any model comes to it.
        from adamms.answering.non_finite import refuse_no_numbers

        refuse_no_numbers(self.model, self._source, unchanged=not self._moved)

    def _tokens(self, text: str) -> tuple[int, ...]:
        """An answer's tokens; special tokens spelled out in it are text."""
        encoded = self._preparation.tokenizer(text, add_special_tokens=False, split_special_tokens=True)
        return tuple(encoded["input_ids"])

    def _halve(self, error: BaseException) -> None:
        if self._batch_size == 1:
            raise MachineError(
                "There is not enough memory to answer even one question at a time "
                f"({sentence(error)}); use smaller images, a smaller --max-new-tokens or another "
                "--compute-dtype."
            ) from error
        self._batch_size //= 2
        self._batch_tokens //= 2
        self._pool_bytes //= 2

    def _response(self, row: Row, until: Collection[str] = ()) -> Response:
        confidence = sum(row.probabilities) / len(row.probabilities)
        if not math.isfinite(confidence):
            self._refuse_no_numbers()
        return Response(
            id=row.prompt.id,
            alpha=self._alpha,
            response=self._preparation.decode(row.tokens, until=until),
            tokens=len(row.tokens),
            # A half-precision overflow makes them NaN, which is no number to be sure with.
            confidence=confidence if math.isfinite(confidence) else None,
            entropy=row.entropy if math.isfinite(row.entropy) else None,
            finished=row.ended,
        )


def open_transformers(request: EngineRequest) -> TransformersEngine:
    """The entry point `transformers` of `adamms.engines`."""
    return TransformersEngine(request.model, changed=request.changed, options=request.options)


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def generate_single(model: Any, prompt: Prompt, *, tokenizer: Any = None) -> Row:
    """One answer by the model's own `generate`, for models whose rows cannot share a batch safely."""
    out = model.generate(
        **model_inputs(model, Question(prompt.id, prompt.inputs, prompt.vision)),
        **GREEDY,
        max_new_tokens=prompt.limit,
        return_dict_in_generate=True,
        output_logits=True,
        tokenizer=tokenizer,
    )
    logits = torch.stack([step[0].float() for step in out.logits])
    tokens = out.sequences[0, -len(logits) :]
    shares = torch.log_softmax(logits, dim=-1)
    sure = shares.gather(1, tokens[:, None])[:, 0].exp()
    entropy = float(torch.special.entr(shares[0].exp()).sum())
    return Row(prompt, tokens.tolist(), sure.tolist(), entropy)


def open_image(path: Path) -> "Image":
    """An image as transformers itself opens one: turned upright, in RGB.

    Raises:
        SearchError: it does not open.
    """
    from PIL import ImageOps

    try:
        with opened_picture(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:  # damaged files make PIL's plug-ins raise nearly anything
        raise SearchError(f"The image {path} cannot be read: {sentence(error)}.") from error
