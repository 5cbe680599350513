"""What is asked: which pairs, which merges of each, how many questions a task.

`Plan` holds what a test makes smaller. Names of settings are names of files, so a plan can grow and keep the
answers it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from adamms.zoo import PAIRS
from proving_ground.questions import TASKS

COARSE, MIDDLE, FINE = 0.1, 0.05, 0.02
"""The paper's granularities (Figure 4); the first is its own choice."""

SEARCHED = 0.6
"""The paper's candidates end here."""

BASELINES = {
    "task_arithmetic": "Task Arithmetic",
    "ties": "TIES",
    "dare_linear": "DARE-linear",
    "dare_ties": "DARE-TIES",
    "metagpt": "MetaGPT",
}
"""Methods compared with, in the paper's order; each with its own defaults here (`adamms methods`)."""


@dataclass(frozen=True)
class Setting:
    """One merge of a pair.

    `method` with its defaults but for `alpha` and `base_weight`; `vocabulary` says what becomes of the
    embeddings and `lm_head`: merged, kept from the base, or the base's times (1 - alpha).
    """

    name: str
    method: str = "linear"
    alpha: float | None = None
    base_weight: float | None = None
    vocabulary: str = "merged"


def linear(alpha: float) -> Setting:
    """Equation 1 at this weight of the donor."""
    return Setting(f"linear-{alpha:.2f}", alpha=alpha)


def kept(alpha: float) -> Setting:
    """Equation 1 with the base's embeddings and head."""
    return Setting(f"kept-{alpha:.2f}", alpha=alpha, vocabulary="kept")


def shrunk(alpha: float) -> Setting:
    """Equation 1 with the base's embeddings and head times (1 - alpha), as the published Qwen script does."""
    return Setting(f"shrunk-{alpha:.2f}", alpha=alpha, vocabulary="shrunk")


def weighted_ties(alpha: float) -> Setting:
    """TIES with the weights 1 - alpha and alpha instead of 1 and 1."""
    return Setting(f"ties-{alpha:.2f}", method="ties", alpha=alpha, base_weight=round(1 - alpha, 2))


def grid(step: float, stop: float) -> tuple[float, ...]:
    """Alphas from 0 to `stop`, both ends among them."""
    return tuple(round(step * index, 2) for index in range(round(stop / step) + 1))


@dataclass(frozen=True)
class Plan:
    """What is asked and how it is chosen from; the defaults are what docs/results.md was made with."""

    pairs: tuple[str, ...] = tuple(PAIRS)
    tasks: tuple[str, ...] = TASKS
    each: int = 200
    """Questions a task."""
    samples: int = 100
    """Of these, unlabelled inputs to choose by, as in the paper."""
    draws: int = 20
    """Times the inputs to choose by are drawn, where a mean is given."""
    seed: int = 70_701
    """Of the questions and the draws; no other page's."""
    real: bool = True
    """With the pictures of easy-VQA and scikit-learn (`adamms[zoo]`)."""
    fine: tuple[str, ...] = ("qwen2-vl-llava-onevision", "llava-cogvlm")
    """Pairs whose granularity is varied."""
    vocabulary: tuple[str, ...] = ("qwen2-vl-llava-onevision", "llava-onevision-qwen2-vl")
    """Pairs whose embeddings are merged, kept and shrunk."""
    supervised: tuple[str, ...] = ("cogvlm-llava", "qwen2-vl-llava-onevision")
    """Pairs on which TIES is given weights; the first is the paper's (Table 8)."""

    def tables(self, pair: str) -> Sequence[Setting]:
        """Return the merges that the tables of a pair need; neighbours are alike."""
        settings = [linear(alpha) for alpha in grid(COARSE, 1.0)]
        return settings + [Setting(method, method=method) for method in BASELINES]

    def extras(self, pair: str) -> Sequence[Setting]:
        """Return the merges that only some pairs are asked for."""
        alphas, settings = grid(COARSE, 1.0), list[Setting]()
        if pair in self.vocabulary:
            settings += [make(alpha) for make in (kept, shrunk) for alpha in alphas[1:]]
        if pair in self.supervised:
            settings += [weighted_ties(alpha) for alpha in ties_weights()]
        if pair in self.fine:
            finer = dict.fromkeys(sorted((*grid(MIDDLE, SEARCHED), *grid(FINE, SEARCHED))))
            settings += [linear(alpha) for alpha in finer if alpha not in alphas]
        return settings


def ties_weights() -> tuple[float, ...]:
    """The donor's weights that TIES is tried with."""
    return grid(COARSE, SEARCHED)[1:]
