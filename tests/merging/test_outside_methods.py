"""Methods of other packages: the how-to as it stands, and what registers something wrong."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from small_pairs import write_llava_onevision, write_qwen2_vl

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-merge-method.md"
NAME = "model.layers.0.mlp.up_proj.weight"


def install(folder: Path, code: str, project: str) -> Path:
    """What an installer leaves of a single-file package: the file, and what it registers."""
    about = tomllib.loads(project)["project"]
    (folder / f"{about['name']}.py").write_text(code)
    metadata = folder / f"{about['name']}-{about['version']}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: 0.1\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in about["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(groups))
    return folder


def adamms(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "adamms", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    shards = [load_file(path) for path in sorted(folder.glob("*.safetensors"))]
    return {name: tensor for shard in shards for name, tensor in shard.items()}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("pair")
    return write_qwen2_vl(root / "base"), write_llava_onevision(root / "donor")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    text = PAGE.read_text()
    code, *_ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    project, *_ = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(code.strip().splitlines()) <= 12
    (tmp_path / "site").mkdir()
    return install(tmp_path / "site", code, project)


def test_the_how_tos_method_merges(site: Path, pair: tuple[Path, Path], tmp_path: Path) -> None:
    listed = adamms(site, "methods")
    assert "halfway" in listed.stdout
    out = tmp_path / "merged"
    ran = adamms(site, "merge", *pair, "--method", "halfway", "--set", "share=0.25", "--out", out, "--force")
    assert ran.returncode == 0, ran.stderr
    base, donor, merged = map(tensors, (*pair, out))
    exact = base[NAME].float() * 0.75 + donor[f"language_model.{NAME}"].float() * 0.25
    assert torch.equal(merged[NAME], exact.to(merged[NAME].dtype))


def test_a_setting_of_it_is_checked(site: Path, pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "merged"
    ran = adamms(site, "merge", *pair, "--method", "halfway", "--set", "share=2", "--out", out)
    assert ran.returncode == 2
    assert "share of the method halfway must be a number from 0 to 1, not 2" in ran.stderr
    ran = adamms(site, "merge", *pair, "--method", "halfwy", "--out", out)
    assert "did you mean halfway?" in ran.stderr


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import nothing_of_this_name", "cannot be loaded: No module named 'nothing_of_this_name'"),
        ("HALFWAY = 3", "is a int, not an adamms.merging.MergeMethod"),
        ("", "cannot be loaded: module 'halfway' has no attribute 'HALFWAY'"),
        (
            "from adamms.merging import MergeMethod\n"
            "def other(models): return models[0]\n"
            "HALFWAY = MergeMethod(other, 'a', 'b')",
            "calls itself 'other'",
        ),
        (
            "from adamms.merging import MergeMethod\n"
            "def halfway(models, shar): return models[0]\n"
            "HALFWAY = MergeMethod(halfway, 'a', 'b')",
            "asks for 'shar'",
        ),
    ],
)
def test_what_registers_something_else_is_told(
    site: Path, pair: tuple[Path, Path], tmp_path: Path, code: str, message: str
) -> None:
    (site / "halfway.py").write_text(code)
    ran = adamms(site, "merge", *pair, "--method", "halfway", "--out", tmp_path / "merged")
    assert ran.returncode == 2
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
    # Who asks for another method does not meet it.
    assert adamms(site, "merge", *pair, "--alpha", 0.3, "--out", tmp_path / "merged").returncode == 0


def test_a_name_of_ours_stays_ours(site: Path, pair: tuple[Path, Path], tmp_path: Path) -> None:
    entries = next(site.glob("*.dist-info")) / "entry_points.txt"
    entries.write_text(entries.read_text() + "linear = halfway:HALFWAY\n")
    listed = json.loads(adamms(site, "methods", "--json").stdout)
    names = [method["name"] for method in listed if method["name"] in ("linear", "halfway")]
    assert names == ["linear", "halfway"]
    assert adamms(site, "merge", *pair, "--alpha", 0.3, "--out", tmp_path / "merged").returncode == 0
