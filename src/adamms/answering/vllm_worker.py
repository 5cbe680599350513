"""Under vLLM's own Python: a loaded vLLM that becomes candidates, answers, and reads given answers.

    python -m adamms.answering.vllm_worker ...        (started by `vllm_engine.py`, over `other_python.py`)

Prompts are prepared as for transformers: the checkpoint's chat template, its tokenizer; vLLM puts the
pictures' tokens in their places. Sampling is greedy with the checkpoint's own penalties, as `generate` does
it. Needs the packages of vLLM's environment and this package, no others.
"""

import math
import os
import pickle
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from adamms.answering.other_python import serve
from adamms.errors import SearchError

EXTENSION = "adamms.answering.vllm_extension.MergingWorker"
MOST_TOKENS = 4096
"""Tokens a step, at most: reading needs the logits of all of them at once."""
UNDER_WAY = 512
"""Questions that vLLM has at once."""
INVARIANT = "VLLM_BATCH_INVARIANT"
NEEDED = (8, 0)
"""The compute capability from which vLLM's batch-invariant kernels run."""


@dataclass(frozen=True)
class Question:
    """A prepared question: what vLLM is given."""

    tokens: list[int]
    images: tuple[str, ...]


class VllmCalls:
    """What `VllmEngine` calls."""

    def __init__(self) -> None:
        self._llm: Any = None
        self._settings: dict[str, Any] = {}
        self._preparation: Any = None
        self._questions: dict[str, Question] = {}
        self._images = 0
        self._described: dict[int, bytes] = {}
        self._become: tuple[int, bytes, list[str]] | None = None
        self._number = 0
        self._limit: int | None = None

    def open(self, settings: dict[str, Any]) -> None:
        """Take the settings.

        Raises:
            SearchError: vLLM is not here.
        """
        self._settings = settings
        try:
            from vllm.platforms import current_platform
        except ImportError as error:
            raise SearchError(f"vLLM cannot be imported by {sys.executable}: {error}.") from None
        if current_platform.is_cuda() and current_platform.has_device_capability(NEEDED):
            os.environ.setdefault(INVARIANT, "1")
        from adamms.answering.preparation import Preparation

        self._preparation = Preparation.from_folder(
            Path(settings["folder"]), trust_remote_code=settings["trust_remote_code"]
        )

    def forget(self, limit: int | None) -> None:
        """Let go of the questions; the next have answers of at most `limit` tokens, else of the settings'."""
        self._questions.clear()
        self._limit = limit

    def prepare(self, questions: Sequence[tuple[str, tuple[str, ...], str]]) -> None:
        """Tokenize questions, and load the model for as many pictures as they show.

        Raises:
            SearchError: the model cannot be loaded or asked so.
        """
        for id_, images, prompt in questions:
            self._questions[id_] = Question(self._tokens(len(images), prompt), images)
        most = max((len(images) for _, images, _ in questions), default=0)
        if self._llm is None or most > self._images:
            self._images = max(most, self._images)
            self._load()

    def _tokens(self, images: int, prompt: str) -> list[int]:
        tokenizer = self._preparation.tokenizer
        text = self._preparation.render(images, prompt)
        beginning = getattr(tokenizer, "bos_token", None)
        # As transformers has it: a template that writes the first token gets no second.
        special = beginning is None or not text.startswith(beginning)
        return list(tokenizer(text, add_special_tokens=special)["input_ids"])

    def _load(self) -> None:
        # Late: it takes seconds, and what is wrong before is said without it.
        from vllm import LLM
        from vllm.platforms import current_platform

        self._end()
        settings, on_cpu = self._settings, current_platform.is_cpu()
        first = settings["first"]
        # What vLLM cannot read by itself is handed to it tensor by tensor.
        unread = {"load_format": "dummy"} if first is not None and first["renamed"] else {}
        limits = {"limit_mm_per_prompt": {"image": self._images}} if self._images else {}
        batch = {"max_num_seqs": settings["batch_size"]} if settings["batch_size"] else {}
        self._llm = LLM(
            model=settings["folder"],
            dtype=settings["dtype"] or ("float32" if on_cpu else "auto"),
            tensor_parallel_size=settings["gpus_per_model"] or 1,
            trust_remote_code=settings["trust_remote_code"],
            worker_extension_cls=EXTENSION,
            # On a CPU compiling takes longer than it saves in a search.
            enforce_eager=on_cpu,
            max_model_len=-1,
            max_num_batched_tokens=MOST_TOKENS,
            disable_log_stats=True,
            seed=0,
            **unread,
            **limits,
            **batch,
        )
        if first is not None:
            self._in_workers("adamms_load", first["model"], list(first["names"]), first["renamed"])
        # Loaded anew for more pictures: it was a candidate before.
        for number, described in self._described.items():
            self._in_workers("adamms_describe", number, described)
        if self._become is not None:
            self._in_workers("adamms_become", *self._become)

    def describe(self, number: int, described: Any) -> None:
        """Have the models of a merge opened in vLLM's workers."""
        self._described[number] = pickle.dumps(described)
        if self._llm is not None:
            self._in_workers("adamms_describe", number, self._described[number])

    def become(self, number: int, method: Any, changed: Sequence[str]) -> None:
        """Have a candidate merged in vLLM's workers."""
        self._become = (number, pickle.dumps(method), list(changed))
        if self._llm is not None:
            self._in_workers("adamms_become", *self._become)
            # Keys and values of the candidate before.
            self._llm.reset_prefix_cache()

    def _in_workers(self, name: str, *arguments: Any) -> None:
        self._llm.collective_rpc(name, args=arguments)

    def answer(self, ids: Sequence[str]) -> Iterator[tuple[str, str, int, float | None, bool]]:
        """Greedy answers: id, text, tokens, mean probability of a token, whether it ended by itself."""
        sampling = self._sampling(max_tokens=self._limit or self._settings["max_new_tokens"], logprobs=0)
        for id_, output in self._generated(ids, [partial(self._prompt, id_) for id_ in ids], sampling):
            chosen = output.outputs[0]
            tokens = list(chosen.token_ids)
            sure = [
                math.exp(entry[token].logprob) for token, entry in zip(tokens, chosen.logprobs, strict=True)
            ]
            confidence = sum(sure) / len(sure) if sure else math.nan
            text = self._preparation.decode(tokens)
            ended = chosen.finish_reason == "stop"
            yield id_, text, len(tokens), confidence if math.isfinite(confidence) else None, ended

    def read(
        self, answers: Mapping[str, Sequence[tuple[str, bool]]]
    ) -> Iterator[tuple[str, list[tuple[float, int]]]]:
        """How probable given answers are: id, and of each answer the log-probability and the tokens.

        The end is whichever of the model's end tokens: their probabilities are added.
        """
        ends = self._ends()
        asked: list[tuple[str, int, list[int], bool]] = []
        for id_, given in answers.items():
            for number, (text, finished) in enumerate(given):
                encoded = self._preparation.tokenizer(
                    text, add_special_tokens=False, split_special_tokens=True
                )
                asked.append((id_, number, list(encoded["input_ids"]), finished))
        prompts = [partial(self._prompt, id_, tokens) for id_, _, tokens, _ in asked]
        # The next token's probabilities tell how sure the end is; one has to be generated for them.
        sampling = self._sampling(max_tokens=1, prompt_logprobs=0, logprob_token_ids=list(ends) or None)
        values: dict[str, dict[int, tuple[float, int]]] = {id_: {} for id_ in answers}
        for (id_, number, tokens, finished), output in self._generated(asked, prompts, sampling):
            read = output.prompt_logprobs[len(output.prompt_logprobs) - len(tokens) :]
            total = sum(entry[token].logprob for token, entry in zip(tokens, read, strict=True))
            if finished and ends:
                after = output.outputs[0].logprobs[0]
                total += math.log(sum(math.exp(after[end].logprob) for end in ends) or 1e-300)
            values[id_][number] = (total, len(tokens) + bool(finished and ends))
            if len(values[id_]) == len(answers[id_]):
                yield id_, [values[id_][place] for place in range(len(answers[id_]))]

    def _prompt(self, id_: str, answer: Sequence[int] = ()) -> dict[str, Any]:
        from PIL import ImageOps

        from adamms.responses.picture_files import opened_picture

        question = self._questions[id_]
        prompt: dict[str, Any] = {"prompt_token_ids": [*question.tokens, *answer]}
        if question.images:
            pictures = []
            for path in question.images:
                with opened_picture(path) as image:
                    pictures.append(ImageOps.exif_transpose(image).convert("RGB"))
            prompt["multi_modal_data"] = {"image": pictures}
        return prompt

    def _sampling(self, **settings: Any) -> Any:
        from vllm import SamplingParams

        penalty = self._llm.get_default_sampling_params().repetition_penalty
        return SamplingParams(temperature=0.0, repetition_penalty=penalty, **settings)

    def _ends(self) -> tuple[int, ...]:
        """The tokens that end an answer, as the checkpoint's generation config and its tokenizer say."""
        config = self._llm.model_config.try_get_generation_config() or {}
        ends = config.get("eos_token_id")
        if ends is None:
            ends = self._preparation.tokenizer.eos_token_id
        if ends is None:
            return ()
        return tuple(ends) if isinstance(ends, list | tuple) else (int(ends),)

    def _generated(
        self, keys: Sequence[Any], prompts: Sequence[Callable[[], dict[str, Any]]], sampling: Any
    ) -> Iterator[tuple[Any, Any]]:
        """Finished outputs beside what they belong to, as they come."""
        engine, waiting = self._llm.llm_engine, deque(zip(keys, prompts, strict=True))
        under_way: dict[str, Any] = {}
        while waiting or under_way:
            # Pictures of what waits are not yet prepared, so they take no memory.
            while waiting and len(under_way) < UNDER_WAY:
                key, prompt = waiting.popleft()
                self._number += 1
                under_way[str(self._number)] = key
                engine.add_request(str(self._number), prompt(), sampling)
            for output in engine.step():
                if output.finished:
                    yield under_way.pop(output.request_id), output

    def close(self) -> None:
        """End vLLM."""
        self._end()

    def _end(self) -> None:
        if self._llm is not None:
            self._llm.llm_engine.engine_core.shutdown()
            self._llm = None


def main() -> None:
    """Serve."""
    calls = VllmCalls()
    serve(calls)
    calls.close()


if __name__ == "__main__":
    main()
