"""From nothing to the shipped pair: theta_0, two parents, held-out inputs, scores, model cards.

`Plan` holds every number of the recipe; the shipped pair is `Plan()`. Each stage is seeded, so the same
machine and the same torch give the same pair; another machine's arithmetic gives one that is nearly so.
"""

from dataclasses import dataclass, field
from pathlib import Path

from adamms.zoo import pair_in
from adamms.zoo.cards import save_cards
from adamms.zoo.inputs import held_out, save_inputs
from adamms.zoo.mixtures import BASE, DONOR
from adamms.zoo.models import FAMILIES
from adamms.zoo.pictures import album
from adamms.zoo.pretraining import PretrainingSettings, pretrain
from adamms.zoo.progress import Report
from adamms.zoo.shipping import measure, rounded, save_model, save_scores
from adamms.zoo.tuning import TuningSettings, raise_parent


@dataclass(frozen=True)
class Plan:
    """The whole recipe; `real=False` leaves out the pictures that need the third parties' packages.

    `everyday_each` and `facts_each` are the numbers of held-out inputs a task.
    """

    pretraining: PretrainingSettings = field(default_factory=PretrainingSettings)
    base: TuningSettings = field(default_factory=TuningSettings)
    # A longer task vector than the base's: the peak of the merge then lies near 0.4, not at 0.5 or beyond.
    donor: TuningSettings = field(default_factory=lambda: TuningSettings(language_rate=2e-3))
    pictures: float = 1.0
    everyday_each: int = 20
    facts_each: int = 36
    real: bool = True


def make(out: Path, plan: Plan, *, report: Report = print) -> None:
    """Grow the pair and write it under `out`, laid out as the shipped one is."""
    pair = pair_in(out)
    pretrained = pretrain(plan.pretraining, report=report)
    pictures = album("train", scale=plan.pictures, real=plan.real)
    base, donor = (
        raise_parent(family, pretrained, mixture, album=pictures, settings=settings, report=report)
        for family, mixture, settings in zip(FAMILIES, (BASE, DONOR), (plan.base, plan.donor), strict=True)
    )
    pictures = album("held-out", scale=plan.pictures, real=plan.real)
    asked = held_out(pictures, everyday=plan.everyday_each, facts=plan.facts_each)
    save_inputs(pair.inputs.parent, asked)
    report(f"{len(asked)} held-out inputs")
    models = {family: rounded(model) for family, model in zip(FAMILIES, (base, donor), strict=True)}
    save_model(pair.pretrained, rounded(pretrained), family=None)
    for family, folder in zip(FAMILIES, (pair.base, pair.donor), strict=True):
        save_model(folder, models[family], family=family)
    sweeps = measure(base, donor, asked)
    save_scores(pair.scores, asked=asked, models=models, sweeps=sweeps)
    save_cards(pair)
    for direction, sweep in sweeps.items():
        report(f"{direction}: right of {len(asked)} at alpha 0 ... 1: {sweep['right']}")
        report(f"{direction}: the rule takes {sweep['selected']}, best of 0 ... 0.6 is {sweep['best']}")
