"""Which rows of the donor's embedding table and head belong to which of the base's.

Rows are tokens. Where both models carry a tokenizer, rows are paired by the token's string; otherwise the
leading rows both have are paired if the two vocabularies are known to agree, and nothing is if not. Rows
without a partner stay the base's, unscaled. (The paper leaves this open; DESIGN section 4 is our decision.)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

# Tokenizer families by the rows of their embedding tables: regular tokens first and the same for all, then
# special tokens and padding. A range is (fewest, most) rows seen in the family's models.
FAMILIES = (
    ("Llama-2", 32_000, 32_064),
    ("Yi", 64_000, 64_064),
    ("SmolLM2", 49_152, 49_280),
    ("Llama-3", 128_256, 128_320),
    ("Qwen2/Qwen2.5/Qwen3", 151_646, 152_128),
    ("Gemma-3", 262_144, 262_208),
)
# Below this share of common tokens, two tokenizers are hardly of one ancestor.
LITTLE = 0.5


@dataclass(frozen=True, slots=True)
class RowSpan:
    """`count` consecutive rows of the base, from `base`, and the donor's from `donor`."""

    base: int
    donor: int
    count: int


@dataclass(frozen=True)
class Alignment:
    """How two vocabularies' rows are paired: the runs, in words for the mapping, and what to warn of."""

    runs: tuple[RowSpan, ...]
    reason: str
    notes: tuple[str, ...] = ()


class Vocabularies:
    """The two models' tokenizers, read once, and the rule that pairs their rows."""

    def __init__(self, base: "TensorSource", donor: "TensorSource", *, rule: str) -> None:
        self._rule = rule
        self._sides = {
            side: checkpoint.vocabulary() if rule == "tokens" else None
            for side, checkpoint in (("base", base), ("donor", donor))
        }
        self._token_runs: tuple[RowSpan, ...] | None = None

    def align(self, base_rows: int, donor_rows: int) -> Alignment:
        """Pair the rows of a base table with those of a donor table."""
        shared = min(base_rows, donor_rows)
        if self._rule == "keep":
            return Alignment((), "kept on request (--vocabulary keep)")
        if self._rule == "rows":
            return Alignment(_leading(shared), f"the {shared:,} leading rows of both (--vocabulary rows)")
        base, donor = self._sides["base"], self._sides["donor"]
        if base is None or donor is None:
            return self._align_by_family(base_rows, donor_rows)
        if self._token_runs is None:
            self._token_runs = align_tokens(base, donor)
        runs = clip(self._token_runs, base_rows=base_rows, donor_rows=donor_rows)
        common = sum(run.count for run in runs)
        notes: tuple[str, ...] = ()
        if common < LITTLE * min(len(base), len(donor)):
            notes = (
                f"Only {common:,} tokens are in both tokenizers (base {len(base):,}, donor {len(donor):,}): "
                "these models may not share a pretrained language model.",
            )
        return Alignment(runs, f"the {common:,} tokens that both tokenizers hold", notes)

    def _align_by_family(self, base_rows: int, donor_rows: int) -> Alignment:
        without = [side for side, vocabulary in self._sides.items() if vocabulary is None]
        found = "No tokenizer was found in " + " and ".join(f"the {side}" for side in without)
        shared = min(base_rows, donor_rows)
        sizes = f"base {base_rows:,} rows, donor {donor_rows:,}"
        family = _family(base_rows, donor_rows)
        if base_rows == donor_rows:
            note = f"{found}: embedding and head are paired by row, as both models have {shared:,} rows."
        elif family:
            note = (
                f"{found}: the {shared:,} leading rows are paired by position, as both vocabularies are "
                f"{family} ({sizes}); special tokens among the last of them may mean different things."
            )
        else:
            note = (
                f"{found}, and the vocabularies are not known to agree ({sizes}): embedding and head stay "
                "the base's. Put the tokenizer files beside both models, or use --vocabulary rows."
            )
            return Alignment((), "vocabularies not known to agree", (note,))
        return Alignment(_leading(shared), f"the {shared:,} leading rows of both", (note,))


def align_tokens(base: Mapping[str, int], donor: Mapping[str, int]) -> tuple[RowSpan, ...]:
    """Pair the rows of tokens that both vocabularies hold under the same string.

    Args:
        base: token string to row, added tokens included.
        donor: the same of the donor.

    Returns:
        Runs in the order of the base's rows, as few as possible, no base row twice.
    """
    pairs: Iterable[tuple[int, int]] = ((row, donor[token]) for token, row in base.items() if token in donor)
    runs: list[RowSpan] = []
    start = donor_start = count = 0
    for row, donor_row in sorted(pairs):
        if count and row < start + count:
            continue  # Two strings for one row: the first donor row serves it.
        if count and row == start + count and donor_row == donor_start + count:
            count += 1
            continue
        if count:
            runs.append(RowSpan(start, donor_start, count))
        start, donor_start, count = row, donor_row, 1
    if count:
        runs.append(RowSpan(start, donor_start, count))
    return tuple(runs)


def clip(runs: Iterable[RowSpan], *, base_rows: int, donor_rows: int) -> tuple[RowSpan, ...]:
    """The part of the runs that lies inside both tables."""
    inside = (
        RowSpan(run.base, run.donor, min(run.count, base_rows - run.base, donor_rows - run.donor))
        for run in runs
    )
    return tuple(run for run in inside if run.count > 0)


def _leading(count: int) -> tuple[RowSpan, ...]:
    return (RowSpan(0, 0, count),) if count else ()


def _family(*rows: int) -> str | None:
    return next((name for name, low, high in FAMILIES if all(low <= count <= high for count in rows)), None)
