"""A merge is the same whatever the threads, the blocks, the errands and the shards: for every method."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from adamms.checkpoints import CheckpointWriter
from adamms.merging import all_methods, make_method
from adamms.merging.blocks import blocks_of
from adamms.merging.stream import stream_merge
from small_families import opened, settings_of
from small_pairs import write_qwen2_vl

# The means of thinning that need a pass over each tensor.
BY_NORM = {name: {"rescale": "l1"} for name in ("ties", "dare_linear", "dare_ties", "della", "della_linear")}


@pytest.fixture(scope="module")
def sharded(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same family, the base in five shards."""
    root = tmp_path_factory.mktemp("sharded")
    return {**folders, "base": write_qwen2_vl(root / "base", shards=5)}


def merged(
    folder: Path, folders: dict[str, Path], name: str, given_settings: dict[str, Any], **running: Any
) -> dict[str, torch.Tensor]:
    """Merge three models; `running` is how: threads, and the largest shard."""
    folder.mkdir()
    with ExitStack() as models:
        donors = ("donor",) if make_method(name, given_settings).rule.donors == "one" else ("donor", "other")
        parents = opened(models, folders, *donors, pretrained="pretrained")
        writer = CheckpointWriter(folder, parents.base, max_shard_size=running["shard"])
        method = make_method(name, given_settings)
        stream_merge(parents, method=method, writer=writer, threads=running["threads"])
        writer.finish()
    tensors: dict[str, torch.Tensor] = {}
    for shard in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(shard)
    return tensors


@pytest.mark.parametrize("name", [method.name for method in all_methods()])
@given(
    threads=st.integers(1, 6),
    block=st.sampled_from([17, 64, 333, 1 << 17]),
    errand=st.integers(1, 5),
    shard=st.sampled_from([None, 1_000, 5_000]),
    five=st.booleans(),
    by_norm=st.booleans(),
)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_of_how_it_runs_shows_in_the_values(
    folders: dict[str, Path],
    sharded: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    threads: int,
    block: int,
    errand: int,
    shard: int | None,
    five: bool,
    by_norm: bool,
) -> None:
    given_settings = {**settings_of(name), **(BY_NORM.get(name, {}) if by_norm else {})}
    root = tmp_path_factory.mktemp(name)
    plain = merged(root / "plain", folders, name, given_settings, threads=2, shard=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(blocks_of.__kwdefaults__, "size", block)
        patch.setattr("adamms.merging.stream.BLOCKS_PER_TASK", errand)
        family = sharded if five else folders
        other = merged(root / "other", family, name, given_settings, threads=threads, shard=shard)
    assert plain.keys() == other.keys()
    different = [key for key in plain if not torch.equal(plain[key], other[key])]
    assert not different
