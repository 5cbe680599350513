"""What a walk by depth or part gains over the best global alpha, against the passes it costs.

    python benchmarks/walk_gain.py [--pairs cogvlm-llava ...] [--draws 5] [--passes 12] [--out FILE]

On the shipped pairs, whose true answers are known: half of the inputs, drawn anew for each draw, choose (the
best global alpha, then the walk from it), the other half scores both. Rules without labels stand beside the
rule `labels`, which walks by the true answers of the choosing half. Every point answers all inputs once; what
one walk asked is not asked again by the next, so the passes reported are those each walk would have cost
alone. Needs no network.
"""

import argparse
import json
import random
from contextlib import ExitStack
from itertools import product
from pathlib import Path

from adamms.answering.visiting import Visitor
from adamms.progress import Silent
from adamms.recipes.recipe import make_recipe
from adamms.responses import read_inputs
from adamms.runs.candidate_recipes import with_candidate, with_point
from adamms.runs.opening import method_of, open_models
from adamms.searching import select
from adamms.searching.coordinates import Coordinates
from adamms.searching.judging import Judge
from adamms.searching.walk import LEVEL, walk
from adamms.zoo import PAIRS, shipped_pair

ALPHAS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
RULES = ("confidence", "weighted-vote", "labels")
WAYS = ("depth", "part")


class Answers:
    """Every point's answers to all inputs of a pair, asked once."""

    def __init__(self, name: str, models: ExitStack) -> None:
        pair = shipped_pair(name)
        self.recipe = make_recipe(
            base=str(pair.base),
            donor=str(pair.donor),
            search={"inputs": pair.inputs, "rule": "confidence", "by": "depth"},
        )
        self.opened = open_models(self.recipe, models, Silent())
        self.examples = read_inputs(pair.inputs)
        self.true = pair.true_answers()
        engine = {"device": None, "dtype": None, "trust_remote_code": False, "vision_tower": None}
        self.visitor = Visitor(self.opened.parents, self.examples, max_new_tokens=8, batch_size=64, **engine)
        self.known: dict[str, dict] = {}

    def of(self, merge) -> dict:
        key = json.dumps(merge.merge.alpha)
        if key not in self.known:
            ids = [each.id for each in self.examples]
            self.known[key] = {each.id: each for each in self.visitor.answers(method_of(merge), ids)}
        return self.known[key]

    def right(self, answers: dict) -> dict[str, float]:
        return {id_: float(each.response.strip() == self.true[id_]) for id_, each in answers.items()}


def part_of(answers: dict, ids: list[str]) -> dict:
    return {id_: answers[id_] for id_ in ids}


def measure(pair: Answers, *, rule: str, way: str, draw: int, passes: int, level: float) -> dict:
    """One walk: chosen on one half of the inputs, scored on the other."""
    ids = sorted(each.id for each in pair.examples)
    chooses = sorted(random.Random(draw).sample(ids, len(ids) // 2))
    scores = [id_ for id_ in ids if id_ not in chooses]
    every = {alpha: pair.of(with_candidate(pair.recipe, alpha)) for alpha in ALPHAS}
    responses = {alpha: part_of(answers, chooses) for alpha, answers in every.items()}
    labels = (
        {alpha: pair.right(answers) for alpha, answers in responses.items()} if rule == "labels" else None
    )
    chosen = select(responses, rule=rule, labels=labels).selected
    judge, coordinates = Judge.of(rule, responses), Coordinates.of(way)

    def ask(point):
        answers = part_of(pair.of(with_point(pair.recipe, coordinates, point)), chooses)
        return judge.score(answers, labels=pair.right(answers) if rule == "labels" else None)

    start = (chosen,) * 3
    walked = walk(
        coordinates, start, step=0.1, budget=passes, seed=draw, home=ask(start), ask=ask, level=level
    )

    def accuracy(answers) -> float:
        right = pair.right(part_of(answers, scores))
        return 100 * sum(right.values()) / len(right)

    return {
        "rule": rule,
        "way": way,
        "bar": level < 1,
        "draw": draw,
        "alpha": chosen,
        "end": list(walked.selected),
        "passes": walked.passes,
        "accepted": len(walked.accepted),
        "base": accuracy(every[0.0]),
        "global": accuracy(every[chosen]),
        "walked": accuracy(pair.of(with_point(pair.recipe, coordinates, walked.selected))),
        "best_global": max(accuracy(answers) for answers in every.values()),
        "scores": len(scores),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", nargs="+", default=list(PAIRS))
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--passes", type=int, default=12)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for name in options.pairs:
        with ExitStack() as models:
            pair = Answers(name, models)
            for rule, way, level in product(RULES, WAYS, (LEVEL, 1.0)):
                rows += [
                    {
                        "pair": name,
                        **measure(pair, rule=rule, way=way, draw=draw, passes=options.passes, level=level),
                    }
                    for draw in range(options.draws)
                ]
            print(f"{name}: {len(pair.known)} points asked", flush=True)
        if options.out:
            options.out.write_text(json.dumps(rows, indent=1))
    show(rows)


def show(rows: list[dict]) -> None:
    """Means over pairs and draws; accuracies in points, of the half that scores."""
    heads = "rule", "by", "noise bar", "steps", "passes", "base", "chosen", "walked", "gain", "worst", "best"
    print("| " + " | ".join(heads) + " |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for rule, way, bar in product(RULES, WAYS, (True, False)):
        own = [each for each in rows if (each["rule"], each["way"], each["bar"]) == (rule, way, bar)]

        def mean(key: str, own: list[dict] = own) -> float:
            return sum(each[key] for each in own) / len(own)

        gains = [each["walked"] - each["global"] for each in own]
        print(
            f"| {rule} | {way} | {'on' if bar else 'off'} | {mean('accepted'):.2f} | {mean('passes'):.1f} | "
            f"{mean('base'):.1f} | {mean('global'):.1f} | {mean('walked'):.1f} | "
            f"{sum(gains) / len(gains):+.2f} | {min(gains):+.1f} | {mean('best_global'):.1f} |"
        )


if __name__ == "__main__":
    main()
