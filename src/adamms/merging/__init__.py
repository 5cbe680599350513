"""Step 2 of the method: merge mapped tensors, streamed from disk to disk (section 3.2)."""

from adamms.merging.methods import Method as Method
from adamms.merging.methods import make_method as make_method
from adamms.merging.stream import stream_merge as stream_merge
from adamms.merging.tensors import merged_tensor as merged_tensor
