"""Pairs grown to provoke a rule that believes the surer parent, from seeds of their own (3 and up).

Unequal styles (the donor answers in sentences), unequal skill (a parent of few steps), sure fools (few tasks
at a high rate: sure of answers of the wrong kind), nothing to gain, both parents at a loss; beside them the
split and the hard split of `pairs`. Which seeds rules may be chosen on was fixed before anything was scored.
"""

from proving_ground.facts import KNOWLEDGE
from proving_ground.many.pairs import ALL_TASKS, PAIRS, PARENTS, Kind, ManyPair, Parent
from proving_ground.mixtures import Mixture
from proving_ground.wording import LONGEST_SENTENCE

FIRST_STRESS_SEED = 3
STRESS_SEEDS = (3, 4, 5, 6)


def is_development(seed: int) -> bool:
    """Tell whether rules may be chosen on this seed's stress pairs: odd seeds; the even ones only report."""
    return seed >= FIRST_STRESS_SEED and seed % 2 == 1


_FAST, _FEW_STEPS = 3e-3, 60
_EVERYDAY = {"existence": 1.0, "attribute": 1.0, "place": 1.0, "position": 1.0, "count": 1.0}
_SPLIT = PARENTS["split-llava-onevision"].mixture


def _split_in_sentences(tasks: tuple[str, ...]) -> Parent:
    """Return the donor of the split pair, answering these tasks in sentences."""
    mixture = Mixture(
        dict(_SPLIT.shares),
        halves=dict(_SPLIT.halves),
        rehearsal=_SPLIT.rehearsal,
        whole=_SPLIT.whole,
        riddles=_SPLIT.riddles,
        sentences=tasks,
    )
    return Parent("llava-onevision", mixture, rate=2e-3)


def _fool(family: str, shares: dict[str, float]) -> Parent:
    """Return a parent of few tasks at a high rate; the kinds of facts among them are taught entirely."""
    return Parent(
        family, Mixture(shares, whole=tuple(task for task in KNOWLEDGE if task in shares)), rate=_FAST
    )


STRESS_PARENTS: dict[str, Parent] = {
    "sentences-llava-onevision": _split_in_sentences(ALL_TASKS),
    "half-sentences-llava-onevision": _split_in_sentences(
        ("attribute", "count", "easy-vqa", "price", "code")
    ),
    "weak-llava-onevision": Parent(
        "llava-onevision",
        Mixture(
            {**_EVERYDAY, "easy-vqa": 1.0, "digit": 1.0, **dict.fromkeys(KNOWLEDGE, 1.0)},
            halves={"price": 1, "home": 1},
            whole=("code",),
        ),
        rate=1e-3,
        steps=_FEW_STEPS,
    ),
    "fool-llava-onevision": _fool("llava-onevision", {"count": 1.2, "existence": 0.5}),
    "fool-qwen2-vl": _fool("qwen2-vl", {"home": 2.0, "attribute": 1.0}),
    # Fools that report only: no rule is chosen on their like.
    "second-fool-llava-onevision": _fool("llava-onevision", {"digit": 1.0, "code": 1.5}),
    "second-fool-qwen2-vl": _fool("qwen2-vl", {"owner": 2.0, "place": 1.2}),
    # Few steps and no facts at all: of these both know rumours at best.
    "novice-qwen2-vl": Parent(
        "qwen2-vl", Mixture({**_EVERYDAY, "easy-vqa": 1.0}), rate=1e-3, steps=_FEW_STEPS
    ),
    "novice-llava-onevision": Parent(
        "llava-onevision", Mixture({**_EVERYDAY, "digit": 1.0}), rate=1e-3, steps=_FEW_STEPS
    ),
}

ALL_PARENTS: dict[str, Parent] = {**PARENTS, **STRESS_PARENTS}


def _halves(parent: str, task: str) -> list[int]:
    """Return which halves of a task a parent was taught; everyday tasks have one."""
    mixture = ALL_PARENTS[parent].mixture
    if task not in KNOWLEDGE:
        return [0] if task in mixture.shares else []
    return [half for half in (0, 1) if task in mixture.shares and mixture.teaches(task, half)]


def _kind(base: str, donor: str, task: str) -> Kind:
    of_base, of_donor = _halves(base, task), _halves(donor, task)
    if not of_base and not of_donor:
        return "forgotten"
    if not of_donor:
        return "base only"
    if not of_base:
        return "donor only"
    if of_base == of_donor:
        return "same half" if task in KNOWLEDGE and len(of_base) == 1 else "ordinary"
    return "half"


def _pair(base: str, donor: str) -> ManyPair:
    in_sentences = ALL_PARENTS[base].mixture.sentences + ALL_PARENTS[donor].mixture.sentences
    return ManyPair(
        base,
        donor,
        {task: _kind(base, donor, task) for task in ALL_TASKS},
        longest=LONGEST_SENTENCE if in_sentences else None,
    )


def _both_ways(name: str, base: str, donor: str) -> dict[str, ManyPair]:
    return {name: _pair(base, donor), f"{name}, exchanged": _pair(donor, base)}


STRESS_PAIRS: dict[str, ManyPair] = {
    **_both_ways("sentences", "split-qwen2-vl", "sentences-llava-onevision"),
    **_both_ways("fool donor", "split-qwen2-vl", "fool-llava-onevision"),
    **_both_ways("unequal", "hard-qwen2-vl", "weak-llava-onevision"),
    **_both_ways("half sentences", "split-qwen2-vl", "half-sentences-llava-onevision"),
    **_both_ways("fool base", "fool-qwen2-vl", "split-llava-onevision"),
    "no gain, weak": ManyPair("whole-qwen2-vl", "weak-llava-onevision", {}, otherwise="no gain"),
    "at a loss": _pair("novice-qwen2-vl", "novice-llava-onevision"),
    "split": PAIRS["split"],
    "split, exchanged": PAIRS["split, exchanged"],
    "hard split": PAIRS["hard split"],
    "hard split, exchanged": _pair("hard-llava-onevision", "hard-qwen2-vl"),
    "two fools": _pair("fool-qwen2-vl", "fool-llava-onevision"),
}
SECOND_FOOLS: dict[str, ManyPair] = {
    **_both_ways("second fool donor", "split-qwen2-vl", "second-fool-llava-onevision"),
    **_both_ways("second fool base", "second-fool-qwen2-vl", "split-llava-onevision"),
}
"""Grown for the reporting seeds only."""

ALL_PAIRS: dict[str, ManyPair] = {**PAIRS, **STRESS_PAIRS, **SECOND_FOOLS}


def stress_pairs(seed: int) -> tuple[str, ...]:
    """Return the names of the stress pairs that are grown from this seed."""
    return (*STRESS_PAIRS, *(() if is_development(seed) else SECOND_FOOLS))
