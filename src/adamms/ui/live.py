"""A loaded base that answers at any alpha: its weights move in place, nothing is written (section 3.3).

One model serves every visitor. Moving its weights, preparing a question and answering are one step that one
visitor has at a time, so that nobody gets an answer of somebody else's alpha or to somebody else's picture.
"""

import hashlib
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from adamms.answering.engine import EngineOptions
from adamms.merging import make_method
from adamms.progress import Progress, Silent
from adamms.recipes.recipe import make_recipe
from adamms.responses import Example, Response
from adamms.runs.loading import load_models

if TYPE_CHECKING:
    from PIL.Image import Image

METHOD = "linear"
"""The paper's (equation 1), and of all methods the one whose only setting is alpha."""
AT_ONCE = 2
"""Pairs that are held in memory; with a further one the one that was asked longest ago is let go."""


class LiveMerge:
    """One pair: the base, loaded, and what it becomes. A resource, so a context manager."""

    def __init__(
        self, base: str, donor: str, *, device: str | None = None, progress: Progress | None = None
    ) -> None:
        """Open, map and check both models and load the base; a hub id is downloaded.

        Args:
            base: a folder or hub id.
            donor: likewise.
            device: a torch device; the GPU where there is one when left out.
            progress: told what a person should know.

        Raises:
            AdaMMSError: one sentence that says what is wrong, where, and what to do.
        """
        # Late: torch takes seconds, and a page that only maps does not need it.
        from adamms.answering.transformers_engine import TransformersEngine
        from adamms.merging.parent_store import choose_parent_store
        from adamms.merging.tensors import TensorMerger

        self._pictures: dict[str, Image] = {}
        self._alpha: float | None = None
        self._asked: Example | None = None
        self._limit = 0
        with ExitStack() as opened:
            recipe = make_recipe(base=base, donor=donor, merge={"method": METHOD, "alpha": 0.5})
            parents = load_models(recipe, opened, progress or Silent()).parents
            method = make_method(METHOD, {"alpha": 0.5})
            self._engine = TransformersEngine(
                parents.base,
                changed=parents.changed(method),
                options=EngineOptions(device=device),
                picture=lambda name: self._pictures[str(name)],
            )
            store, _ = choose_parent_store(parents, method, device=self._engine.device)
            self._merger = TensorMerger(parents, store=store)
            self._models = opened.pop_all()

    def __enter__(self) -> "LiveMerge":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the files go."""
        self._models.close()

    def ask(self, alpha: float, images: "Sequence[Image]", prompt: str, *, limit: int = 32) -> Response:
        """The answer of the candidate alpha.

        Args:
            alpha: the donor's weight, from 0 to 1.
            images: the pictures that the question is about.
            prompt: the question.
            limit: the longest answer, in tokens.

        Raises:
            SearchError: this model cannot be asked this; the message says why.
        """
        named = {_name(image): image for image in images}
        example = Example("asked", tuple(map(Path, named)), prompt)
        if alpha != self._alpha:
            self._alpha = None  # between two candidates it is neither
            method = make_method(METHOD, {"alpha": alpha})
            self._engine.load_weights(alpha, self._merger.candidate(method))
            self._alpha = alpha
        if (example, limit) != (self._asked, self._limit):
            self._asked = None
            self._pictures = named
            self._engine.forget(limit=limit)
            self._engine.prepare([example])
            self._asked, self._limit = example, limit
        (response,) = self._engine.answer([example.id])
        return response


class LivePairs:
    """The pairs that are loaded, by their names; visitors share them, and ask one after the other."""

    def __init__(self, *, device: str | None = None, at_once: int = AT_ONCE) -> None:
        self._device, self._at_once = device, at_once
        self._lock = threading.Lock()
        self._pairs: dict[tuple[str, str], LiveMerge] = {}

    def ask(
        self,
        pair: tuple[str, str],
        alpha: float,
        images: "Sequence[Image]",
        prompt: str,
        *,
        limit: int,
    ) -> Response:
        """The answer of one pair at one alpha, the pair loaded first where it is not.

        Args:
            pair: base and donor, folders or hub ids.
            alpha: the donor's weight.
            images: the pictures that the question is about.
            prompt: the question.
            limit: the longest answer, in tokens.

        Raises:
            AdaMMSError: one sentence that says what is wrong, where, and what to do.
        """
        with self._lock:
            if pair not in self._pairs:
                for oldest in list(self._pairs)[: len(self._pairs) + 1 - self._at_once]:
                    self._pairs.pop(oldest).close()
                self._pairs[pair] = LiveMerge(*pair, device=self._device)
            # The last one asked stands last.
            live = self._pairs[pair] = self._pairs.pop(pair)
            return live.ask(alpha, images, prompt, limit=limit)

    def close(self) -> None:
        """Let all pairs go."""
        with self._lock:
            while self._pairs:
                self._pairs.popitem()[1].close()


def _name(image: "Image") -> str:
    """A picture known by its contents."""
    return f"{hashlib.sha256(image.tobytes()).hexdigest()}-{image.width}x{image.height}"
