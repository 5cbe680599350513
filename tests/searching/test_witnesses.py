"""The rule of the three witnesses: by hand, its terms one by one, and what it lacks where a witness does."""

import numpy as np
import pytest

from adamms.errors import SearchError
from adamms.responses import DonorAnswers, Opinion, Response
from adamms.searching import AnswerTable, select
from adamms.searching.metrics import same_answer
from adamms.searching.signals import find_signal
from adamms.searching.signals.witnesses import Terms, belief, witnesses

ONLY = {"belief": 0.0, "own": 0.0, "share": 0.0, "opinion": 0.0}


def said(texts: str | list[str], sure: list[float] | None = None, alpha: float = 1.0) -> dict[str, Response]:
    return {
        f"i{index}": Response(f"i{index}", alpha, text, confidence=None if sure is None else sure[index])
        for index, text in enumerate(texts)
    }


# Confidences whose fourth power is 1/2, 2/3 and 3/4: odds of 1, 2 and 3.
EVEN, TWO, THREE = 0.5**0.25, (2 / 3) ** 0.25, 0.75**0.25
CANDIDATES = {
    0.0: said("aax", [EVEN, EVEN, TWO], 0.0),
    0.1: said("abx", [0.8, 0.6, 0.5], 0.1),
    0.2: said("bcy", [0.4, 0.2, 0.1], 0.2),
}
# They differ on the first input, agree on the second, and differ on the third.
DONOR = DonorAnswers(said("bay", [THREE, THREE, EVEN]))


def table(**more: object) -> AnswerTable:
    return AnswerTable.of(CANDIDATES, donors=(DONOR,), **more)  # type: ignore[arg-type]


def test_the_terms_by_hand() -> None:
    # Odds: base 1, 1, 2; donor 3, 3, 1. The believed: a 1/5 and b 3/5; a 3/4; x 2/4 and y 1/4.
    believed = witnesses(table(), Terms(**{**ONLY, "belief": 1.0}))
    assert believed.tolist() == [
        pytest.approx([1 / 5, 3 / 4, 2 / 4]),
        pytest.approx([1 / 5, 0, 2 / 4]),
        pytest.approx([3 / 5, 0, 1 / 4]),
    ]
    # Of the two merges: a has one and b one; b and c one each, the base's a none; x one, y one.
    shared = witnesses(table(), Terms(**{**ONLY, "share": 1.0}))
    assert shared.tolist() == [[0.5, 0, 0.5], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    own = witnesses(table(), Terms(**{**ONLY, "own": 1.0}))
    assert own[1].tolist() == [0.8, 0.6, 0.5]
    together = believed + own / 2 + shared / 4
    assert find_signal("witnesses").values(table()).tolist() == [
        pytest.approx(row) for row in together.tolist()
    ]
    assert select(CANDIDATES, rule="witnesses", donors=(DONOR,)).selected == 0


def test_the_ends_odds_are_cut_so_that_nobody_is_believed_without_bound() -> None:
    sure = {alpha: said("a", [1.0], alpha) for alpha in CANDIDATES}
    parents = AnswerTable.of(sure, donors=(DonorAnswers(said("b", [1.0])),)).parents
    assert parents is not None
    odds = 0.999**4 / (1 - 0.999**4)
    assert belief(parents).ravel() == pytest.approx([odds / (1 + 2 * odds)] * 2)
    nothing = AnswerTable.of(sure, donors=(DonorAnswers(said("b", [0.0])),)).parents
    assert nothing is not None
    assert belief(nothing)[1, 0] == pytest.approx(0)


def test_theta_0_multiplies_the_odds_of_the_one_and_divides_the_others() -> None:
    # Base's answers e^4 times likelier on the first input; below -12 nothing counts; alike on the second.
    opinions = {"i0": Opinion(-1, (-5,)), "i1": Opinion(-3, (-3,)), "i2": Opinion(-30, (-12,))}
    heard = belief(table(opinions=opinions).parents)  # type: ignore[arg-type]
    ratio = np.exp(1.0)
    base, donor = 1 * ratio, 3 / ratio
    assert heard[:, 0] == pytest.approx([base / (1 + base + donor), donor / (1 + base + donor)])
    deaf = belief(table().parents)  # type: ignore[arg-type]
    assert heard[:, 1:] == pytest.approx(deaf[:, 1:])
    assert belief(table(opinions=opinions).parents, Terms(opinion=0)) == pytest.approx(deaf)  # type: ignore[arg-type]


def test_theta_0s_taste_for_a_wording_is_taken_off() -> None:
    """The donor speaks in sentences, each e^8 less likely, also where it says what the base says."""
    words, sentences = ["red", "two", "no", "left"], ["it is red", "it is two", "it is no", "it is right"]
    sure = [EVEN] * 4
    spoken = {alpha: said(words, sure, alpha) for alpha in (0.0, 0.1, 0.2)}
    opinions = {f"i{index}": Opinion(-1, (-9,)) for index in range(4)}
    parents = AnswerTable.of(spoken, donors=(DonorAnswers(said(sentences, sure)),), opinions=opinions).parents
    assert parents is not None
    # Both agree on three inputs (odds 1 x 1); on the fourth neither is likelier but for the wording.
    assert belief(parents).tolist() == [pytest.approx([1 / 2, 1 / 2, 1 / 2, 1 / 3])] * 2
    two = AnswerTable.of(
        {alpha: said(words[2:], sure, alpha) for alpha in (0.0, 0.1, 0.2)},
        donors=(DonorAnswers(said(sentences[2:], sure)),),
        opinions=opinions,
    ).parents
    assert two is not None
    assert belief(two)[0, 1] > 0.7  # one input tells no taste


def test_every_donor_is_a_witness() -> None:
    """Odds 1 (base), 2 and 3: a third that sides with the base multiplies its odds."""
    donors = (DonorAnswers(said("bab", [TWO] * 3)), DonorAnswers(said("acb", [THREE] * 3)))
    candidates = {alpha: said("aaa", [EVEN] * 3, alpha) for alpha in (0.0, 0.1, 0.2)}
    parents = AnswerTable.of(candidates, donors=donors).parents
    assert parents is not None
    # a: 1 x 3, b: 2;   a: 1 x 2, c: 3;   a: 1, b: 2 x 3.
    assert belief(parents).tolist() == [
        pytest.approx([3 / 6, 2 / 6, 1 / 8]),
        pytest.approx([2 / 6, 2 / 6, 6 / 8]),
        pytest.approx([3 / 6, 3 / 6, 6 / 8]),
    ]


def test_collapsed_merges_have_no_share() -> None:
    spoken = {0.0: [f"{index % 5}" for index in range(20)]}
    spoken |= {0.1: spoken[0.0], 0.2: [""] * 20}
    sure = [0.9] * 20
    responses = {alpha: said(texts, sure, alpha) for alpha, texts in spoken.items()}
    shared = witnesses(
        AnswerTable.of(responses, donors=(DonorAnswers(responses[0.0]),)), Terms(**{**ONLY, "share": 1.0})
    )
    assert shared[0].tolist() == [1.0] * 20


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("red", "red", True),
        ("Red.", "it is red", True),
        ("Yes, there is.", "yes", True),
        ("1", "10", False),
        ("red and blue", "red blue", False),
        ("", "red", False),
        ("", "", True),
        ("?", "!", False),
    ],
)
def test_the_same_in_other_words(left: str, right: str, same: bool) -> None:
    assert same_answer(left, right) == same_answer(right, left) == same


def test_what_the_witnesses_lack_is_said() -> None:
    bare = {alpha: said("aax", None, alpha) for alpha in CANDIDATES}
    unsure = DonorAnswers(said("bay"))
    few = DonorAnswers(said("ba", [THREE, THREE]))
    for responses, donors, reason in (
        (CANDIDATES, (), "donor's own answers are not there"),
        (CANDIDATES, (unsure,), "donor's answers carry no confidence .* on 3 of 3 inputs"),
        (CANDIDATES, (few,), r'donor did not answer 1 of 3 inputs \("i2"\)'),
        (CANDIDATES, (DONOR, few), "donor 2 did not answer"),
        (bare, (DONOR,), "base's answers carry no confidence"),
        ({alpha: CANDIDATES[alpha] for alpha in (0.1, 0.2)}, (DONOR,), "alpha 0 is not among"),
    ):
        with pytest.raises(SearchError, match=reason):
            find_signal("witnesses").values(AnswerTable.of(responses, donors=donors))


def test_alpha_1_stands_for_a_donor_that_is_not_there() -> None:
    parents = AnswerTable.of({**CANDIDATES, 1.0: DONOR.answers}).parents
    assert parents is not None
    assert parents.stand_in
    assert parents.texts[1] == ("b", "a", "y")
    assert not table().parents.stand_in  # type: ignore[union-attr]


def test_a_base_that_answered_by_itself_is_a_witness_and_no_merge() -> None:
    apart = AnswerTable.of(CANDIDATES, donors=(DONOR,), base=said("aax", [EVEN, EVEN, TWO], 0.0))
    shared = witnesses(apart, Terms(**{**ONLY, "share": 1.0}))
    assert shared[0].tolist() == pytest.approx([2 / 3, 1 / 3, 2 / 3])
    of_base = find_signal("witnesses").of_base
    assert of_base is not None
    expected = [1 / 5 + EVEN / 2 + 2 / 12, 3 / 4 + EVEN / 2 + 1 / 12, 2 / 4 + TWO / 2 + 2 / 12]
    assert of_base(apart).tolist() == pytest.approx(expected)
