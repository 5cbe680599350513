"""A merge made again from what its `adamms.json` says, and compared with it file by file.

The merge that it holds is repeated beside the old one, from the same parents (whose fingerprints are compared
first); the same values in the same files have the same SHA-256.
"""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adamms import __version__
from adamms.adapters import open_model
from adamms.checkpoints.json_files import read_json
from adamms.checkpoints.sources import expanded
from adamms.errors import CheckpointError, MappingError
from adamms.mapping import ParameterMapping
from adamms.progress import Progress
from adamms.recipes.recipe import Recipe, make_recipe
from adamms.runs import pipeline
from adamms.runs.writing import ADAMMS_JSON, FILES, RECIPE_KEY, mapping_hash

MERGED = "merged"
"""Where a search's run directory has the chosen model."""


@dataclass(frozen=True)
class Reproduction:
    """A repeated merge beside the one it repeats."""

    version: str
    """Of the program that wrote the first."""
    files: dict[str, bool]
    """Every weight file of either, and whether both have it with the same SHA-256."""
    path: str | None
    """Where the repeated one lies; None where it was only compared."""

    @property
    def equal(self) -> bool:
        """Whether all files are the same, bit for bit."""
        return all(self.files.values())

    def to_json(self) -> dict[str, Any]:
        """What `adamms reproduce --json` prints."""
        return {"equal": self.equal, "repeated_with": __version__, **asdict(self)}


def reproduce(
    folder: Path,
    *,
    out: Path | None = None,
    base: str | None = None,
    donor: str | None = None,
    progress: Progress,
) -> Reproduction:
    """Repeat a merge and compare the files.

    Args:
        folder: a merged checkpoint of ours, or a search's run directory.
        out: where the repeated one is kept; a folder beside `folder` that is removed, when left out.
        base: where the base lies now, if elsewhere than then.
        donor: the same of the donor.
        progress: told how far it is.

    Raises:
        CheckpointError: `adamms.json` does not say enough, or a parent is not what it was.
        AdaMMSError: whatever a merge raises.
    """
    folder = expanded(folder)
    about = _about(folder / MERGED if (folder / MERGED / ADAMMS_JSON).is_file() else folder)
    places = {"base": base, "donor": donor}
    parts = about[RECIPE_KEY] | {role: place for role, place in places.items() if place}
    recipe = make_recipe(**parts)
    if recipe.search is not None:
        # A merge has none. A search could name a command, or code that is trusted: a stranger's wish.
        raise CheckpointError(
            f"{folder / ADAMMS_JSON} holds a recipe that searches, which no merge has: it was changed, and "
            "nothing of it is run."
        )
    _require_same_parents(recipe, about)
    if out is not None:
        return _compared(about, _merged(recipe, out, progress), path=out)
    with tempfile.TemporaryDirectory(prefix=".reproduced-", dir=folder.absolute().parent) as scratch:
        return _compared(about, _merged(recipe, Path(scratch) / folder.name, progress), path=None)


def _about(folder: Path) -> dict[str, Any]:
    try:
        about = read_json(folder / ADAMMS_JSON)
        parts = [about.get(key) for key in (RECIPE_KEY, FILES)] if isinstance(about, dict) else [None]
    except (OSError, ValueError):
        raise CheckpointError(
            f"{folder} is not a merged model of ours: there is no readable {ADAMMS_JSON} in it."
        ) from None
    if not all(isinstance(part, dict) for part in parts):
        raise CheckpointError(
            f"{folder / ADAMMS_JSON} holds no recipe or no hashes: an earlier version wrote it, or it was "
            "changed; repeat the merge with `adamms run` and its recipe.yaml."
        )
    return dict(about)


def _require_same_parents(recipe: Recipe, about: dict[str, Any]) -> None:
    """Insist that the parents and an edited mapping are what they were, before anything long begins."""
    for role, source in (("base", recipe.base), ("donor", recipe.donor)):
        identity = about.get(role)
        then = identity.get("fingerprint") if isinstance(identity, dict) else None
        with open_model(source) as model:
            if model.identity()["fingerprint"] != then:
                raise CheckpointError(
                    f"The {role} {source} is not what was merged: its fingerprint differs from the one in "
                    f"{ADAMMS_JSON}; name the right one with --{role}."
                )
    if recipe.mapping.file is None:
        return
    try:
        mapping = ParameterMapping.from_json(read_json(recipe.mapping.file))
    except (OSError, ValueError) as error:
        raise MappingError(f"The mapping {recipe.mapping.file} cannot be read: {error}.") from None
    then = about.get("mapping")
    if not isinstance(then, dict) or mapping_hash(mapping) != then.get("sha256"):
        raise MappingError(f"The mapping {recipe.mapping.file} is not the one that was merged with.")


def _merged(recipe: Recipe, out: Path, progress: Progress) -> dict[str, Any]:
    pipeline.run(recipe, out, progress=progress)
    return _about(out)


def _compared(before: dict[str, Any], after: dict[str, Any], *, path: Path | None) -> Reproduction:
    first, second = before[FILES], after[FILES]
    return Reproduction(
        version=str(before.get("version")),
        files={name: first.get(name) == second.get(name) for name in {**first, **second}},
        path=None if path is None else str(path),
    )
