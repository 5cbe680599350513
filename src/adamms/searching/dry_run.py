"""A choice rehearsed on made-up answers, before any model is loaded.

Whatever a choice would refuse at the end of a search (a rule that lacks its candidates, an embedder that is
not installed, subsets larger than the inputs) is refused at its beginning: the same code chooses among
candidates that all give the same sure answer. Knows no models.
"""

from collections.abc import Sequence
from typing import Any

from adamms.responses.inputs import Example
from adamms.responses.parent_answers import DonorAnswers
from adamms.responses.responses import Response
from adamms.searching.choice import select
from adamms.searching.signals import SUPERVISED


def dry_run(
    examples: Sequence[Example],
    alphas: Sequence[float],
    *,
    base_apart: bool = False,
    donors: int = 0,
    **settings: Any,
) -> None:
    """Choose among answers that say nothing, with the settings of the choice to come.

    Args:
        examples: what will be asked.
        alphas: the candidates.
        base_apart: whether none of them is the base, which is asked by itself.
        donors: how many donors answer by themselves.
        **settings: of `select`.

    Raises:
        SearchError: what `select` would say after the last answer.
    """
    responses = {
        alpha: {
            example.id: Response(example.id, alpha, "x", confidence=1.0, entropy=0.0, finished=True)
            for example in examples
        }
        for alpha in alphas
    }
    labels = None
    if settings.get("rule") == SUPERVISED:
        labels = {alpha: dict.fromkeys(answered, 0.0) for alpha, answered in responses.items()}
    base = responses[min(responses)] if base_apart else None
    witnesses = (DonorAnswers(responses[min(responses)]),) * donors
    select(responses, **settings, labels=labels, base=base, donors=witnesses)
