"""The ancestor check: relatives pass, strangers are told apart, and hardly anything is read."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import grown_layouts
import layouts
from adamms.checkpoints import Checkpoint
from adamms.errors import CheckpointError
from adamms.mapping import ParameterMapping, map_parameters
from adamms.mapping.ancestor import check_ancestor, check_family, family_json
from adamms.zoo import shipped_pair
from hub_server import HubServer

FAMILIES = ("llava", "cogvlm", "mplug_owl2")


def grown(folder: Path, family: str, **options: int) -> Checkpoint:
    return Checkpoint.open(grown_layouts.write(folder, getattr(grown_layouts, family)(**options)))


@pytest.mark.parametrize("base", FAMILIES)
@pytest.mark.parametrize("donor", FAMILIES)
def test_relatives_and_strangers(tmp_path: Path, base: str, donor: str) -> None:
    ours, theirs = grown(tmp_path / "a", base), grown(tmp_path / "b", donor, seed=7)
    similarity = check_ancestor(ours, theirs, map_parameters(ours, theirs))
    assert similarity.verdict == "related"
    # Two copies, each a tenth of the weights away from the ancestor.
    assert similarity.mean_cosine == pytest.approx(1 / 1.01, abs=0.005)
    assert "share an ancestor: cosine" in similarity.sentence()
    stranger = grown(tmp_path / "c", donor, grown_from=5)
    similarity = check_ancestor(ours, stranger, map_parameters(ours, stranger))
    assert similarity.verdict == "unrelated"
    assert abs(similarity.mean_cosine or 1) < 0.03
    assert "do not share an ancestor" in similarity.sentence()
    assert f"{similarity.mean_cosine:.2f}" in similarity.sentence()


def test_neither_norms_nor_token_tables_nor_duplicates_are_compared(tmp_path: Path) -> None:
    ours, theirs = grown(tmp_path / "a", "cogvlm"), grown(tmp_path / "b", "llava")
    names = " ".join(check_ancestor(ours, theirs, map_parameters(ours, theirs)).tensors)
    for word in ("norm", "embed", "lm_head", "vision"):
        assert word not in names
    for word in ("layers.0", "layers.1", "layers.2", "query_key_value", "mlp"):
        assert word in names


def test_a_wrong_mapping_shows(tmp_path: Path) -> None:
    ours, theirs = grown(tmp_path / "a", "llava"), grown(tmp_path / "b", "llava", seed=7)
    text = json.dumps(map_parameters(ours, theirs).to_json()["tensors"])
    # Layers 0 and 1 of the donor exchanged: the models are relatives, these weights are not.
    swapped = text.replace('"donor": "model.layers.0', '"donor": "model.layers.x')
    swapped = swapped.replace('"donor": "model.layers.1', '"donor": "model.layers.0').replace(
        "layers.x", "layers.1"
    )
    mapping = ParameterMapping.from_json({"tensors": json.loads(swapped)}).check(ours, theirs)
    similarity = check_ancestor(ours, theirs, mapping)
    assert similarity.verdict == "distant"
    assert "lowest model.layers." in similarity.sentence()


@pytest.mark.parametrize(
    ("noise", "verdict"), [(0.2, "related"), (0.7, "related"), (2, "distant"), (8, "unrelated")]
)
def test_verdicts_by_distance(tmp_path: Path, noise: float, verdict: str) -> None:
    weights = grown_layouts.ancestor()
    random = np.random.default_rng(3)
    far = {
        name: value + np.float32(noise) * value.std() * random.standard_normal(value.shape, dtype=np.float32)
        for name, value in weights.items()
    }
    ours, theirs = (
        Checkpoint.open(grown_layouts.write(tmp_path / name, model))
        for name, model in (("a", weights), ("b", far))
    )
    similarity = check_ancestor(ours, theirs, map_parameters(ours, theirs))
    assert similarity.verdict == verdict
    assert similarity.mean_cosine == pytest.approx((1 + noise**2) ** -0.5, abs=0.05)


def test_the_shipped_pair_and_its_ancestor() -> None:
    folders = (shipped_pair().base, shipped_pair().donor, shipped_pair().base.parent / "pretrained")
    base, donor, theta = (Checkpoint.open(folder) for folder in folders)
    similarities = check_family(base, donor, map_parameters(base, donor), pretrained=theta)
    assert [similarity.verdict for similarity in similarities] == ["related"] * 3
    assert all((similarity.mean_cosine or 0) > 0.95 for similarity in similarities)


def test_nothing_to_compare_is_not_known(build, tmp_path: Path) -> None:
    # A header whose data is a hole: all zeros.
    ours, theirs = (build(name, layouts.tiny_decoder()) for name in ("a", "b"))
    similarity = check_ancestor(ours, theirs, map_parameters(ours, theirs))
    assert (similarity.mean_cosine, similarity.verdict) == (None, "unknown")
    assert "is not known" in similarity.sentence()
    one, other = grown(tmp_path / "c", "llava"), grown(tmp_path / "d", "llava", grown_from=5)
    tables = map_parameters(one, other, exclude=["layers=0-2"])
    assert check_ancestor(one, other, tables).verdict == "unknown"


def test_the_ancestor_is_compared_with_both(tmp_path: Path) -> None:
    ours, theirs = grown(tmp_path / "a", "cogvlm"), grown(tmp_path / "b", "llava")
    theta = Checkpoint.open(grown_layouts.write(tmp_path / "theta", grown_layouts.ancestor()))
    other = Checkpoint.open(grown_layouts.write(tmp_path / "other", grown_layouts.ancestor(8)))
    mapping = map_parameters(ours, theirs)
    similarities = check_family(ours, theirs, mapping, pretrained=theta)
    assert [similarity.verdict for similarity in similarities] == ["related"] * 3
    data = family_json(similarities)
    assert data["verdict"] == "related"
    assert data["pretrained"]["base"]["similarity"] > data["similarity"]
    similarities = check_family(ours, theirs, mapping, pretrained=other)
    assert [similarity.verdict for similarity in similarities] == ["related", "unrelated", "unrelated"]
    assert [other.source in similarity.sentence() for similarity in similarities] == [False, True, True]


def test_it_reads_little_and_takes_no_time(tmp_path: Path) -> None:
    """A 34B pair: its headers are true, its data a hole, so what is read is what would be read."""
    ours, theirs = (
        Checkpoint.open(layouts.write_layout(tmp_path, name))
        for name in ("nyu-visionx/cambrian-34b", "01-ai/Yi-VL-34B")
    )
    mapping = map_parameters(ours, theirs)
    read: list[int] = []
    for model in (ours, theirs):
        original = model.read_bytes

        def counted(name: str, start: int, length: int, original=original) -> bytes:
            read.append(length)
            return original(name, start, length)

        model.read_bytes = counted  # type: ignore[method-assign]
    start = time.process_time()
    check_ancestor(ours, theirs, mapping)
    assert time.process_time() - start < 0.5
    assert len(read) <= 60
    assert sum(read) < 4_000_000


def test_a_cut_off_file_is_said(tmp_path: Path) -> None:
    ours, theirs = grown(tmp_path / "a", "llava"), grown(tmp_path / "b", "llava")
    os.truncate(tmp_path / "b" / "model.safetensors", 20_000)
    with pytest.raises(CheckpointError, match="ends inside"):
        check_ancestor(ours, theirs, map_parameters(ours, theirs))


def test_torch_is_not_imported(tmp_path: Path) -> None:
    folders = [grown(tmp_path / name, "llava").source for name in ("a", "b")]
    code = f"""
import sys
from adamms.checkpoints import Checkpoint
from adamms.mapping import map_parameters
from adamms.mapping.ancestor import check_ancestor
base, donor = map(Checkpoint.open, {folders!r})
assert check_ancestor(base, donor, map_parameters(base, donor)).verdict == "related"
assert not any(name in sys.modules for name in ("torch", "transformers", "pydantic"))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


HUB = """
import sys
from adamms.checkpoints import Checkpoint
from adamms.mapping import map_parameters
from adamms.mapping.ancestor import check_ancestor
base, donor = Checkpoint.open(sys.argv[1]), Checkpoint.open("some/donor")
print(check_ancestor(base, donor, map_parameters(base, donor)).verdict)
"""


def on_hub(base: str, donor: Path, home: Path) -> tuple[str, int]:
    """What a check against a model on a hub says, and how many bytes of its weights it took."""
    with HubServer({"some/donor": donor}) as hub:
        result = subprocess.run(
            [sys.executable, "-c", HUB, base],
            capture_output=True,
            text=True,
            env=hub.environment(home),
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip(), hub.bytes_sent(".safetensors")


def test_a_model_on_a_hub_need_not_be_downloaded(tmp_path: Path) -> None:
    base = grown(tmp_path / "base", "llava").source
    for name, seed, verdict in (("relative", 0, "related"), ("stranger", 5, "unrelated")):
        folder = grown_layouts.write(tmp_path / name, grown_layouts.ancestor(seed))
        assert on_hub(base, folder, tmp_path / f"home-{name}")[0] == verdict
    # A full-size one, whose zeros tell nothing, but their number does.
    base = str(layouts.write_layout(tmp_path, "nyu-visionx/cambrian-34b"))
    verdict, sent = on_hub(base, layouts.write_layout(tmp_path, "01-ai/Yi-VL-34B"), tmp_path / "home")
    assert verdict == "unknown"
    assert sent < 10_000_000


def test_bin_files_on_a_hub_must_be_downloaded(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    weights = {name: torch.from_numpy(value) for name, value in grown_layouts.ancestor().items()}
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "config.json").write_text("{}")
    with HubServer({"some/donor": folder}) as hub:
        result = subprocess.run(
            [sys.executable, "-c", HUB, grown(tmp_path / "base", "llava").source],
            capture_output=True,
            text=True,
            env=hub.environment(tmp_path / "home"),
            check=False,
        )
    assert "can be read on the hub; download the model and give its folder" in result.stderr
