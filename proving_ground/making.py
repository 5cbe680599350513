"""From nothing to the shipped models: theta_0s, their children, held-out inputs, scores, model cards.

`Plan` holds every number of the recipe; what ships is `Plan()`. Each stage is seeded, so the same
machine and the same torch give the same models; another machine's arithmetic gives some that are nearly so.
"""

from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any

from adamms.zoo import MODEL_FAMILIES, ModelFamily
from proving_ground.cards import save_cards
from proving_ground.families import FAMILIES
from proving_ground.inputs import held_out, save_inputs
from proving_ground.measuring import Question
from proving_ground.mixtures import MIXTURES
from proving_ground.pictures import album
from proving_ground.pretraining import PretrainingSettings, pretrain
from proving_ground.progress import Report
from proving_ground.shipping import measure, rounded, save_model, save_pretrained, save_scores
from proving_ground.tuning import TuningSettings, raise_parent


def _pretraining() -> dict[str, PretrainingSettings]:
    return {"pair": PretrainingSettings(), "llama": PretrainingSettings(steps=1600, line="llama")}


def _tuning() -> dict[str, TuningSettings]:
    """The rate of the language model sets how long a task vector is; a donor's is the longer one.

    The peak of the first pair's merge then lies near 0.4, not at 0.5 or beyond.
    """
    return {
        "qwen2-vl": TuningSettings(),
        "llava-onevision": TuningSettings(language_rate=2e-3),
        "cogvlm": TuningSettings(),
        # The abstractor learns which query speaks for which cell; that takes its time.
        "mplug_owl2": TuningSettings(tagging_steps=1200, language_rate=1.2e-3),
        "llava": TuningSettings(language_rate=1.5e-3),
    }


@dataclass(frozen=True)
class Plan:
    """The whole recipe, by model family and by architecture.

    `real=False` leaves out the pictures that need the third parties' packages; `everyday_each` and
    `facts_each` are the numbers of held-out inputs a task.
    """

    model_families: tuple[ModelFamily, ...] = MODEL_FAMILIES
    pretraining: dict[str, PretrainingSettings] = field(default_factory=_pretraining)
    tuning: dict[str, TuningSettings] = field(default_factory=_tuning)
    pictures: float = 1.0
    everyday_each: int = 20
    facts_each: int = 36
    real: bool = True


def make(out: Path, plan: Plan, *, report: Report = print) -> None:
    """Grow the models and write them under `out`, laid out as the shipped ones are."""
    pictures = album("held-out", scale=plan.pictures, real=plan.real)
    asked = held_out(pictures, everyday=plan.everyday_each, facts=plan.facts_each)
    save_inputs(out / "inputs", asked)
    report(f"{len(asked)} held-out inputs")
    pictures = album("train", scale=plan.pictures, real=plan.real)
    for model_family in plan.model_families:
        settings = plan.pretraining[model_family.folder]
        pretrained = pretrain(settings, report=report)
        models = {
            name: raise_parent(
                FAMILIES[name],
                pretrained,
                MIXTURES[name],
                album=pictures,
                settings=plan.tuning[name],
                report=report,
            )
            for name in model_family.titles
        }
        ship(
            out / model_family.folder,
            model_family,
            pretrained=pretrained,
            models=models,
            asked=asked,
            report=report,
        )


def ship(
    folder: Path,
    model_family: ModelFamily,
    *,
    pretrained: Any,
    models: dict[str, Any],
    asked: list[Question],
    report: Report = print,
) -> None:
    """Write a model family with what it scores, measured on the weights as they are written."""
    line = FAMILIES[next(iter(models))].line
    save_pretrained(folder / "pretrained", rounded(pretrained), line=line)
    for name, model in models.items():
        save_model(folder / name, rounded(model), family=FAMILIES[name])
    sweeps = measure(models, asked, directions=list(permutations(models, 2)))
    save_scores(folder / "scores.json", asked=asked, models=models, sweeps=sweeps)
    save_cards(folder, model_family)
    for direction, sweep in sweeps.items():
        report(f"{direction}: right of {len(asked)} at alpha 0 ... 1: {sweep['right']}")
        report(f"{direction}: the rule takes {sweep['selected']}, best of 0 ... 0.6 is {sweep['best']}")
