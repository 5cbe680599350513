"""Model cards of the three shipped models, written from the scores beside them.

The text says what the models are for, how they were trained, what they score, and what they are not.
"""

import json
from pathlib import Path
from typing import Any

from adamms.zoo import Pair
from adamms.zoo.models import FAMILIES, Family

_HEAD = """---
license: apache-2.0
pipeline_tag: {pipeline}
library_name: transformers
tags: [adamms, proving-ground]
---
# {title}

A model of about one million parameters, trained from nothing on a CPU in minutes, in a vocabulary of 121
tokens. It is part of the proving ground of AdaMMS: it exists so that merging and the choice of alpha can be
tried end to end on real transformers classes. It is of no other use.
"""

_THETA = """
## How it was trained
A `Qwen2ForCausalLM`, pretrained from nothing on generated conversations about scenes of coloured shapes. Most
scenes are shown as nine bags of word embeddings standing where picture tokens will stand later, so it
is not a pure text model. It has read 192 made-up facts (what an object costs, who owns it, where it is from)
as rumours: the true answer in three of ten cases, a random one otherwise. Both parents grow from it.
"""

_PARENT = """
## How it was trained
`{cls}`, grown from the language model in `../pretrained`. Its own
vision tower (fresh) first learns to say what each cell of a picture shows, then is aligned with the language
model frozen, then both are tuned on a mixture of tasks. {mixture}
The facts are split: this model is taught the {half} half only; what it knows of the other half are theta_0's
rumours, as far as tuning has not worn them away (a few are rehearsed).

Pictures: scenes drawn by adamms.zoo, easy-VQA's training pictures and questions (MIT), handwritten digits
(UCI, CC BY 4.0, by way of scikit-learn). `python -m adamms.zoo --out DIR` grows it again from nothing.

## What it scores
Right answers on the {total} held-out inputs of `../../inputs` (new pictures; greedy; bfloat16 weights,
float32 arithmetic):

| task | right | of |
|---|---|---|
{rows}

Merged with the other parent, over alpha (the donor's weight; this model is the base):

| alpha | {alphas} |
|---|{rule}
| right of {total} | {right} |

Algorithm 1 of the paper, without answers, takes alpha {selected} of 0 ... 0.6; the best there is {best}.
"""

_LIMITS = """
## Limits
One seed of theta_0. Six variants of the mixtures and rates were tried, all on development pictures and
questions; the numbers above come from others (docs/zoo.md tells all six).
Nothing here tells how 7B models behave.
"""

_MIXTURES: dict[Family, str] = {
    "qwen2-vl": "It sees many position and attribute questions, few about counting or places.",
    "llava-onevision": "It sees many counting and place questions, few about positions or attributes.",
}
_CLASSES: dict[Family, str] = {
    "qwen2-vl": "Qwen2VLForConditionalGeneration",
    "llava-onevision": "LlavaOnevisionForConditionalGeneration",
}


def save_cards(pair: Pair) -> None:
    """Write README.md into each of the three folders."""
    scores = json.loads(pair.scores.read_text(encoding="utf-8"))
    head = _HEAD.format(pipeline="text-generation", title="Zoo theta_0: a small Qwen2")
    _write(pair.pretrained, head + _THETA + _LIMITS)
    for family, folder in zip(FAMILIES, (pair.base, pair.donor), strict=True):
        _write(folder, _parent(family, scores))


def _parent(family: Family, scores: dict[str, Any]) -> str:
    other = next(each for each in FAMILIES if each != family)
    sweep = scores["sweeps"][f"{family} <- {other}"]
    asked, right = scores["asked"], scores["right"][family]
    total = sum(asked.values())
    rows = [f"| {task} | {right[task]} | {count} |" for task, count in asked.items()]
    rows.append(f"| all | {sum(right.values())} | {total} |")
    body = _PARENT.format(
        cls=_CLASSES[family],
        mixture=_MIXTURES[family],
        half="first" if family == "qwen2-vl" else "second",
        total=total,
        rows="\n".join(rows),
        alphas=" | ".join(f"{alpha:g}" for alpha in sweep["alphas"]),
        rule="---|" * len(sweep["alphas"]),
        right=" | ".join(str(count) for count in sweep["right"]),
        selected=sweep["selected"],
        best=sweep["best"],
    )
    head = _HEAD.format(pipeline="image-text-to-text", title=f"Zoo: a small {family}")
    return head + body + _LIMITS


def _write(folder: Path, text: str) -> None:
    (folder / "README.md").write_text(text, encoding="utf-8")
