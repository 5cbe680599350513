"""What goes to a hub: a merged model's files, a card with what was measured, no path of the maker's machine.

`adamms.json`, the recipe and the card name folders by their own names; the card is written anew, so that it
holds the scores and licences that are known now. The weights go as they are.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adamms.checkpoints.auxiliary_files import ABOUT
from adamms.checkpoints.json_files import read_json
from adamms.checkpoints.limits import CONFIG
from adamms.checkpoints.local_files import read_text
from adamms.checkpoints.plain_yaml import read_yaml, write_yaml
from adamms.checkpoints.published_files import PublishedFiles
from adamms.checkpoints.publishing import Published, publish, to_publish
from adamms.errors import CheckpointError
from adamms.reports.measured import read_measured
from adamms.reports.model_card import CURVE, licences, model_card, read_config, sources_of
from adamms.reports.private_paths import settings_without_paths, without_paths
from adamms.responses.candidates import RECIPE

CARD = "README.md"
NOT_SETTINGS = ("tokenizer.json", "vocab.json", "added_tokens.json", "model.safetensors.index.json")
"""JSON files that hold no settings, or tokens that only look like paths."""


@dataclass(frozen=True)
class Publication:
    """A merged model as it would be published."""

    folder: Path
    model: str
    """`owner/name` on the hub."""
    files: PublishedFiles
    contents: Mapping[str, bytes]
    """Files that go otherwise than they lie there, or only there."""
    warnings: tuple[str, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Name -> bytes, of all that goes."""
        names = sorted({*self.files.names, *self.contents})
        return {
            name: len(self.contents[name]) if name in self.contents else (self.folder / name).stat().st_size
            for name in names
        }

    def publish(self, *, private: bool = False, revision: str | None = None) -> Published:
        """Upload it; arguments and errors as in `adamms.checkpoints.publishing.publish`."""
        return publish(self.folder, self.model, private=private, revision=revision, contents=self.contents)


def prepare(folder: str | Path, model: str, *, scores: Sequence[str | Path] = ()) -> Publication:
    """What would go to a hub; nothing is sent.

    Args:
        folder: a merged checkpoint, or a search's run directory.
        model: `owner/name`, by which the card says that it is loaded.
        scores: what evaluations of it kept, for its card.

    Raises:
        CheckpointError: it is not a complete checkpoint of ours.
        EvaluationError: scores cannot be read, or are another model's.
    """
    merged, files = to_publish(folder)
    measured = [score for path in scores for score in read_measured(path, model=merged)]
    try:
        about = read_json(merged / ABOUT)
        sources = sources_of(about)
        recipe = read_text(merged / RECIPE) if RECIPE in files.names else None
        curve = CURVE if CURVE in files.names else None
        config = read_config(merged)
        card = model_card(about, config, recipe=recipe, curve=curve, measured=measured, name=model)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{merged / ABOUT} or the recipe beside it is damaged ({error}); merge again to publish."
        ) from None
    contents = {CARD: card.encode(), ABOUT: _json(without_paths(about, sources))}
    if recipe is not None:
        contents[RECIPE] = write_yaml(without_paths(read_yaml(recipe), sources)).encode()
    contents |= _settings(merged, files.names)
    return Publication(merged, model, files, contents, licences(about).warnings)


def _settings(merged: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The settings that say where something lay on this machine, without it."""
    changed = {}
    for name in names:
        if not name.endswith(".json") or name in (*NOT_SETTINGS, ABOUT):
            continue
        try:
            settings = read_json(merged / name, limit=CONFIG)
        except (OSError, ValueError):
            continue
        if (published := settings_without_paths(settings)) != settings:
            changed[name] = _json(published)
    return changed


def _json(data: Any) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
