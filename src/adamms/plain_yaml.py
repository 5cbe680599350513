"""YAML as people write it: 1e-5 is a number, as in YAML 1.2 and JSON; to PyYAML, of YAML 1.1, it is text.

A key that stands twice in a table is an error, of which PyYAML takes the last.
"""

import re
from typing import Any

import yaml

MERGE = "tag:yaml.org,2002:merge"


class Loader(yaml.SafeLoader):
    """The safe loader, with numbers that have an exponent and no point, and keys that stand once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a table."""
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                continue
            if key.value in seen:
                problem = f"the key {key.value!r} stands twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+"), list("-+.0123456789")
)


def read_yaml(text: str) -> Any:
    """What a document says.

    Raises:
        yaml.YAMLError: it is not one YAML document.
    """
    try:
        return yaml.load(text, Loader=Loader)
    except ValueError as error:  # a date that is none, a number of thousands of digits
        raise yaml.YAMLError(str(error)) from None
