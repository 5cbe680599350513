"""What transformers reads of a checkpoint's settings: sound, as small as it should be, and fetching no code.

transformers reads these files without limits, and some of their values name code on a hub: kernels that it
downloads and runs (`attn_implementation: owner/name`), a way to generate (`custom_generate`). Code of a
checkpoint runs only if the user trusts it, wherever it lies.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adamms.checkpoints.json_files import read_json
from adamms.checkpoints.limits import CONFIG, TEMPLATE
from adamms.checkpoints.local_files import read_text
from adamms.errors import SearchError

SETTINGS = (
    "config.json",
    "generation_config.json",
    "processor_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.json",
)
TEMPLATES = ("chat_template.jinja",)
# Settings that name an implementation; one with a slash in it is a repository of kernels.
IMPLEMENTATIONS = (
    "attn_implementation",
    "_attn_implementation",
    "_attn_implementation_internal",
    "experts_implementation",
    "_experts_implementation",
    "_experts_implementation_internal",
)
# Settings that are code on a hub whenever they are set.
CODE = ("custom_generate", "use_kernels", "kernel_config")


def require_sound_settings(folder: Path, *, trust_remote_code: bool) -> None:
    """Insist that a checkpoint's settings can be read within bounds and fetch no code that is not trusted.

    Raises:
        SearchError: a file is no file, too large, no JSON, unfolds beyond all bounds, or names code.
    """
    for name in (*SETTINGS, *TEMPLATES):
        path = folder / name
        if not os.path.lexists(path):
            continue
        try:
            if name in TEMPLATES:
                read_text(path, limit=TEMPLATE)
                continue
            values = read_json(path, limit=CONFIG)
        except OSError as error:
            raise SearchError(f"{name} in {folder} cannot be read: {error.strerror}.") from None
        except ValueError as error:
            reason = str(error).splitlines()[0][:200]
            raise SearchError(f"{name} in {folder} is not valid JSON: {reason}.") from None
        if not trust_remote_code and (code := next(_fetched(values), None)) is not None:
            key, value = code
            raise SearchError(
                f"{name} in {folder} sets {key} to {str(value)[:80]!r}, which makes transformers fetch code "
                "from a hub and run it; take that line out, or read that code and pass --trust-remote-code."
            )


def _fetched(values: Any) -> Iterator[tuple[str, Any]]:
    """The settings that name code on a hub, nested ones included."""
    if isinstance(values, list):
        for value in values:
            yield from _fetched(value)
    if not isinstance(values, dict):
        return
    for key, value in values.items():
        if (key in CODE and value) or (key in IMPLEMENTATIONS and _names_repository(value)):
            yield key, value
        yield from _fetched(value)


def _names_repository(value: Any) -> bool:
    """Whether an implementation, or one of a table of them by part, has a slash in its name."""
    if isinstance(value, dict):
        return any(map(_names_repository, value.values()))
    return isinstance(value, str) and "/" in value
