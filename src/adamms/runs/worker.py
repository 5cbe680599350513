"""A worker's side of a search: the models that its configuration names, opened and mapped where it runs.

Weights never travel. Each worker reads its own copy, and one on another machine makes sure that it is the
same as where the run began.
"""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from adamms import __version__
from adamms.answering.engine import DEFAULT
from adamms.answering.tasks import Answer, Task
from adamms.checkpoints.copies import copy_of, difference
from adamms.errors import AdaMMSError, CheckpointError, SearchError
from adamms.progress import Silent
from adamms.recipes.recipe import Recipe
from adamms.responses import Example
from adamms.runs.live_models import LiveModels
from adamms.runs.loading import LoadedModels, load_models
from adamms.workers.parent_death import die_with_parent

FACTORY = f"{__name__}:open_worker"


def configuration(
    loaded: LoadedModels, examples: Sequence[Example], *, scratch: Path | None, threads: int | None = None
) -> dict[str, Any]:
    """What a worker is told, as it travels.

    Args:
        loaded: the models and the recipe.
        examples: all questions that may be asked.
        scratch: a folder of its own on this machine; None where it runs on another, which is then compared.
        threads: torch's, where it would not take as many by itself.
    """
    copies = None
    if scratch is None:
        copies = [[model.source, copy_of(model)] for model in loaded.parents.checkpoints]
    return {
        "version": __version__,
        "libraries": _libraries(),
        "recipe": loaded.recipe.model_dump(mode="json"),
        "examples": [
            [example.id, example.prompt, *(list(map(str, files)) for files in _files(example))]
            for example in examples
        ],
        "scratch": None if scratch is None else str(scratch),
        "copies": copies,
        "threads": threads,
    }


class Worker:
    """The models of a search in a worker."""

    def __init__(self, config: Mapping[str, Any], say: Callable[[str], None]) -> None:
        """Open and map them.

        Args:
            config: what `configuration` gave.
            say: told in a line what a person should know.

        Raises:
            AdaMMSError: a model cannot be opened, or it is another copy than where the run began.
        """
        recipe = Recipe.model_validate(config["recipe"])
        assert recipe.search is not None
        self._where = None if config["copies"] is None else platform.node()
        if self._where is None and recipe.search.engine_name == DEFAULT:
            die_with_parent()
        self._stack = ExitStack()
        if config["threads"] is not None:
            import torch

            torch.set_num_threads(config["threads"])
        if recipe.search.engine_name == DEFAULT:
            # What takes longest to import, before it is said that it can work.
            import_module("adamms.answering.transformers_engine")
        try:
            loaded = load_models(recipe, self._stack, Silent(), checked=True)
            if config["copies"] is not None:
                self._compare(config, loaded, say)
        except AdaMMSError as error:
            self._stack.close()
            raise self._placed(error) from error
        scratch = config["scratch"] or self._stack.enter_context(TemporaryDirectory(prefix="adamms-"))
        examples = [_example(*entry) for entry in config["examples"]]
        self._models = LiveModels(loaded, examples, scratch=Path(scratch), say=say)

    def perform(self, task: Task) -> Iterator[Answer]:
        """The answers to a task's inputs, in any order.

        Raises:
            SearchError: the model cannot be loaded or asked; the message says why, and where.
        """
        try:
            yield from self._models.perform(task)
        except AdaMMSError as error:
            raise self._placed(error) from error

    def close(self) -> None:
        """Let everything go."""
        self._models.close()
        self._stack.close()

    def _placed(self, error: AdaMMSError) -> AdaMMSError:
        """The error, with the machine where it was met if that is another."""
        if self._where is None:
            return error
        text = f"On {self._where}: {error}"
        return type(error)(text) if type(error).__init__ is Exception.__init__ else SearchError(text)

    def _compare(self, config: Mapping[str, Any], loaded: LoadedModels, say: Callable[[str], None]) -> None:
        """Insist that this machine holds what the run began with."""
        if config["version"] != __version__:
            raise SearchError(
                f"adamms is {__version__} here and {config['version']} where the run began; install the same."
            )
        for name, theirs in config["libraries"].items():
            ours = _libraries().get(name)
            if ours != theirs:
                say(f"{name} is {ours} on {self._where} and {theirs} here, so last digits may differ.")
        for (source, expected), model in zip(config["copies"], loaded.parents.checkpoints, strict=True):
            if (what := difference(expected, copy_of(model))) is not None:
                raise CheckpointError(
                    f"{model.source} is another copy of {source} than where the run began: {what}. Put the "
                    "same files there, or leave that machine out."
                )


def open_worker(config: dict[str, Any], say: Callable[[str], None]) -> Worker:
    """What works a worker's tasks off; named by `FACTORY`.

    Raises:
        AdaMMSError: a model cannot be opened, or it is another copy than where the run began.
    """
    return Worker(config, say)


def _libraries() -> dict[str, str]:
    """The versions on which digits depend."""
    versions = {}
    for name in ("torch", "transformers"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "absent"
    return versions


def _files(example: Example) -> tuple[tuple[Path, ...], ...]:
    return example.images, example.audio, example.video


def _example(id_: str, prompt: str, *files: Sequence[str]) -> Example:
    images, audio, video = (tuple(map(Path, paths)) for paths in files)
    return Example(id_, images, prompt, audio=audio, video=video)
