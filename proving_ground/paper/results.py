"""All experiments in one JSON document: the only thing that docs/results.md is written from."""

import json
from pathlib import Path
from typing import Any

from proving_ground.paper import choices, comparison, curves
from proving_ground.paper.plan import Plan
from proving_ground.paper.study import Study, default_rule

SHOWN_TASK = "price"


def work_out(study: Study, *, embedding: bool = True) -> dict[str, Any]:
    """Return every table and figure; without `embedding` Table 3 is left out (it needs an embedder)."""
    plan = study.plan
    return {
        "about": _about(plan),
        "comparison": {pair: comparison.compare_pair(study, pair) for pair in plan.pairs},
        "supervision": {pair: choices.supervision(study, pair) for pair in plan.supervised},
        "metrics": choices.metrics(study) if embedding else None,
        "granularity": {pair: choices.granularity(study, pair) for pair in plan.fine},
        "consistency": {pair: curves.consistency(study, pair) for pair in plan.pairs},
        "answers": curves.answers(study, plan.pairs[0], SHOWN_TASK),
        "concavity": curves.concave(study),
        "vocabulary": {pair: curves.vocabulary(study, pair) for pair in plan.vocabulary},
    }


def _about(plan: Plan) -> dict[str, Any]:
    return {
        "each": plan.each,
        "samples": plan.samples,
        "draws": plan.draws,
        "seed": plan.seed,
        "tasks": list(plan.tasks),
        "pairs": list(plan.pairs),
        "default": default_rule().title,
    }


def save_results(path: Path, results: dict[str, Any]) -> None:
    """Write the document; the same answers give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_results(path: Path) -> dict[str, Any]:
    """Read it back."""
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values
