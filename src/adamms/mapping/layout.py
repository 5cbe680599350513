"""Where a checkpoint's language model lies: its embeddings, its lists of layers, what is beside them.

A decoder is a numbered list of layers beside token embeddings, under any prefix and however the list is
called. Vision encoders have layers but no token embeddings. Whose names decide nothing is taken by size: of
several lists of one name the largest. Shapes and names only; what a layer holds is not asked here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod

from adamms.mapping.module_names import (
    BESIDE,
    ELSEWHERE,
    EMBEDDINGS,
    INSERTED,
    LANGUAGE_MODULES,
    LISTS,
    NOT_A_PARAMETER,
    what_is,
)

Shapes = Mapping[str, tuple[int, ...]]

NUMBERED = re.compile(r"(.+?)\.(\d+)\.(.+)")
NESTED_LANGUAGE_MODEL = re.compile(r".*\blanguage_model\.")
ENCODER, DECODER = "encoder.", "decoder."
# A list under an unknown name holds at least so many tensors a layer: no mere stack of projections.
LAYER_TENSORS = 4


@dataclass(frozen=True)
class LayerList:
    """A numbered list of layers.

    Attributes:
        path: what its names begin with, `model.layers.`.
        role: what roles of it begin with: nothing for the decoder's own, `encoder.` for the encoder's.
        inserted: whether a wrapper put it into its ancestor's decoder.
    """

    path: str
    role: str = ""
    inserted: bool = False


@dataclass(frozen=True)
class Layout:
    """Where one language model's names lie.

    Attributes:
        root: what the names of the embeddings and of the list begin with.
        embedding: the token embeddings.
        lists: its lists of layers, the decoder's own first.
        areas: what names begin with that belong to it although no list holds them.
        pure: nothing else lies under the root.
    """

    root: str
    embedding: str
    lists: tuple[LayerList, ...]
    areas: tuple[str, ...]
    pure: bool

    def holds(self, name: str) -> bool:
        """Whether a tensor that no list holds belongs to the language model."""
        if name.startswith(self.areas):
            return what_is(name.removeprefix(self.root)) == ELSEWHERE
        if not name.startswith(self.root):
            return False
        rest = name.removeprefix(self.root)
        return what_is(rest) == ELSEWHERE and (self.pure or BESIDE.match(rest) is not None)


def find_layouts(shapes: Shapes) -> list[Layout]:
    """Every language model's layout in a checkpoint."""
    layouts: dict[str, Layout] = {}
    for name, shape in shapes.items():
        end = next((end for end in EMBEDDINGS if name.endswith(end)), None)
        if end is None or len(shape) != 2 or what_is(name) != ELSEWHERE:
            continue
        root = name.removesuffix(end)
        if root and not root.endswith("."):
            continue
        layout = None
        if root.endswith(ENCODER):
            # Token embeddings of an encoder, beside which there may be a decoder: T5's kind.
            layout = _layout(shapes, root.removesuffix(ENCODER), name, shape[1])
        if layout is None or len(layout.lists) == 1:
            layout = _layout(shapes, root, name, shape[1])
        if layout:
            layouts.setdefault(layout.root, layout)
    return list(layouts.values())


@dataclass
class _Group:
    """Tensors under one numbered path."""

    parameters: int = 0
    wide: bool = False
    stems: dict[str, None] = field(default_factory=dict)


def _layout(shapes: Shapes, root: str, embedding: str, hidden: int) -> Layout | None:
    groups: dict[str, _Group] = {}
    strange = False
    # What a list holds is told by the list's own name.
    outside: dict[str, bool] = {}
    for name, shape in shapes.items():
        if not name.startswith(root):
            continue
        match = NUMBERED.fullmatch(name, len(root))
        part = f"{match.group(1)}." if match else name[len(root) :]
        if part not in outside:
            what = what_is(part)
            outside[part] = what != ELSEWHERE
            strange |= what not in (ELSEWHERE, NOT_A_PARAMETER)
        if match and not outside[part]:
            group = groups.setdefault(match.group(1), _Group())
            group.parameters += prod(shape)
            group.wide |= len(shape) > 1 and hidden in shape
            group.stems[match.group(3)] = None
    lists = _lists(root, groups, shared=not embedding.removeprefix(root).startswith(DECODER))
    if not lists:
        return None
    chosen = [layers.path for layers in lists]
    pure = not strange and all(f"{root}{path}." in chosen or "." not in path for path in groups)
    return Layout(root, embedding, tuple(lists), tuple(_areas(shapes, root, lists)), pure)


def _lists(root: str, groups: Mapping[str, _Group], *, shared: bool) -> list[LayerList]:
    known = [path for path in groups if LISTS.fullmatch(path)]
    if known:
        path = min(known, key=lambda path: (_rank(path), -groups[path].parameters))
    else:
        wide = [path for path, group in groups.items() if _may_be_layers(path, group)]
        if not wide:
            return []
        path = max(wide, key=lambda path: groups[path].parameters)
    lists = [LayerList(f"{root}{path}.")]
    if path.startswith(DECODER) and shared:
        lists += [LayerList(f"{root}{other}.", role=ENCODER) for other in known if other.startswith(ENCODER)]
    lists += [
        LayerList(f"{root}{other}.", role=f"{other}.", inserted=True)
        for other in groups
        if other != path and "." not in other and INSERTED.search(other)
    ]
    return lists


def _rank(path: str) -> tuple[bool, int]:
    """Which of several lists is the decoder's: its own before an encoder's, and `layers` before `blocks`."""
    last = path.rpartition(".")[2]
    return path.startswith(ENCODER), ("layers", "layer", "h", "blocks", "block").index(last)


def _may_be_layers(path: str, group: _Group) -> bool:
    return "." not in path and group.wide and len(group.stems) >= LAYER_TENSORS and not INSERTED.search(path)


def _areas(shapes: Shapes, root: str, lists: list[LayerList]) -> Iterable[str]:
    """Modules that hold nothing but the language model, save for what words tell apart."""
    folders = root.split(".")[:-1]
    inside = next((at for at, folder in enumerate(folders) if folder in LANGUAGE_MODULES), None)
    if inside is not None:
        yield ".".join(folders[: inside + 1]) + "."
    if any(layers.role == ENCODER for layers in lists):
        yield from (f"{root}{ENCODER}", f"{root}{DECODER}")
    if inside is not None and folders[inside] == DECODER.rstrip("."):
        # Diffusion Gemma: the encoder's language model is the decoder's but for a few weights of its own.
        beside = (NESTED_LANGUAGE_MODEL.match(name) for name in shapes if not name.startswith(root))
        yield from dict.fromkeys(match.group() for match in beside if match)
