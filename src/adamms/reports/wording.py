"""Numbers and models as people read them: counts, shares, bytes, and names short or as hubs accept them."""

import re
from pathlib import Path

from adamms.checkpoints.sources import PLUS, parts_of

HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", flags=re.ASCII)
HUB_CACHE = re.compile(r"models--([\w.-]+?)--([\w.-]+)$")


def number(value: float | None) -> str:
    """A count, or a distance with three digits after the point; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """A share from 0 to 1 as `78.5%`."""
    return f"{share:.1%}"


def parameters(count: int) -> str:
    """Three significant digits and a unit: `8.29 B`, `675 M`, `512`."""
    return _scaled(count, ("", " K", " M", " B", " T"))


def size(count: int) -> str:
    """Bytes with a decimal unit: `16.6 GB`."""
    return _scaled(count, (" B", " kB", " MB", " GB", " TB"))


def _scaled(count: int, units: tuple[str, ...]) -> str:
    value, index = float(count), 0
    # 999.5 would be written as 1000 of the smaller unit.
    while value >= 999.5 and index < len(units) - 1:
        value, index = value / 1000, index + 1
    digits = 0 if index == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f}{units[index]}"


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
