"""`adamms methods`: the merge methods and their settings."""

from typing import TYPE_CHECKING, Annotated

import typer

from adamms.cli.console import print_json
from adamms.cli.options import Json

if TYPE_CHECKING:
    from adamms.merging import MergeMethod


def methods(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One method alone.")] = None,
    json: Json = False,
) -> None:
    """List the merge methods and their settings (--set KEY=VALUE).

    Examples: `adamms methods`, `adamms methods ties`
    """
    from adamms.merging import all_methods, find_method

    listed = all_methods() if name is None else (find_method(name),)
    if json:
        documents = [method.to_json() for method in listed]
        print_json(documents if name is None else documents[0])
        return
    for method in listed:
        print("\n".join(_lines(method)))
    if name is not None:
        print(_example(listed[0]))


def _lines(method: "MergeMethod") -> list[str]:
    reads = {"unused": "", "needed": "needs --pretrained", "optional": "reads --pretrained if given"}
    notes = [reads[method.pretrained], "one donor only" if method.donors == "one" else ""]
    note = "; ".join(note for note in notes if note)
    lines = [f"{method.name}: {method.summary}{f' ({note})' if note else ''}", f"    {method.source}"]
    for setting in method.parameters:
        default = "required" if setting.required else _plain(setting.default)
        lines.append(f"    {setting.name} ({setting.expected}; {default}): {setting.help}")
    return lines


def _example(method: "MergeMethod") -> str:
    """A command that merges by a method, to begin with."""
    words = [f"adamms merge BASE DONOR --method {method.name}"]
    words += ["--pretrained LLM"] if method.pretrained == "needed" else []
    settings = {setting.name: setting for setting in method.parameters}
    words += ["--alpha 0.3"] if "alpha" in settings else []
    other = next((name for name in settings if name not in ("alpha", "base_weight", "normalize")), None)
    if other is not None and settings[other].default is not None:
        words.append(f"--set {other}={_plain(settings[other].default).removeprefix('default ')}")
    return f"Example: {' '.join(words)} --out merged"


def _plain(default: object) -> str:
    if default is None:
        return "left out"
    if isinstance(default, bool):
        return f"default {str(default).lower()}"
    return f"default {default:g}" if isinstance(default, float) else f"default {default}"
