"""All of it, seed by seed: grow the parents a pair needs, ask the pair, write its answers, go on.

`Scale` holds what a test makes smaller. Seed 0 and the development seeds of the stress pairs are asked
development questions, the others held-out ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from adamms.zoo import PAIRS as SHIPPED
from adamms.zoo import shipped_pair
from proving_ground.facts import FACT_TASKS
from proving_ground.families import FAMILIES
from proving_ground.many.drawing import draw_questions, question_album
from proving_ground.many.growing import Nursery, Recipe, saved_model
from proving_ground.many.interviewing import Parents, interview
from proving_ground.many.pairs import ALL_TASKS, DEVELOPMENT_SEED, PAIRS, ManyPair
from proving_ground.many.records import Header, Interview, write_interview
from proving_ground.many.stress_pairs import ALL_PAIRS, ALL_PARENTS, is_development
from proving_ground.measuring import Question
from proving_ground.mixtures import MIXTURES
from proving_ground.pictures import Split
from proving_ground.progress import Report
from proving_ground.questions import EVERYDAY_TASKS, REAL_TASKS


@dataclass(frozen=True)
class Scale:
    """The recipe, the number of questions a task, and which pairs."""

    recipe: Recipe = field(default_factory=Recipe)
    each: int = 500
    pairs: tuple[str, ...] = tuple(PAIRS)


def grow_and_ask(out: Path, *, seed: int, scale: Scale, report: Report = print) -> None:
    """Grow one seed's models and write the answers of its pairs."""
    development = seed == DEVELOPMENT_SEED or is_development(seed)
    split: Split = "development" if development else "held-out"
    nursery = Nursery(out / f"seed-{seed}", seed=seed, recipe=scale.recipe, report=report)
    for name in scale.pairs:
        path = _path(out, name, f"seed-{seed}")
        if path.exists():
            continue
        pair = ALL_PAIRS[name]
        parents = Parents(
            nursery.parent(pair.base),
            nursery.parent(pair.donor),
            (FAMILIES[ALL_PARENTS[pair.base].family], FAMILIES[ALL_PARENTS[pair.donor].family]),
            nursery.theta_0,
        )
        header = partial(
            Header,
            name,
            str(seed),
            pair.base,
            pair.donor,
            split,
            kinds={task: pair.kind(task) for task in ALL_TASKS},
        )
        asked = _questions(split, seed=seed, scale=scale)
        _keep(path, interview(parents, asked, header=header, longest=pair.longest), report=report)


def ask_the_shipped(out: Path, *, scale: Scale, report: Report = print) -> None:
    """Write the answers of the eight shipped pairs; they cost no training and no rule was chosen on them."""
    tasks = (*EVERYDAY_TASKS, *REAL_TASKS, *FACT_TASKS)
    for name, (_, base, donor) in SHIPPED.items():
        path = _path(out, name, "shipped")
        if path.exists():
            continue
        pair = shipped_pair(name)
        families = (FAMILIES[base], FAMILIES[donor])
        parents = Parents(saved_model(pair.base, families[0]), saved_model(pair.donor, families[1]), families)
        kinds = _shipped_kinds(base, donor)
        header = partial(
            Header,
            name,
            "shipped",
            base,
            donor,
            "held-out",
            kinds={task: kinds.kind(task) for task in tasks},
        )
        asked = _questions("held-out", seed=0, scale=scale, tasks=tasks)
        _keep(path, interview(parents, asked, header=header), report=report)


def _shipped_kinds(base: str, donor: str) -> ManyPair:
    halves = [MIXTURES[name].halves for name in (base, donor)]
    return ManyPair(
        base,
        donor,
        {task: "same half" if halves[0][task] == halves[1][task] else "half" for task in FACT_TASKS},
    )


def _questions(split: Split, *, seed: int, scale: Scale, tasks: Sequence[str] = ALL_TASKS) -> list[Question]:
    album = question_album(split, each=scale.each, real=scale.recipe.real)
    return draw_questions(album, each=scale.each, seed=seed, tasks=tasks)


def _path(out: Path, pair: str, seed: str) -> Path:
    return out / "answers" / f"{pair.replace(', ', '-').replace(' ', '-')}.{seed}.jsonl.bz2"


def _keep(path: Path, made: Interview, *, report: Report) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_interview(path, made)
    count = len(made.asked)
    right = [
        round(100 * sum(asked.right(place) for asked in made.asked) / count, 1)
        for place in range(len(made.header.alphas))
    ]
    report(f"{path.name}: {count} questions, % right by alpha {right}")
