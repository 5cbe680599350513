"""Where a merged model lies: in the folder that was named, or in a search's run directory."""

from difflib import get_close_matches
from pathlib import Path

from adamms.checkpoints.sources import expanded
from adamms.errors import CheckpointError

ABOUT = "adamms.json"
MERGED = "merged"
"""What a search's run directory calls the chosen candidate."""


def merged_folder(path: str | Path) -> Path:
    """The folder of a merged model of ours; of a run directory its `merged/`.

    Raises:
        CheckpointError: there is no such folder, or no merged model of ours in it.
    """
    folder = expanded(path)
    if not folder.exists():
        near = get_close_matches(folder.name, _names_in(folder.parent), n=1)
        meant = f" Did you mean {Path(path).parent / near[0]}?" if near else ""
        raise CheckpointError(f"There is no folder {path}.{meant}")
    for place in (folder, folder / MERGED):
        if (place / ABOUT).is_file():
            return place
    raise CheckpointError(
        f"{path} is not a merged model of ours: there is no readable {ABOUT} in it; give the folder that "
        "`adamms merge` wrote, or a search's run directory."
    )


def _names_in(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError:
        return []
