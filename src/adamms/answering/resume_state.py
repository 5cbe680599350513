"""What answers depend on besides a run's settings: the models' files, the questions and their pictures.

Noted beside the answers while a run lasts, so that a resumed one never mixes the answers of two states.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adamms.checkpoints.json_files import read_json
from adamms.checkpoints.sources import expanded
from adamms.errors import SearchError
from adamms.responses.inputs import Example

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

ASKED = "asked.json"


def check_unchanged(
    folder: Path,
    models: "Iterable[TensorSource]",
    examples: Sequence[Example],
    *,
    vision_towers: Sequence[str | None] = (),
    files: Sequence[Path | None] = (),
) -> None:
    """Insist that everything is what it was when the first answers came; note it if these are the first.

    A file is the same while its size and the time of its last change are, a model of the hub while its
    revision is, a question while its words are.

    Args:
        folder: the run's, where the note is or will be.
        models: all that are read; their weights and whatever travels with them.
        examples: the questions.
        vision_towers: folders that are read as well, where there are any.
        files: whatever else is read: a mapping, answers given elsewhere.

    Raises:
        SearchError: something was changed.
    """
    path = folder / ASKED
    now: dict[str, object] = dict(_file(file) for file in files if file is not None)
    now |= dict(_state(models, examples, [tower for tower in vision_towers if tower]))
    try:
        before = read_json(path)
    except (FileNotFoundError, ValueError):
        before = now  # the first answers are to come, even where a run was killed while it wrote this
    if not isinstance(before, dict):
        raise SearchError(f"{path} is damaged; start anew with --overwrite instead of --resume.")
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if changed:
        more = f" (and {len(changed) - 1} more)" if changed[1:] else ""
        raise SearchError(
            f"Since the interrupted run began, {changed[0]}{more} has changed, so its answers no longer go "
            "with new ones: put back what was there, or start anew with --overwrite instead of --resume."
        )
    path.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")


def _state(
    models: "Iterable[TensorSource]", examples: Sequence[Example], vision_towers: Sequence[str]
) -> Iterator[tuple[str, object]]:
    for model in models:
        yield from model.versions().items()
    for tower in map(expanded, vision_towers):
        if tower.is_dir():
            yield from (_file(path) for path in sorted(tower.iterdir()) if path.is_file())
    for example in examples:
        yield f"the input {example.id!r}", [example.prompt, *(str(file.resolve()) for file in example.files)]
    for file in dict.fromkeys(file for example in examples for file in example.files):
        yield _file(file)


def _file(path: Path) -> tuple[str, list[int]]:
    about = path.stat()
    return str(path.resolve()), [about.st_size, about.st_mtime_ns]
