"""The architecture tables, the particular ones before the general one.

To add an architecture: one file with a `Table`, one line here, one layout in the tests
(docs/concepts/mapping.md). A model that wraps a Llama-style decoder under any prefix needs no table.
"""

from adamms.mapping.architecture import Table
from adamms.mapping.architectures.cogvlm import COGVLM
from adamms.mapping.architectures.llama_style import LLAMA_STYLE
from adamms.mapping.architectures.mplug_owl2 import MPLUG_OWL2

TABLES: tuple[Table, ...] = (COGVLM, MPLUG_OWL2, LLAMA_STYLE)
