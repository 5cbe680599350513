"""YAML as people write it: 1e-5 is a number, as in YAML 1.2 and JSON; to PyYAML, of YAML 1.1, it is text.

A key that stands twice in a table is an error, of which PyYAML takes the last.
"""

import re
from typing import Any

import yaml

MERGE = "tag:yaml.org,2002:merge"
# With an exponent and no point; PyYAML knows the others.
EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
NUMBER = ("tag:yaml.org,2002:float", EXPONENT, list("-+.0123456789"))


class _Loader(yaml.SafeLoader):
    """Reads plain data."""


class _Dumper(yaml.SafeDumper):
    """Puts text that would be read as a number into quotes."""


_Loader.add_implicit_resolver(*NUMBER)
_Dumper.add_implicit_resolver(*NUMBER)


def read_yaml(text: str) -> Any:
    """What a document says.

    Raises:
        yaml.YAMLError: it is not one YAML document, or has a key twice.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        # Before anything is constructed: that copies what a merge key (<<) names into its table.
        _refuse_twins(node, set())
        return None if node is None else loader.construct_document(node)
    except ValueError as error:  # a date that is none, a number of thousands of digits
        raise yaml.YAMLError(str(error)) from None
    finally:
        loader.dispose()


def write_yaml(data: Any) -> str:
    """Plain data as a document that reads back as itself."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _refuse_twins(node: yaml.Node | None, known: set[int]) -> None:
    if not isinstance(node, yaml.CollectionNode) or id(node) in known:
        return
    known.add(id(node))
    if not isinstance(node, yaml.MappingNode):
        for inner in node.value:
            _refuse_twins(inner, known)
        return
    seen = set()
    for key, value in node.value:
        name = (key.tag, key.value if isinstance(key, yaml.ScalarNode) else id(key))
        if name in seen and key.tag != MERGE:
            problem = f"the key {key.value!r} stands twice"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
        seen.add(name)
        _refuse_twins(value, known)
