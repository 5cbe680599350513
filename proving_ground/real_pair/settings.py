"""Which merges of a pair are asked, in the order of their worth: what is not reached is left out and said."""

from dataclasses import dataclass, field
from typing import Any

from proving_ground.real_pair.siblings import SIBLINGS, Pair

ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""The paper's candidates, then what lies beyond them."""
CANDIDATES = 7
METHODS = ("task_arithmetic", "ties", "dare_linear", "dare_ties", "metagpt")
"""The paper's baselines, each with its own defaults."""
FINE_PAIR = "llava-1--internvl-2"


@dataclass(frozen=True)
class Setting:
    """One merge: the options of `adamms.merge`."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


def linear(alpha: float) -> Setting:
    """Equation 1."""
    return Setting(f"linear-{alpha:.2f}", {"alpha": alpha})


def main_settings(pair: Pair, *, known: tuple[str, ...]) -> list[Setting]:
    """Return the candidates and the paper's baselines; `known` are the tool's methods."""
    settings = [linear(alpha) for alpha in ALPHAS if alpha > 0]
    if "language model" not in pair.kind:
        settings += [method(name) for name in METHODS if name in known]
    return settings


def method(name: str) -> Setting:
    """A method with its own defaults."""
    return Setting(name, {"method": name, "pretrained": True})


def further_settings(pair: Pair, *, known: tuple[str, ...]) -> list[Setting]:
    """Return what is asked where there is time: duplicates, a finer grid, vocabulary, all methods."""
    settings = []
    if SIBLINGS[pair.base].family == "mplug_owl2":
        settings += [
            Setting(f"{reading}-{alpha:.2f}", {"alpha": alpha, "duplicates": reading})
            for reading in ("original", "matching")
            for alpha in (0.2, 0.4, 0.6)
        ]
    if pair.name == FINE_PAIR:
        settings += [linear(round(0.05 + 0.1 * step, 2)) for step in range(6)]
        settings += [
            Setting(f"kept-{alpha:.2f}", {"alpha": alpha, "exclude": ("embeddings", "lm_head")})
            for alpha in (0.2, 0.4, 0.6)
        ]
        settings += [
            Setting(
                f"ties-{alpha:.2f}",
                {
                    "method": "ties",
                    "pretrained": True,
                    "alpha": alpha,
                    "settings": {"base_weight": round(1 - alpha, 2)},
                },
            )
            for alpha in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
        ]
        others = [name for name in known if name not in (*METHODS, "linear")]
        settings += [method(name) for name in others]
    return settings
