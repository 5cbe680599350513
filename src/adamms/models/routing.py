"""Two-way modules: the rows of one modality go through one module, those of the other through its duplicate.

CogVLM's visual experts and mPLUG-Owl2's modality-adaptive modules are the same mechanism: two copies of one
module, and a mask that says which positions the second copy computes. These duplicates are what the mapping
of the paper has to place (section 3.1, Appendix B).
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Routing:
    """Which rows of a flattened batch each of two modules computes."""

    first: Tensor
    second: Tensor
    back: Tensor
    """For every row of the batch its place among the first's rows followed by the second's."""

    @classmethod
    def of(cls, second: Tensor) -> Routing | None:
        """The routing of a batch from its mask, True where the second module computes; None if it never does.

        Asked once a forward pass, because counting the rows makes a GPU wait.
        """
        flat = second.flatten()
        second_rows = flat.nonzero().squeeze(1)
        if second_rows.numel() == 0:
            return None
        first_rows = (~flat).nonzero().squeeze(1)
        order = torch.cat([first_rows, second_rows])
        back = torch.empty_like(order)
        back[order] = torch.arange(order.numel(), device=order.device)
        return cls(first_rows, second_rows, back)


Rows = Callable[[Tensor], Tensor]


def route(routing: Routing | None, hidden: Tensor, *, first: Rows, second: Rows) -> Tensor:
    """Every row of `hidden` (its last dimension) through its module; without a routing, through the first."""
    if routing is None:
        return first(hidden)
    rows = hidden.flatten(0, -2)
    computed = torch.cat([first(rows[routing.first]), second(rows[routing.second])])
    return computed[routing.back].unflatten(0, hidden.shape[:-1])


class TwoWay(nn.Module):
    """A module in two copies; families say under which names they lie."""

    def copies(self) -> tuple[nn.Module, nn.Module]:
        """The module of text, and that of images."""
        raise NotImplementedError

    def forward(self, hidden: Tensor, *, routing: Routing | None) -> Tensor:
        """Every row of the last dimension through its copy."""
        text, image = self.copies()
        return route(routing, hidden, first=text, second=image)


def routed(module: nn.Module, hidden: Tensor, *, routing: Routing | None) -> Tensor:
    """`hidden` through a module; a two-way module also gets the routing."""
    computed: Tensor = module(hidden, routing=routing) if isinstance(module, TwoWay) else module(hidden)
    return computed
