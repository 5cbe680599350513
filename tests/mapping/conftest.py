"""LoadedModels checkpoints of the real layouts, each written once for the whole session."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import layouts
from adamms.checkpoints import Checkpoint

Open = Callable[[str], Checkpoint]
Build = Callable[..., Checkpoint]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """A function from a hub id to the opened layout of that model."""
    folder = tmp_path_factory.mktemp("layouts")
    opened: dict[str, Checkpoint] = {}
    with ExitStack() as stack:

        def open_layout(name: str) -> Checkpoint:
            if name not in opened:
                opened[name] = stack.enter_context(Checkpoint.open(layouts.write_layout(folder, name)))
            return opened[name]

        yield open_layout


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """A function that opens a checkpoint of given tensors, config and tokens."""
    with ExitStack() as stack:

        def build_checkpoint(
            name: str,
            tensors: layouts.Tensors,
            *,
            config: dict[str, Any] | None = None,
            tokens: dict[str, int] | None = None,
        ) -> Checkpoint:
            path = layouts.write_checkpoint(tmp_path / name, tensors, config=config)
            if tokens is not None:
                layouts.write_tokenizer(path, tokens)
            return stack.enter_context(Checkpoint.open(path))

        yield build_checkpoint
