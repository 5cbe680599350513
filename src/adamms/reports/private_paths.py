"""Paths of the maker's machine, taken out of what is published: folders tell of users and customers.

A model's folder becomes its name, as on the card; what is no path stays as it is.
"""

import os
import re
from collections.abc import Sequence
from typing import Any

from adamms.checkpoints.sources import PLUS
from adamms.reports.wording import short_name

PATH = re.compile(r"(?:/|~[\w-]*/|[A-Za-z]:[\\/]|\\\\)\S.*", flags=re.DOTALL)
"""A text that is a path and nothing else: absolute, of a home folder, or of Windows."""
ADAPTERS = re.compile(r"\+(?=/|~|[A-Za-z]:[\\/])")
"""Between a model's folder and that of an adapter."""
NAMING = ("_name_or_path", "name_or_path")
"""Keys of a model's settings under which transformers notes where it was loaded from."""
LONGEST = 4096


def without_paths(value: Any, sources: Sequence[str] = ()) -> Any:
    """A document with the names of folders in the place of their paths.

    Args:
        value: of JSON or YAML.
        sources: the models' folders, which are looked for inside sentences, too.
    """
    if isinstance(value, dict):
        return {key: without_paths(entry, sources) for key, entry in value.items()}
    if isinstance(value, list):
        return [without_paths(entry, sources) for entry in value]
    if not isinstance(value, str):
        return value
    for source in sorted(sources, key=len, reverse=True):
        if PATH.fullmatch(source):
            value = value.replace(source, _name(source))
    return _name(value) if len(value) <= LONGEST and PATH.fullmatch(value) else value


def settings_without_paths(value: Any) -> Any:
    """A model's settings without the place where it was loaded from, or any other that is on this machine."""
    if isinstance(value, dict):
        return {
            key: _name(entry)
            if isinstance(entry, str) and _is_private(entry, named=key in NAMING)
            else settings_without_paths(entry)
            for key, entry in value.items()
        }
    if isinstance(value, list):
        return [settings_without_paths(entry) for entry in value]
    return _name(value) if isinstance(value, str) and _is_private(value, named=False) else value


def _is_private(text: str, *, named: bool) -> bool:
    if len(text) > LONGEST or not PATH.fullmatch(text):
        return False
    return named or os.path.lexists(os.path.expanduser(text))  # noqa: PTH111 (a text that may be no path)


def _name(path: str) -> str:
    """A folder's own name, and those of adapters behind it."""
    names = (short_name(part) for part in ADAPTERS.split(path))
    return PLUS.join(
        re.split(r"[\\/]", name.rstrip("\\/"))[-1] if PATH.fullmatch(name) else name for name in names
    )
