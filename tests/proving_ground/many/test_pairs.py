"""What kind of task each task is to a pair agrees with what its parents are taught."""

import pytest

from proving_ground.facts import KNOWLEDGE
from proving_ground.many.pairs import ALL_TASKS, KINDS, PAIRS, PARENTS, RIDDLES, ManyPair
from proving_ground.mixtures import Mixture


def taught(mixture: Mixture, task: str) -> list[int]:
    if task not in mixture.shares:
        return []
    return [half for half in (0, 1) if mixture.teaches(task, half)] if task in KNOWLEDGE else [0, 1]


def expected(pair: ManyPair, task: str) -> str:
    base, donor = (taught(PARENTS[name].mixture, task) for name in (pair.base, pair.donor))
    if not base and not donor:
        return "forgotten"
    if not base or not donor:
        return "donor only" if donor else "base only"
    return "ordinary" if base == donor else "half"


@pytest.mark.parametrize("name", [name for name in PAIRS if name != "no gain"])
def test_kinds_follow_from_what_is_taught(name: str) -> None:
    pair = PAIRS[name]
    assert {task: pair.kind(task) for task in ALL_TASKS} == {task: expected(pair, task) for task in ALL_TASKS}


def test_the_negative_control_s_donor_knows_nothing_that_its_base_does_not() -> None:
    pair = PAIRS["no gain"]
    base, donor = (PARENTS[name].mixture for name in (pair.base, pair.donor))
    for task in ALL_TASKS:
        assert pair.kind(task) == "no gain"
        assert set(taught(donor, task)) <= set(taught(base, task))


def test_a_pair_is_of_two_families_and_every_kind_but_the_shipped_pairs_own_occurs() -> None:
    for pair in PAIRS.values():
        assert PARENTS[pair.base].family != PARENTS[pair.donor].family
    found = {pair.kind(task) for pair in PAIRS.values() for task in ALL_TASKS}
    assert found == set(KINDS) - {"same half"}


def test_a_parent_that_rehearses_riddles_hears_only_noise_of_them() -> None:
    for parent in PARENTS.values():
        assert parent.mixture.rehearsal == 0 or set(parent.mixture.riddles) == set(RIDDLES)
