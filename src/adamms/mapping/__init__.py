"""Step 1 of the method: which of the donor's tensors correspond to which of the base's (section 3.1)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adamms.mapping.decoder import Decoder, find_decoder
    from adamms.mapping.donor_view import MappedDonor
    from adamms.mapping.exclusion import exclude
    from adamms.mapping.grouping import Group, grouped
    from adamms.mapping.inspection import Inspection, inspect_checkpoint
    from adamms.mapping.matching import map_parameters
    from adamms.mapping.parameter_mapping import ParameterMapping, Totals
    from adamms.mapping.segments import Piece, Segment, TensorMapping

__all__ = [
    "Decoder",
    "Group",
    "Inspection",
    "MappedDonor",
    "ParameterMapping",
    "Piece",
    "Segment",
    "TensorMapping",
    "Totals",
    "exclude",
    "find_decoder",
    "grouped",
    "inspect_checkpoint",
    "map_parameters",
]

# Imported when they are asked for.
FILES = {
    "Decoder": "decoder",
    "Group": "grouping",
    "Inspection": "inspection",
    "MappedDonor": "donor_view",
    "ParameterMapping": "parameter_mapping",
    "Piece": "segments",
    "Segment": "segments",
    "TensorMapping": "segments",
    "Totals": "parameter_mapping",
    "exclude": "exclusion",
    "find_decoder": "decoder",
    "grouped": "grouping",
    "inspect_checkpoint": "inspection",
    "map_parameters": "matching",
}


def __getattr__(name: str) -> Any:
    if name not in FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{FILES[name]}"), name)
