"""A merge in plain data: what another process needs to open the same models and merge them itself.

Weights do not travel between processes; names, mappings and settings do, and can be pickled. Whoever gets
them opens its own files, maps them into memory, and has the same bits.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adamms.adapters import open_model
from adamms.mapping import MappedDonor, ParameterMapping
from adamms.merging.merge_inputs import MappedCheckpoint, MergeInputs
from adamms.merging.method import Method
from adamms.merging.methods import find_method

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource


@dataclass(frozen=True)
class DescribedView:
    """A model beside the base, and how it maps onto it."""

    model: str
    """A folder or a pinned hub id, with its adapter where it has one."""
    mapping: ParameterMapping


@dataclass(frozen=True)
class DescribedInputs:
    """The models of a merge."""

    base: str
    donors: tuple[DescribedView, ...]
    pretrained: DescribedView | None = None

    @classmethod
    def of(cls, inputs: MergeInputs) -> "DescribedInputs":
        """What these opened models are."""
        donors = tuple(_described(view) for view in inputs.donors)
        return cls(inputs.base.pinned, donors, inputs.pretrained and _described(inputs.pretrained))

    def open(self, models: ExitStack) -> MergeInputs:
        """The same models, opened and mapped here; `models` closes them.

        Raises:
            CheckpointError: one is not here, or is damaged.
            MappingError: one is here and is another model.
        """

        def whole(source: str) -> "TensorSource":
            model = models.enter_context(open_model(source, download=True))
            model.require_data()
            return model

        base = whole(self.base)
        # A donor may be the ancestor as well: it is opened once.
        opened: dict[str, TensorSource] = {}

        def view(described: DescribedView) -> MappedCheckpoint:
            if described.model not in opened:
                opened[described.model] = whole(described.model)
            return MappedCheckpoint.of(MappedDonor(described.mapping, base, opened[described.model]))

        pretrained = None if self.pretrained is None else view(self.pretrained)
        return MergeInputs(base, tuple(map(view, self.donors)), pretrained)


@dataclass(frozen=True)
class DescribedMethod:
    """A method and its settings, defaults included."""

    name: str
    settings: dict[str, Any]

    @classmethod
    def of(cls, method: Method) -> "DescribedMethod":
        """What this method is."""
        return cls(method.name, dict(method.settings))

    def method(self) -> Method:
        """The method.

        Raises:
            MergeError: none of that name is installed here.
        """
        return Method(find_method(self.name), dict(self.settings))


def _described(view: MappedCheckpoint) -> DescribedView:
    return DescribedView(view.checkpoint.pinned, view.mapped.mapping)
