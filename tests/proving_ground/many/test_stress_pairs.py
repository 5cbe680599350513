"""The stress pairs are of the kinds they are named for, and report on at least half of what is grown."""

import pytest

from proving_ground.many.pairs import ALL_TASKS, PAIRS, PARENTS
from proving_ground.many.stress_pairs import (
    ALL_PAIRS,
    ALL_PARENTS,
    SECOND_FOOLS,
    STRESS_PAIRS,
    STRESS_PARENTS,
    STRESS_SEEDS,
    is_development,
    stress_pairs,
)


def test_at_least_half_of_the_stress_pairs_only_report() -> None:
    development = [
        (seed, name) for seed in STRESS_SEEDS if is_development(seed) for name in stress_pairs(seed)
    ]
    reporting = [
        (seed, name) for seed in STRESS_SEEDS if not is_development(seed) for name in stress_pairs(seed)
    ]
    assert len(development) + len(reporting) >= 20
    assert len(reporting) >= len(development)
    assert not is_development(0) and not is_development(
        1
    )  # seeds of the other pairs, split in `regret.split`
    assert set(SECOND_FOOLS).isdisjoint(stress_pairs(STRESS_SEEDS[0]))


def test_no_parent_of_the_other_pairs_is_redefined() -> None:
    assert set(PARENTS).isdisjoint(STRESS_PARENTS)
    assert all(ALL_PAIRS[name] == pair for name, pair in PAIRS.items())


@pytest.mark.parametrize("name", [name for name in ALL_PAIRS if name.endswith(", exchanged")])
def test_an_exchanged_pair_is_the_same_parents(name: str) -> None:
    there, back = ALL_PAIRS[name.removesuffix(", exchanged")], ALL_PAIRS[name]
    assert (there.base, there.donor) == (back.donor, back.base)
    assert there.longest == back.longest
    mirrored = {"donor only": "base only", "base only": "donor only"}
    for task in ALL_TASKS:
        assert back.kind(task) == mirrored.get(there.kind(task), there.kind(task))


def test_kinds_follow_from_what_is_taught() -> None:
    sentences = STRESS_PAIRS["sentences"]
    assert {task: sentences.kind(task) for task in ALL_TASKS} == {
        task: PAIRS["split"].kind(task) for task in ALL_TASKS
    }
    unequal = STRESS_PAIRS["unequal"]
    assert [unequal.kind(task) for task in ("price", "owner", "home", "code")] == [
        "half",
        "base only",
        "half",
        "donor only",
    ]
    fools = STRESS_PAIRS["two fools"]
    assert [fools.kind(task) for task in ("attribute", "count", "price")] == [
        "base only",
        "donor only",
        "forgotten",
    ]
    assert {STRESS_PAIRS["no gain, weak"].kind(task) for task in ALL_TASKS} == {"no gain"}


def test_only_pairs_with_a_parent_that_answers_in_sentences_may_answer_longer() -> None:
    longer = {name for name, pair in ALL_PAIRS.items() if pair.longest is not None}
    assert longer == {name for name in ALL_PAIRS if "sentences" in name}


def test_every_pair_is_of_two_families() -> None:
    for pair in ALL_PAIRS.values():
        assert ALL_PARENTS[pair.base].family != ALL_PARENTS[pair.donor].family
