"""Writing a checkpoint in the base's layout: same files, same bytes, auxiliary files, and clear refusals."""

import json
import random
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import tiny_models
from adamms.checkpoints import Checkpoint, CheckpointWriter
from adamms.checkpoints.shard_plan import plan_shards
from adamms.checkpoints.tensor_info import DTYPE_BITS
from adamms.errors import CheckpointError, MachineError
from checkpoint_files import Tensors, raw, write_shards
from layouts import write_checkpoint, write_layout

INDEX = "model.safetensors.index.json"
FLOATS = ("BF16", "F16", "F32")


def copy(source: Path, target: Path, *, dtype: str | None = None, max_shard_size: int | None = None) -> None:
    """Write every tensor of a checkpoint as it is (or converted), block by block, in a random order."""
    with Checkpoint.open(source) as base:
        writer = CheckpointWriter(target, base, dtype=dtype, max_shard_size=max_shard_size)
        blocks = []
        for name, info in writer.tensors.items():
            tensor = base.tensor(name)
            if info.dtype != base.tensors[name].dtype:
                tensor = tensor.to(getattr(torch, dtype or ""))
            data = raw(tensor)
            blocks += [(name, start, data[start : start + 24]) for start in range(0, len(data), 24)]
        random.Random(0).shuffle(blocks)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda b: writer.write(b[0], memoryview(b[2]), start=b[1]), blocks))
        writer.finish()


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def everything(folder: Path) -> Tensors:
    loaded: Tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        loaded |= load_file(path)
        with safe_open(path, framework="pt") as file:
            assert file.metadata() == {"format": "pt"}
    return loaded


def assert_same(read: Tensors, expected: Tensors) -> None:
    assert sorted(read) == sorted(expected)
    for name, tensor in expected.items():
        assert read[name].dtype == tensor.dtype
        assert read[name].shape == tensor.shape
        assert raw(read[name]) == raw(tensor)


def test_a_single_file_stays_a_single_file(tmp_path: Path, single: Path, tensors: Tensors) -> None:
    copy(single, tmp_path / "out")
    assert files(tmp_path / "out") == ["config.json", "model.safetensors"]
    assert_same(everything(tmp_path / "out"), tensors)
    with Checkpoint.open(single) as base, Checkpoint.open(tmp_path / "out") as out:
        assert list(out.tensors) == list(base.tensors)
        assert out.config == base.config


def test_shards_keep_their_names_contents_and_order(tmp_path: Path, sharded: Path) -> None:
    copy(sharded, tmp_path / "out")
    assert files(tmp_path / "out") == files(sharded)
    assert_same(everything(tmp_path / "out"), everything(sharded))
    index = json.loads((tmp_path / "out" / INDEX).read_text())
    assert index["weight_map"] == json.loads((sharded / INDEX).read_text())["weight_map"]
    with Checkpoint.open(sharded) as base, Checkpoint.open(tmp_path / "out") as out:
        assert [(info.name, info.shard) for info in out.tensors.values()] == [
            (info.name, info.shard) for info in base.tensors.values()
        ]
        assert index["metadata"]["total_size"] == sum(info.nbytes for info in base.tensors.values())


def test_bin_shards_become_numbered_safetensors(tmp_path: Path, tensors: Tensors) -> None:
    tensors["transposed"] = torch.arange(12.0).view(3, 4).t()
    source = write_shards(
        tmp_path / "base",
        tensors,
        index="pytorch_model.bin.index.json",
        name=lambda number: f"pytorch_model-{number}-of-3.bin",
        save=torch.save,
        count=3,
    )
    copy(source, tmp_path / "out")
    shards = [f"model-{number:05d}-of-00003.safetensors" for number in (1, 2, 3)]
    assert files(tmp_path / "out") == ["config.json", *shards, INDEX]
    assert_same(everything(tmp_path / "out"), tensors)
    with Checkpoint.open(source) as base, Checkpoint.open(tmp_path / "out") as out:
        for name, info in base.tensors.items():
            assert base.shards.index(info.shard) == out.shards.index(out.tensors[name].shard)


def test_a_single_bin_becomes_a_single_file(tmp_path: Path, tensors: Tensors) -> None:
    (tmp_path / "base").mkdir()
    torch.save(tensors, tmp_path / "base" / "pytorch_model.bin")
    copy(tmp_path / "base", tmp_path / "out")
    assert files(tmp_path / "out") == ["model.safetensors"]
    assert_same(everything(tmp_path / "out"), tensors)


def test_a_shard_size_plans_anew(tmp_path: Path, sharded: Path) -> None:
    copy(sharded, tmp_path / "out", max_shard_size=150)
    expected = everything(sharded)
    assert_same(everything(tmp_path / "out"), expected)
    with Checkpoint.open(tmp_path / "out") as out:
        for shard in out.shards:
            sizes = [info.nbytes for info in out.tensors.values() if info.shard == shard]
            assert sum(sizes) <= 150 or len(sizes) == 1
        count = len(out.shards)
        assert out.shards[-1] == f"model-{count:05d}-of-{count:05d}.safetensors"
    copy(sharded, tmp_path / "one", max_shard_size=1 << 20)
    assert files(tmp_path / "one") == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_a_dtype_converts_floats_only_and_the_config_says_so(
    tmp_path: Path, single: Path, tensors: Tensors, dtype: str
) -> None:
    (single / "config.json").write_text(
        '{"torch_dtype": "float64", "text_config": {"dtype": "float64", "hidden_size": 8}, "dtypes": [1]}'
    )
    copy(single, tmp_path / "out", dtype=dtype)
    target = getattr(torch, dtype)
    kinds = (torch.bfloat16, torch.float16, torch.float32)
    assert_same(
        everything(tmp_path / "out"), {n: t.to(target) if t.dtype in kinds else t for n, t in tensors.items()}
    )
    assert json.loads((tmp_path / "out" / "config.json").read_text()) == {
        "torch_dtype": dtype,
        "text_config": {"dtype": dtype, "hidden_size": 8},
        "dtypes": [1],
    }
    with Checkpoint.open(tmp_path / "out") as out:
        for info in out.tensors.values():
            assert info.offset % max(DTYPE_BITS[info.dtype] // 8, 1) == 0, "every tensor is aligned"


def test_auxiliary_files_are_copied_and_can_be_changed_afterwards(tmp_path: Path, single: Path) -> None:
    (single / "README.md").write_text("the base's card")
    (single / "code").mkdir()
    (single / "code" / "modeling.py").write_text("x = 1")
    (single / "tokenizer.json").write_text("{}")
    (single / "tokenizer.json").chmod(0o444)
    copy(single, tmp_path / "out")
    assert files(tmp_path / "out") == [
        "code/modeling.py",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert (tmp_path / "out" / "config.json").read_bytes() == (single / "config.json").read_bytes()
    assert (tmp_path / "out" / "tokenizer.json").stat().st_mode & 0o200


def test_an_auxiliary_file_that_leads_outside_is_refused_at_once(tmp_path: Path, single: Path) -> None:
    (single / "notes.txt").symlink_to("/etc/hostname")
    with Checkpoint.open(single) as base, pytest.raises(CheckpointError, match=r"notes\.txt .* outside"):
        CheckpointWriter(tmp_path / "out", base)
    assert not (tmp_path / "out").exists()


def test_weights_of_an_interrupted_run_do_not_shadow_the_new_ones(tmp_path: Path, sharded: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.safetensors").write_bytes(b"half")
    (tmp_path / "out" / "answers.jsonl").write_text("kept")
    copy(sharded, tmp_path / "out")
    assert files(tmp_path / "out") == sorted([*files(sharded), "answers.jsonl"])


def test_an_unfinished_tensor_is_told(tmp_path: Path, single: Path) -> None:
    with Checkpoint.open(single) as base:
        writer = CheckpointWriter(tmp_path / "out", base)
        with pytest.raises(CheckpointError, match="tensors were not written completely"):
            writer.finish()
        name = "visual.mask"
        with pytest.raises(ValueError, match="has 3 bytes, not 4"):
            writer.write(name, memoryview(b"12"), start=2)
        writer.close()


@pytest.mark.parametrize(("dtype", "size"), [("int8", None), ("F32", None), (None, 0), (None, -5)])
def test_settings_out_of_range_are_told(
    tmp_path: Path, single: Path, dtype: str | None, size: int | None
) -> None:
    with Checkpoint.open(single) as base, pytest.raises(CheckpointError, match="must be"):
        CheckpointWriter(tmp_path / "out", base, dtype=dtype, max_shard_size=size)


def test_a_disk_that_is_too_small_is_known_before_anything_is_written(tmp_path: Path) -> None:
    huge = write_checkpoint(tmp_path / "huge", {"a": ((1 << 20, 1 << 16), "BF16")}, shards=1)
    with Checkpoint.open(huge) as base, pytest.raises(MachineError, match=r"137\.4 GB are needed"):
        CheckpointWriter(tmp_path / "out", base)
    assert files(tmp_path / "out") == []


def test_a_full_disk_is_the_machines_fault(tmp_path: Path, sharded: Path) -> None:
    """A limit on file sizes stands in for a disk that fills up after the free space was checked."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from adamms.checkpoints import Checkpoint, CheckpointWriter\n"
        "from adamms.errors import MachineError\n"
        "base = Checkpoint.open(sys.argv[1])\n"
        "try:\n"
        "    CheckpointWriter(Path(sys.argv[2]), base)\n"
        "except MachineError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(sharded), str(tmp_path / "out")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "model-1-of-11.safetensors cannot be written: File too large" in run.stdout


def test_a_real_layout_is_planned_as_it_lies_on_disk(tmp_path: Path) -> None:
    folder = write_layout(tmp_path, "Qwen/Qwen2-VL-7B-Instruct")
    with Checkpoint.open(folder) as base:
        plans = plan_shards(base)
        assert [plan.name for plan in plans] == list(base.shards)
        assert [info.name for plan in plans for info in plan.tensors] == list(base.tensors)
        assert sum(info.nbytes for plan in plans for info in plan.tensors) == 16_582_751_232
        smaller = plan_shards(base, max_shard_size=5_000_000_000)
        assert [plan.name for plan in smaller] == [
            f"model-{number:05d}-of-00004.safetensors" for number in range(1, 5)
        ]
        assert all(plan.size < 5_000_100_000 for plan in smaller)


def test_transformers_loads_the_copy_as_it_loads_the_base(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = tiny_models.build("qwen2", tmp_path / "base")
    copy(base, tmp_path / "out", max_shard_size=20_000)
    ours = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    theirs = AutoModelForCausalLM.from_pretrained(base)
    for (name, mine), (_, other) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert torch.equal(mine, other), name
    assert AutoTokenizer.from_pretrained(tmp_path / "out").get_vocab()


COPY = """
import sys
from adamms.checkpoints import Checkpoint, CheckpointWriter, OutputFolder
base = Checkpoint.open(sys.argv[1])
print("ready", flush=True)
with OutputFolder.open(sys.argv[2]) as output:
    writer = CheckpointWriter(output.path, base)
    for name, info in writer.tensors.items():
        for start in range(0, info.nbytes, 1000):
            block = memoryview(bytearray(min(1000, info.nbytes - start)))
            base.read_into(name, block, start=start)
            writer.write(name, block, start=start)
    writer.finish()
    (output.path / "adamms.json").write_text("{}")
    output.commit()
"""


def test_a_merge_killed_at_a_random_moment_leaves_all_or_nothing(tmp_path: Path) -> None:
    base = write_shards(
        tmp_path / "base",
        {f"t{number}": torch.full((20_000,), float(number)) for number in range(6)},
        index=INDEX,
        name=lambda number: f"model-{number}-of-3.safetensors",
        save=save_file,
        count=3,
    )
    expected, draw, whole = everything_of(base), random.Random(1), 0
    for attempt in range(10):
        target = tmp_path / f"out{attempt}"
        command = [sys.executable, "-c", COPY, str(base), str(target)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(draw.random() * 0.04)
            process.send_signal(signal.SIGKILL)
        if target.exists():
            whole += 1
            assert files(target) == sorted([*files(base), "adamms.json"])
            assert_same(everything_of(target), expected)
    assert whole < 10, "every kill came too late to show anything"


def everything_of(folder: Path) -> Tensors:
    with Checkpoint.open(folder) as checkpoint:
        checkpoint.require_data()
        return {name: checkpoint.tensor(name).clone() for name in checkpoint.tensors}
