"""The command lines that repeat a run, from its resolved recipe.

`adamms run recipe.yaml` repeats everything. Beside it stands the same as one `adamms search` line, to read
what was asked for and to change it; there is none where a recipe says what the command line cannot.
"""

import shlex
from collections.abc import Mapping
from typing import Any

from adamms.searching.signals import SUPERVISED

SEARCH_DEFAULTS: Mapping[str, Any] = {
    "rule": "witnesses",
    "metric": "exact",
    "label_metric": "exact",
    "repeats": 0,
    "max_new_tokens": 64,
    "executor": "local",
    "worker_timeout": 1800.0,
}
"""Not repeated in a command line; alphas, samples and seed always are, because a reader asks for them."""


def search_command(recipe: Mapping[str, Any], out: str = "another-run") -> str | None:
    """The `adamms search` line of a recipe, a line an option; None where it cannot be said in one."""
    search, mapping, merge = (_part(recipe, name) for name in ("search", "mapping", "merge"))
    fixed = merge.get("alpha")
    if not search or isinstance(fixed, list | dict):
        return None
    words = [["adamms", "search", str(recipe.get("base", "")), str(recipe.get("donor", ""))]]
    words += [["--inputs", str(search.get("inputs", ""))], ["--out", out]]
    for donor in recipe.get("donors") or []:
        alpha = donor.get("alpha")
        if isinstance(alpha, dict):
            return None
        numbers = ",".join(
            f"{weight:g}" for weight in (alpha if isinstance(alpha, list) else [alpha]) if alpha
        )
        words.append(["--donor", f"{donor['model']}={numbers}" if numbers else str(donor["model"])])
    words += _options({"pretrained": recipe.get("pretrained"), "force": recipe.get("force")})
    if merge.get("method", "linear") != "linear":
        words.append(["--method", str(merge["method"])])
    words += _options({"alpha": fixed})
    words += [["--set", f"{key}={_scalar(value)}"] for key, value in (merge.get("settings") or {}).items()]
    words += _options({key: merge.get(key) for key in ("dtype", "max_shard_size", "threads")})
    readings = {"duplicates": "paired", "vocabulary": "tokens"}
    words += _options({key: mapping.get(key) for key, usual in readings.items() if mapping.get(key) != usual})
    words += _options({key: mapping.get(key) for key in ("exclude", "allow_partial")})
    words += _options({"mapping": mapping.get("file")})
    asked = {
        key: value for key, value in search.items() if key not in ("inputs", "setting", "values", "dtype")
    }
    asked["compute_dtype"] = search.get("dtype")
    if search.get("values") is not None:
        words.append(["--search", f"{search.get('setting')}={search['values']}"])
        del asked["alphas"]
    if search.get("rule") == SUPERVISED:
        words.append(["--labels"])
        del asked["rule"]
    if not asked.pop("ask_donor", True):
        words.append(["--no-donor"])
    words += _options({key: value for key, value in asked.items() if SEARCH_DEFAULTS.get(key) != value})
    return " \\\n    ".join(shlex.join(word) for word in words)


def _part(recipe: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = recipe.get(name)
    return part if isinstance(part, dict) else {}


def _options(values: Mapping[str, Any]) -> list[list[str]]:
    """Settings as options: `max_new_tokens: 8` is `--max-new-tokens 8`; true is a flag, a list repeats."""
    words = []
    for key, value in values.items():
        option = f"--{key.replace('_', '-')}"
        if value is None or value is False or value in ([], {}):
            continue
        if value is True:
            words.append([option])
        else:
            words += [[option, _scalar(entry)] for entry in (value if isinstance(value, list) else [value])]
    return words


def _scalar(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
