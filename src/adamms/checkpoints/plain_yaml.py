"""YAML as people write it: 1e-5 is a number, as in YAML 1.2 and JSON; to PyYAML, of YAML 1.1, it is text.

A key that stands twice in a table is an error, of which PyYAML takes the last. A document is bounded in what
it unfolds to: ten lines of aliases can stand for a billion nodes, and whatever walks the data walks them all.
"""

import re
from typing import Any

import yaml

from adamms.checkpoints.limits import DIGITS, YAML_DEPTH, YAML_NODES

MERGE = "tag:yaml.org,2002:merge"
# With an exponent and no point; PyYAML knows the others.
EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
NUMBER = ("tag:yaml.org,2002:float", EXPONENT, list("-+.0123456789"))


class _Loader(yaml.SafeLoader):
    """Reads plain data, and knows of every node what its aliases unfold to."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nesting = 0
        self._unfolded: dict[int, tuple[int, int]] = {}
        """Of a finished node, by its id: how many nodes it stands for, and how deep they lie."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One node with all that lies in it.

        Raises:
            yaml.YAMLError: it is too deep, too large, holds itself, or is a number too long.
        """
        mark = self.peek_event().start_mark
        self._nesting += 1
        if self._nesting > YAML_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=mark)
        is_alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        self._nesting -= 1
        if is_alias:
            self._size(node, mark)  # refused where the node is not finished: it would hold itself
        elif id(node) not in self._unfolded:
            if isinstance(node, yaml.ScalarNode):
                size, depth = 1, 1
                if node.tag in NUMBERS and len(node.value) > DIGITS:
                    problem = f"a number of {len(node.value)} digits"
                    raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
            else:
                inner = [self._size(child, mark) for child in _children(node)]
                size = 1 + sum(count for count, _ in inner)
                depth = 1 + max((deep for _, deep in inner), default=0)
            if size > YAML_NODES or depth > YAML_DEPTH:
                problem = (
                    f"its aliases unfold to more than {YAML_NODES:,} values, or deeper than {YAML_DEPTH}"
                )
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
            self._unfolded[id(node)] = size, depth
        return node

    def _size(self, node: Any, mark: Any) -> tuple[int, int]:
        if id(node) not in self._unfolded:
            raise yaml.MarkedYAMLError(problem="an anchor (&) holds its own alias (*)", problem_mark=mark)
        return self._unfolded[id(node)]


class _Dumper(yaml.SafeDumper):
    """Puts text that would be read as a number into quotes."""


_Loader.add_implicit_resolver(*NUMBER)
_Dumper.add_implicit_resolver(*NUMBER)


def read_yaml(text: str) -> Any:
    """What a document says.

    Raises:
        yaml.YAMLError: it is not one YAML document, has a key twice, or unfolds beyond all bounds.
    """
    return read_nodes(text)[0]


def read_nodes(text: str) -> tuple[Any, yaml.Node | None]:
    """What a document says, and its nodes, which know their lines.

    Raises:
        yaml.YAMLError: as `read_yaml`.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        # Before anything is constructed: that copies what a merge key (<<) names into its table.
        _refuse_twins(node, set())
        return (None if node is None else loader.construct_document(node)), node
    except ValueError as error:  # a date that is none, a number of thousands of digits
        raise yaml.YAMLError(str(error)) from None
    finally:
        loader.dispose()


def write_yaml(data: Any) -> str:
    """Plain data as a document that reads back as itself."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _children(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value)


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
