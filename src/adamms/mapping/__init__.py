"""Step 1 of the method: which of the donor's tensors correspond to which of the base's (section 3.1)."""

from adamms.mapping.decoder import Decoder as Decoder
from adamms.mapping.decoder import find_decoder as find_decoder
from adamms.mapping.donor_view import MappedDonor as MappedDonor
from adamms.mapping.exclusion import exclude as exclude
from adamms.mapping.grouping import Group as Group
from adamms.mapping.grouping import grouped as grouped
from adamms.mapping.inspection import Inspection as Inspection
from adamms.mapping.inspection import inspect_checkpoint as inspect_checkpoint
from adamms.mapping.matching import map_parameters as map_parameters
from adamms.mapping.parameter_mapping import ParameterMapping as ParameterMapping
from adamms.mapping.parameter_mapping import Totals as Totals
from adamms.mapping.segments import Piece as Piece
from adamms.mapping.segments import Segment as Segment
from adamms.mapping.segments import TensorMapping as TensorMapping
