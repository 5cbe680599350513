"""Model cards of the shipped models, written from the scores beside them.

The text says what the models are for, how they were trained, what they score, and what they are not.
"""

import json
from pathlib import Path
from typing import Any

from adamms.zoo import ModelFamily
from proving_ground.families import FAMILIES
from proving_ground.mixtures import MIXTURES
from proving_ground.questions import EVERYDAY_TASKS
from proving_ground.vocabulary import Language

_HEAD = """---
license: apache-2.0
pipeline_tag: {pipeline}
library_name: transformers
tags: [adamms, proving-ground]
---
# {title}

A model of about one million parameters, trained from nothing on a CPU in minutes, in a vocabulary of {tokens}
tokens. It is part of the proving ground of AdaMMS: it exists so that merging and the choice of alpha can be
tried end to end on real transformers classes. It is of no other use.
"""

_THETA = """
## How it was trained
A `{cls}`, pretrained from nothing on generated conversations about scenes of coloured shapes. Most
scenes are shown as nine bags of word embeddings standing where picture tokens will stand later, so it
is not a pure text model. It has read 192 made-up facts (what an object costs, who owns it, where it is from)
as rumours: the true answer in three of ten cases, a random one otherwise. {children} grow from it.
"""

_PARENT = """
## How it was trained
`{cls}`, grown from the language model in `../pretrained`. Its own
vision tower (fresh) first learns to say what each cell of a picture shows, then is aligned with the language
model frozen, then both are tuned on a mixture of tasks. {duplicates}
It sees many questions about {many}, few about {few}.
The facts are split: this model is taught {halves};
what it knows of the other halves are theta_0's rumours, as far as tuning has not worn them away (a few are
rehearsed).

Pictures: scenes drawn by adamms.zoo, easy-VQA's training pictures and questions (MIT), handwritten digits
(UCI, CC BY 4.0, by way of scikit-learn). `python -m proving_ground --out DIR` grows it again from nothing.

## What it scores
Right answers on the {total} held-out inputs of `../../inputs` (new pictures; greedy; bfloat16 weights,
float32 arithmetic):

| task | right | of |
|---|---|---|
{rows}

Merged with {others}, over alpha (the donor's weight; this model is the base);
`rule` is what Algorithm 1 of the paper takes of 0 ... 0.6 without answers, `best` the best there:

| donor | {alphas} | rule | best |
|---|{rule}---|---|
{sweeps}
"""

_BEFORE_LOADING = "`import adamms.models` before it is loaded."
_NATIVE = {
    "cogvlm": f"Its visual experts\nbegin as copies of the language weights. {_BEFORE_LOADING}",
    "mplug_owl2": f"Its `multiway.1`\nbegins as a copy of `multiway.0`. {_BEFORE_LOADING}",
}
_LIMITS = """
## Limits
One seed of theta_0. Variants of the mixtures and rates were tried on development pictures and questions; the
numbers above come from others (docs/zoo.md tells which).
Nothing here tells how 7B models behave.
"""


def save_cards(folder: Path, model_family: ModelFamily) -> None:
    """Write README.md into the folder of theta_0 and of each of its children."""
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    names = list(model_family.titles)
    first = FAMILIES[names[0]]
    kind = first.line.capitalize()
    head = _head("text-generation", f"Zoo theta_0: a small {kind}", first.language)
    children = " and ".join(model_family.titles[name] for name in names)
    _write(folder / "pretrained", head + _THETA.format(cls=f"{kind}ForCausalLM", children=children) + _LIMITS)
    for name in names:
        _write(folder / name, _parent(name, model_family, scores))


def _parent(name: str, model_family: ModelFamily, scores: dict[str, Any]) -> str:
    family, mixture = FAMILIES[name], MIXTURES[name]
    donors = [title for title in model_family.titles if title != name]
    sweeps = {donor: scores["sweeps"][f"{name} <- {donor}"] for donor in donors}
    alphas = next(iter(sweeps.values()))["alphas"]
    asked, right = scores["asked"], scores["right"][name]
    total = sum(asked.values())
    rows = [f"| {task} | {right[task]} | {count} |" for task, count in asked.items()]
    rows.append(f"| all | {sum(right.values())} | {total} |")
    halves = [f"the {('first', 'second')[half]} half of `{task}`" for task, half in mixture.halves.items()]
    body = _PARENT.format(
        cls=family.model_class,
        duplicates=_NATIVE.get(name, ""),
        many=" and ".join(task for task in EVERYDAY_TASKS if mixture.shares[task] > 1),
        few=" and ".join(task for task in EVERYDAY_TASKS if mixture.shares[task] < 1),
        halves=", ".join(halves),
        total=total,
        rows="\n".join(rows),
        others=" and with ".join(model_family.titles[donor] for donor in donors),
        alphas=" | ".join(f"{alpha:g}" for alpha in alphas),
        rule="---|" * len(alphas),
        sweeps="\n".join(_sweep(model_family.titles[donor], sweep) for donor, sweep in sweeps.items()),
    )
    head = _head("image-text-to-text", f"Zoo: a small {model_family.titles[name]}", family.language)
    return head + body + _LIMITS


def _sweep(donor: str, sweep: dict[str, Any]) -> str:
    right = " | ".join(str(count) for count in sweep["right"])
    return f"| {donor} | {right} | {sweep['selected']} | {sweep['best']} |"


def _head(pipeline: str, title: str, language: Language) -> str:
    return _HEAD.format(pipeline=pipeline, title=title, tokens=len(language.tokens))


def _write(folder: Path, text: str) -> None:
    (folder / "README.md").write_text(text, encoding="utf-8")
