"""A model that answers whatever a harness asks: merged in memory from two, or one that lies on disk.

The weights are those that `adamms merge` would write (they come from the same blocks), but nothing is
written.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.adapters import open_model
from adamms.answering.engine import EngineOptions
from adamms.answering.transformers_engine import TransformersEngine
from adamms.checkpoints import TensorSource
from adamms.errors import RecipeError, SearchError
from adamms.evaluation.answering import merged_alpha
from adamms.merging.tensors import TensorMerger
from adamms.progress import Progress, Silent
from adamms.recipes.recipe import Recipe
from adamms.responses import Example
from adamms.runs.loading import load_models, method_of

if TYPE_CHECKING:
    from PIL.Image import Image

AT_ONCE = 256
"""Questions prepared together: what their pictures become must fit in memory."""


@dataclass(frozen=True)
class Asked:
    """One question of a harness."""

    images: tuple["Image", ...]
    prompt: str
    max_new_tokens: int | None = None
    """The longest answer; the engine's own when left out."""
    until: tuple[str, ...] = ()
    """Texts at the first of which the answer ends."""


@dataclass(frozen=True)
class Answered:
    """What was answered, and in how many tokens."""

    text: str
    tokens: int | None


class MergedModel:
    """A live model with its weights where they should be."""

    def __init__(self, folder: Path, live: TransformersEngine, pictures: "dict[str, Image]") -> None:
        self.folder = folder
        self.refused: list[str] = []
        """Why questions could not be asked (too many pictures for the model, say); their answer is empty."""
        self._engine = live
        self._pictures = pictures

    @classmethod
    def of_recipe(
        cls, recipe: Recipe, *, engine: EngineOptions | None = None, progress: Progress | None = None
    ) -> "MergedModel":
        """Load the base and move it to what the recipe merges.

        Args:
            recipe: the models, the mapping and the method; without a search.
            engine: how it answers.
            progress: told what a person should know.

        Raises:
            AdaMMSError: one sentence that says what is wrong, where, and what to do.
        """
        if recipe.search is not None:
            raise RecipeError("To be asked, a merged model needs its alpha: leave the search out.")
        method = method_of(recipe)
        with ExitStack() as models:
            parents = load_models(recipe, models, progress or Silent()).parents
            made = cls._load(parents.base, parents.changed(method), engine=engine or EngineOptions())
            alpha = method.settings.get("alpha")
            made._engine.load_weights(
                alpha if isinstance(alpha, float) else 0.0,
                TensorMerger(parents).candidate(method),
            )
        return made

    @classmethod
    def of_folder(cls, model: str, *, engine: EngineOptions | None = None) -> "MergedModel":
        """Load a model as it is; a folder or a hub id, with a LoRA `MODEL+ADAPTER`."""
        with open_model(model, download=True) as checkpoint:
            checkpoint.require_data()
            return cls._load(checkpoint, (), engine=engine or EngineOptions())

    @classmethod
    def _load(cls, base: TensorSource, changed: Sequence[str], *, engine: EngineOptions) -> "MergedModel":
        pictures: dict[str, Image] = {}
        live = TransformersEngine(
            base, changed=changed, options=engine, picture=lambda name: pictures[str(name)]
        )
        assert base.folder is not None  # or it would not have been loaded
        return cls(base.folder, live, pictures)

    @property
    def alpha(self) -> float:
        """Of a model on disk that was merged here: what its `adamms.json` says, else 0."""
        return merged_alpha(self.folder)

    @property
    def device(self) -> Any:
        """Where it lives: a torch device."""
        return self._engine.model.device

    def answer(self, questions: Sequence[Asked]) -> Iterator[tuple[int, Answered]]:
        """Greedy answers, batched, token for token those of one question at a time.

        Yields:
            The question's index and its answer, in any order.

        Raises:
            SearchError: no question can be asked of this model; the message says why.
        """
        groups: dict[tuple[int | None, tuple[str, ...]], list[int]] = {}
        for index, question in enumerate(questions):
            groups.setdefault((question.max_new_tokens, question.until), []).append(index)
        before = len(self.refused)
        for (limit, until), indices in groups.items():
            for start in range(0, len(indices), AT_ONCE):
                part = {str(index): questions[index] for index in indices[start : start + AT_ONCE]}
                for id_, answered in self._answers(part, limit=limit, until=until):
                    yield int(id_), answered
        if questions and len(self.refused) - before == len(questions):
            raise SearchError(f"None of {len(questions)} questions can be asked: {self.refused[-1]}")

    def _answers(
        self, part: dict[str, Asked], *, limit: int | None, until: tuple[str, ...]
    ) -> Iterator[tuple[str, Answered]]:
        """A group's answers; where it cannot be asked together, one by one, and "" where not even so."""
        try:
            self._engine.forget(limit=limit)
            self._engine.prepare([self._example(*row) for row in part.items()])
        except SearchError as error:
            if len(part) == 1:
                self.refused.append(str(error))
                yield from ((id_, Answered("", 0)) for id_ in part)
                return
            for id_, question in part.items():
                yield from self._answers({id_: question}, limit=limit, until=until)
            return
        finally:
            self._pictures.clear()
        for response in self._engine.answer(list(part), until=until):
            yield response.id, Answered(response.response, response.tokens)

    def _example(self, id_: str, question: Asked) -> Example:
        """The question with its pictures known by their contents: equal ones are encoded once."""
        names = []
        for image in question.images:
            rgb = image.convert("RGB")
            name = f"{hashlib.sha256(rgb.tobytes()).hexdigest()}-{rgb.width}x{rgb.height}"
            self._pictures[name] = rgb
            names.append(Path(name))
        return Example(id_, tuple(names), question.prompt)
