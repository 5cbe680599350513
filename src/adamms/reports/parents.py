"""How a merge's two parents are called: short for people, and as hubs accept it for their metadata."""

import re
from pathlib import Path

from adamms.checkpoints.sources import PLUS, parts_of

HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", flags=re.ASCII)
HUB_CACHE = re.compile(r"models--([\w.-]+?)--([\w.-]+)$")


def short_name(source: str) -> str:
    """A parent's name without folders; a hub id stays as it is, and a hub cache's folder becomes one.

    A model with adapters is named with them: `base+adapter`.
    """
    return PLUS.join(_short(part) for part in parts_of(source))


def _short(source: str) -> str:
    path = Path(source)
    if not path.is_absolute():
        return source
    for part in (path, *path.parents):
        if match := HUB_CACHE.match(part.name):
            return "/".join(match.groups())
    return path.name or source


def model_id(source: str) -> str:
    """A name that hubs accept as `base_model`: the hub id, or for a folder its own name; never a path."""
    name = short_name(source)
    if HUB_ID.fullmatch(name):
        return name
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.") or "unnamed"
