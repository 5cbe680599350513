"""Two-way modules: each row through its own copy."""

import torch
from torch import nn

from adamms.models.routing import Routing, route


def test_each_row_goes_through_its_module() -> None:
    first, second = (nn.Linear(3, 2) for _ in range(2))
    hidden = torch.randn(2, 4, 3)
    mask = torch.tensor([[True, False, False, True], [False, True, True, True]])
    computed = route(Routing.of(mask), hidden, first=first, second=second)
    expected = torch.where(mask.unsqueeze(-1), second(hidden), first(hidden))
    assert torch.allclose(computed, expected, atol=1e-6)


def test_without_a_marked_row_only_the_first_computes() -> None:
    hidden = torch.randn(1, 3, 3)
    assert Routing.of(torch.zeros(1, 3, dtype=torch.bool)) is None
    assert torch.equal(route(None, hidden, first=torch.neg, second=torch.abs), -hidden)


def test_all_rows_may_be_marked() -> None:
    hidden = torch.randn(1, 3, 3)
    everywhere = Routing.of(torch.ones(1, 3, dtype=torch.bool))
    assert torch.equal(route(everywhere, hidden, first=torch.neg, second=torch.abs), hidden.abs())
