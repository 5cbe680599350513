"""docs/reference/models.md: which models merge, from measured rows.

Its words are those of `adamms map`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

# Classes whose searches the tests run, answers compared with `generate`.
SEARCHED = ("qwen2_vl", "llava", "llava_onevision")
# Classes of which the layout of a published checkpoint, or several, is in tests/data/layouts.
PUBLISHED = (
    "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "llava", "llava_onevision", "internvl", "gemma3", "smolvlm",
)  # fmt: skip

HEAD = """# Which models merge

Every multimodal generative class of transformers {version} ({count} model types), measured by `make
coverage`: a small random model of each class, saved by the class itself; a donor whose language model
alone was moved, in memory; and, where transformers has it, a text-only model of the same text
configuration. Every tensor of a merge is compared bit for bit, and transformers loads the result. The
truth knows no name of ours.

| | |
|---|---|
| types whose language model merges completely and exactly with another's | **{complete} of {count}** |
| merged in part, or wrong | {partial} |
| refused | {refused} |
| text-only siblings that merge both ways | **{both} of {siblings}** |

**Can these two merge?** If both stand under one sibling below and have the same sizes (depth, width,
heads), yes, in both directions. `adamms map BASE DONOR` answers for two real checkpoints in a second,
from their headers, in the words of this page: how much of the base's language model takes part, or why it
is refused. Whether the two share an ancestor, their weights decide (`--check`). Models that transformers
does not know, such as InternVL's or MiniCPM-V's own code, CogVLM and mPLUG-Owl2, merge as well: the tests
hold layouts of 26 published checkpoints.

Columns: *itself*, another model of the type into it; *from text* and *to text*, its text-only sibling
into it and back. *Tested*: on the small class, on the layout of a published checkpoint (layout), by a
search whose answers are compared with `generate` (search).

"""


def models_page(rows: Sequence[dict[str, Any]], *, version: str) -> str:
    """The page, from rows as `Row.to_json` gives them."""
    siblings = [row for row in rows if row["sibling"]]
    both = [row for row in siblings if _complete(row["from_sibling"]) and _complete(row["to_sibling"])]
    complete = [row for row in rows if _complete(row["itself"])]
    refused = [row for row in rows if row["itself"]["refused"]]
    head = HEAD.format(
        version=version,
        count=len(rows),
        complete=len(complete),
        refused=len(refused),
        partial=len(rows) - len(complete) - len(refused),
        both=len(both),
        siblings=len(siblings),
    )
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (row["sibling"] or "~", row["model_type"])):
        groups.setdefault(row["sibling"] or "No text-only sibling in transformers", []).append(row)
    return head + "\n".join(line for title, members in groups.items() for line in _group(title, members))


def _group(title: str, rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    yield from (
        f"## {title}",
        "",
        "| model type | itself | from text | to text | tested |",
        "|---|---|---|---|---|",
    )
    for row in rows:
        cells = (row["itself"], row["from_sibling"], row["to_sibling"])
        yield f"| `{row['model_type']}` | {' | '.join(map(_cell, cells))} | {_tested(row['model_type'])} |"
    yield ""
    for row in rows:
        for pair in (row["from_sibling"], row["to_sibling"]):
            if pair and pair["refused"]:
                yield f"- `{row['model_type']}`: {' '.join(pair['said'].split())}"
                break
        else:
            continue
        yield ""


def _cell(pair: dict[str, Any] | None) -> str:
    if pair is None:
        return ""
    if pair["refused"]:
        return "refused"
    if _complete(pair):
        return "complete"
    return f"wrong: {len(pair['wrong'])} tensors" if pair["wrong"] else f"{pair['share']:.1%}"


def _tested(model_type: str) -> str:
    return "class" + ", layout" * (model_type in PUBLISHED) + ", search" * (model_type in SEARCHED)


def _complete(pair: dict[str, Any]) -> bool:
    return not (pair["refused"] or pair["left"] or pair["wrong"] or pair["outside"])
