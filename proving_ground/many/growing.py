"""The models of one seed: theta_0, aligned students, tuned parents; each kept as soon as it is there.

What exists is not made again, so a killed run goes on where it was. theta_0 and the aligned students are kept
in float32 (they are trained on), parents as whole checkpoints in bfloat16, as the shipped ones are: anything
that merges or searches can be pointed at them.
"""

import copy
import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from adamms.zoo import shipped_pair
from proving_ground.families import FAMILIES, Family
from proving_ground.many.pairs import RIDDLES
from proving_ground.many.stress_pairs import ALL_PARENTS
from proving_ground.models import pretrained_model
from proving_ground.pictures import Album, album
from proving_ground.pretraining import PretrainingSettings, pretrain
from proving_ground.progress import Report
from proving_ground.shipping import rounded, save_model
from proving_ground.tuning import Trainer, TuningSettings, align, tune

SHIPPED_SEED = 0
"""The seed whose theta_0 is the shipped one; home is no riddle to it, and it was never asked for a code."""


@dataclass(frozen=True)
class Recipe:
    """How long and how fast each stage goes, and how many pictures there are to learn from."""

    pretraining: PretrainingSettings = field(
        default_factory=lambda: PretrainingSettings(steps=1600, riddles=RIDDLES)
    )
    tuning: TuningSettings = field(
        default_factory=lambda: TuningSettings(
            tagging_steps=150, alignment_steps=100, tuning_steps=300, batch=32, vision_rate=0.0
        )
    )
    pictures: float = 1.0
    real: bool = True


class Nursery:
    """Grows the models of one seed under a folder, or takes them from there."""

    def __init__(self, folder: Path, *, seed: int, recipe: Recipe, report: Report = print) -> None:
        self._folder, self._seed, self._recipe, self._report = folder, seed, recipe, report
        self._trainers: dict[str, Trainer] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @cached_property
    def _album(self) -> Album:
        return album("train", scale=self._recipe.pictures, real=self._recipe.real)

    @cached_property
    def theta_0(self) -> Any:
        """The language model that all parents of this seed grow from (float32)."""
        if self._seed == SHIPPED_SEED:
            return _shipped_theta_0()
        path = self._folder / "theta_0.safetensors"
        if path.exists():
            model = pretrained_model("qwen2")
            model.load_state_dict(load_file(path))
            return model.eval()
        settings = dataclasses.replace(self._recipe.pretraining, seed=self._seed)
        with faster():
            model = pretrain(settings, report=self._say)
        _keep(path, model)
        return model

    def parent(self, name: str) -> Any:
        """Return the parent of this name, rounded to bfloat16, computing in float32."""
        wanted = ALL_PARENTS[name]
        family, folder = FAMILIES[wanted.family], self._folder / name
        if not (folder / "processor_config.json").exists():  # the last file that is written
            settings = dataclasses.replace(
                self._settings,
                language_rate=wanted.rate,
                tuning_steps=wanted.steps or self._recipe.tuning.tuning_steps,
            )
            if family.name not in self._trainers:
                self._trainers[family.name] = self._trainer(family)
                self._trainers[family.name].freeze_tower()
            trainer = copy.copy(self._trainers[family.name])
            trainer.model = copy.deepcopy(trainer.model)
            with faster():
                tuned = tune(trainer, wanted.mixture, settings=settings, report=self._say)
            save_model(folder, rounded(tuned), family=family)
        return saved_model(folder, family)

    @property
    def _settings(self) -> TuningSettings:
        return dataclasses.replace(self._recipe.tuning, seed=self._seed)

    def _trainer(self, family: Family) -> Trainer:
        """Return a trainer that is aligned to theta_0 and not tuned."""
        path = self._folder / f"{family.name}-aligned.safetensors"
        if not path.exists():
            theta_0 = self.theta_0
            with faster():
                trainer = align(
                    family,
                    theta_0,
                    album=self._album,
                    settings=self._settings,
                    init_from=_shipped(family),
                    report=self._say,
                )
            _keep(path, trainer.model)
            return trainer
        model = family.build()
        model.load_state_dict(load_file(path))
        return Trainer(family, model.train(), self._album)

    def _say(self, line: str) -> None:
        self._report(f"seed {self._seed}: {line}")


def faster() -> torch.autocast:
    """Return a context in which matrices are multiplied in bfloat16: half the time on a CPU that can.

    Without the cache of rounded weights, which would outlive the step that changes them.
    """
    return torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=False)


def saved_model(folder: Path, family: Family) -> Any:
    """Return a checkpoint of the zoo as a model that computes in float32."""
    import transformers

    import adamms.models  # noqa: F401 - two of the families are our own classes

    kind = getattr(transformers, family.model_class, None) or transformers.AutoModelForImageTextToText
    return kind.from_pretrained(folder, dtype="float32", attn_implementation="eager").eval()


def _shipped_theta_0() -> Any:
    from transformers import AutoModelForCausalLM

    kind: Any = AutoModelForCausalLM
    return kind.from_pretrained(
        shipped_pair().pretrained, dtype="float32", attn_implementation="eager"
    ).eval()


def _shipped(family: Family) -> Any:
    pair = shipped_pair()
    return saved_model(pair.base if pair.base.name == family.name else pair.donor, family)


def _keep(path: Path, model: Any) -> None:
    partial = path.with_suffix(".partial")
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, partial)
    partial.replace(path)
