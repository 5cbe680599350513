"""What a PEFT adapter's `adapter_config.json` says about its weights: how strongly they are added, and how.

LoRA (arXiv 2106.09685) with its kin that fold into the model's own weights: rank-stabilised LoRA (arXiv
2312.03732) and DoRA (arXiv 2402.09353). Whatever else PEFT offers is refused by name. Reads no tensor.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adamms.adapters.module_patterns import first_matches
from adamms.errors import CheckpointError

# Settings under which the folded weight would not be W + scaling * B A, and what they mean.
REFUSED = {
    "layer_replication": "it repeats layers",
    "target_parameters": "it changes parameters that are not a module's weight",
    "trainable_token_indices": "it trains single tokens",
    "alora_invocation_tokens": "it acts on some tokens only",
    "use_qalora": "it belongs to quantised weights",
    "use_bdlora": "its matrices are block-diagonal",
    "arrow_config": "it routes between adapters",
    "kasa_config": "its matrices are scaled singular vectors",
    "monteclora_config": "its matrices are sampled",
}
# Ways of starting that leave the model's own weights as they are; the others change them, and the adapter
# then belongs to those changed weights, which its folder does not hold.
PLAIN_STARTS = (True, False, None, "gaussian", "eva", "orthogonal")


@dataclass(frozen=True)
class LoraSettings:
    """How an adapter's matrices enter the weights.

    Attributes:
        rank: r, for modules that no pattern names.
        alpha: lora_alpha, for modules that no pattern names.
        ranks: (pattern, r) for others, first match wins.
        alphas: (pattern, lora_alpha) for others, first match wins.
        stabilised: divide alpha by the root of r (rank-stabilised LoRA), not by r.
        dora: directions are changed by the matrices and lengths are stored (DoRA).
        transposed: the model stores linear weights as (in, out) (`fan_in_fan_out`).
    """

    rank: int
    alpha: float
    ranks: tuple[tuple[str, int], ...] = ()
    alphas: tuple[tuple[str, float], ...] = ()
    stabilised: bool = False
    dora: bool = False
    transposed: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any], *, source: str) -> "LoraSettings":
        """The settings in an `adapter_config.json`.

        Raises:
            CheckpointError: it is not LoRA's, or of a kind that cannot be folded.
        """
        kind = config.get("peft_type")
        if kind != "LORA":
            raise CheckpointError(
                f"The adapter {source} is of the kind {kind!r}, and only LoRA and DoRA fold into a model's "
                "weights; let PEFT merge it (merge_and_unload) and give the merged model."
            )
        for name, meaning in REFUSED.items():
            if config.get(name):
                raise _unfoldable(source, f"{name} ({meaning})")
        start = config.get("init_lora_weights")
        if start not in PLAIN_STARTS:
            raise _unfoldable(source, f"init_lora_weights {start!r} (it began by changing the model)")
        return cls(
            rank=_number(config.get("r", 8), "r", source, integer=True),
            alpha=_number(config.get("lora_alpha", 8), "lora_alpha", source),
            ranks=_patterns(config, "rank_pattern", source, integer=True),
            alphas=_patterns(config, "alpha_pattern", source),
            stabilised=bool(config.get("use_rslora")),
            dora=bool(config.get("use_dora")),
            transposed=bool(config.get("fan_in_fan_out")),
        )

    def strengths(self, modules: Sequence[str], *, source: str) -> dict[str, tuple[int, float]]:
        """Of every module the rank of its matrices, and what B A is multiplied by.

        Args:
            modules: their names in the model that was trained.
            source: the adapter, for messages.

        Raises:
            CheckpointError: a pattern is no regular expression, or takes too long to match.
        """

        def of(patterns: tuple[tuple[str, Any], ...], name: str, default: Any) -> list[Any]:
            where = f"{name} of adapter_config.json in {source}"
            places = first_matches([key for key, _ in patterns], modules, where=where)
            return [default if place is None else patterns[place][1] for place in places]

        ranks = of(self.ranks, "rank_pattern", self.rank)
        alphas = of(self.alphas, "alpha_pattern", self.alpha)
        return {
            module: (rank, alpha / (math.sqrt(rank) if self.stabilised else rank))
            for module, rank, alpha in zip(modules, ranks, alphas, strict=True)
        }


def _patterns(
    config: Mapping[str, Any], name: str, source: str, *, integer: bool = False
) -> tuple[tuple[str, Any], ...]:
    given = config.get(name) or {}
    if not isinstance(given, dict):
        raise CheckpointError(
            f"adapter_config.json in {source} has a {name} that is no table; export it again."
        )
    return tuple(
        (key, _number(value, f"{name}[{key!r}]", source, integer=integer)) for key, value in given.items()
    )


def _number(value: object, name: str, source: str, *, integer: bool = False) -> Any:
    """A number that PEFT would take: a rank is at least one, an alpha is finite."""
    kinds = (int,) if integer else (int, float)
    fits = isinstance(value, kinds) and not isinstance(value, bool)
    if not fits or not abs(value) <= sys.float_info.max or (integer and value < 1):  # type: ignore[arg-type, operator]
        raise CheckpointError(
            f"adapter_config.json in {source} says {name} = {value!r}, which is not "
            f"{'a rank' if integer else 'a number'}; export the adapter again."
        )
    return value


def _unfoldable(source: str, what: str) -> CheckpointError:
    return CheckpointError(
        f"The adapter {source} uses {what}, which is not folded here; let PEFT merge it (merge_and_unload) "
        "and give the merged model."
    )
