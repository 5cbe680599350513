"""`adamms methods`: the merge methods and their settings."""

from typing import TYPE_CHECKING

from adamms.cli.console import print_json
from adamms.cli.options import Json

if TYPE_CHECKING:
    from adamms.merging import MergeMethod


def methods(json: Json = False) -> None:
    """List the merge methods and their settings (--set KEY=VALUE).

    Example: `adamms methods`
    """
    from adamms.merging import all_methods

    if json:
        print_json([method.to_json() for method in all_methods()])
        return
    for method in all_methods():
        print("\n".join(_lines(method)))


def _lines(method: "MergeMethod") -> list[str]:
    reads = {"unused": "", "needed": "needs --pretrained", "optional": "reads --pretrained if given"}
    notes = [reads[method.pretrained], "one donor only" if method.donors == "one" else ""]
    note = "; ".join(note for note in notes if note)
    lines = [f"{method.name}: {method.summary}{f' ({note})' if note else ''}", f"    {method.source}"]
    for setting in method.parameters:
        default = "required" if setting.required else _plain(setting.default)
        lines.append(f"    {setting.name} ({setting.expected}; {default}): {setting.help}")
    return lines


def _plain(default: object) -> str:
    if default is None:
        return "left out"
    if isinstance(default, bool):
        return f"default {str(default).lower()}"
    return f"default {default:g}" if isinstance(default, float) else f"default {default}"
