"""Tensors' bytes out of local checkpoints: right, lazily, from several threads, in little memory."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from adamms.checkpoints import Checkpoint
from adamms.errors import CheckpointError
from checkpoint_files import Tensors, raw
from layouts import write_layout


@pytest.mark.parametrize("layout", ["single", "sharded"])
def test_every_tensor_comes_back_bit_for_bit(
    layout: str, tensors: Tensors, request: pytest.FixtureRequest
) -> None:
    with Checkpoint.open(request.getfixturevalue(layout)) as checkpoint:
        checkpoint.require_data()
        for name, tensor in tensors.items():
            info = checkpoint.tensors[name]
            assert info.shape == tuple(tensor.shape)
            assert info.numel == tensor.numel()
            read = checkpoint.tensor(name)
            assert read.dtype == tensor.dtype
            assert raw(read) == raw(tensor)
            buffer = bytearray(info.nbytes)
            checkpoint.read_into(name, memoryview(buffer))
            assert bytes(buffer) == raw(tensor)


def test_offsets_point_at_the_data_and_parts_can_be_read(single: Path, tensors: Tensors) -> None:
    name = "model.embed_tokens.weight"
    with Checkpoint.open(single) as checkpoint:
        info = checkpoint.tensors[name]
        data = (single / info.shard).read_bytes()
        assert data[info.offset : info.offset + info.nbytes] == raw(tensors[name])
        part = bytearray(10)
        checkpoint.read_into(name, memoryview(part), start=7)
        assert bytes(part) == raw(tensors[name])[7:17]
        with pytest.raises(ValueError, match="bytes"):
            checkpoint.read_into(name, memoryview(part), start=info.nbytes - 9)


def test_threads_share_one_checkpoint(sharded: Path, tensors: Tensors) -> None:
    with Checkpoint.open(sharded) as checkpoint:

        def read(name: str) -> bool:
            buffer = bytearray(checkpoint.tensors[name].nbytes)
            checkpoint.read_into(name, memoryview(buffer))
            return bytes(buffer) == raw(tensors[name])

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(read, list(tensors) * 50))


def test_writing_to_a_tensor_does_not_reach_the_file(single: Path) -> None:
    before = (single / "model.safetensors").read_bytes()
    with Checkpoint.open(single) as checkpoint:
        tensor = checkpoint.tensor("visual.position_ids")
        tensor.zero_()
    assert (single / "model.safetensors").read_bytes() == before
    assert tensor.sum() == 0, "tensors stay valid after the checkpoint is closed"


def test_a_closed_checkpoint_reads_no_more(single: Path) -> None:
    checkpoint = Checkpoint.open(single)
    checkpoint.close()
    with pytest.raises(ValueError, match="closed"):
        checkpoint.tensor("visual.scale")


def test_unaligned_tensors_are_read(tmp_path: Path) -> None:
    # safetensors' own writer pads its header; others do not.
    header = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    header += b" " * (3 - len(header) % 4)
    data = torch.tensor([1.5, -2.0])
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + raw(data))
    with Checkpoint.open(tmp_path) as checkpoint:
        assert checkpoint.tensors["a"].offset % 4 != 0
        assert torch.equal(checkpoint.tensor("a"), data)


def test_headers_alone_open_but_give_no_data(tmp_path: Path) -> None:
    save_file({"a": torch.ones(1000), "b": torch.ones(1000)}, tmp_path / "model.safetensors")
    size = (tmp_path / "model.safetensors").stat().st_size
    with (tmp_path / "model.safetensors").open("r+b") as file:
        file.truncate(size - 4004)
    with Checkpoint.open(tmp_path) as checkpoint:
        assert list(checkpoint.tensors) == ["a", "b"]
        said = rf"model.safetensors in {tmp_path} is cut off: .* {size} bytes and the file has {size - 4004}"
        with pytest.raises(CheckpointError, match=said):
            checkpoint.require_data()
        with pytest.raises(CheckpointError, match="ends inside b"):
            checkpoint.read_into("b", memoryview(bytearray(4000)))
        with pytest.raises(CheckpointError, match="cut off"):
            checkpoint.tensor("b")


def test_fingerprints_tell_models_apart(tmp_path: Path) -> None:
    prints = []
    for number, tensors in enumerate([torch.zeros(50_000), torch.zeros(50_000), torch.ones(50_000)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        save_file({"a": tensors}, folder / "model.safetensors")
        with Checkpoint.open(folder) as checkpoint:
            prints.append(checkpoint.fingerprint())
    assert prints[0] == prints[1] != prints[2]
    assert all(text.startswith("sha256:") for text in prints)


def test_a_real_layout_opens_fast_and_without_torch(tmp_path: Path) -> None:
    folder = write_layout(tmp_path, "Qwen/Qwen2-VL-7B-Instruct")
    code = (
        "import sys, time; start = time.monotonic()\n"
        "from adamms.checkpoints import Checkpoint\n"
        f"checkpoint = Checkpoint.open({str(folder)!r})\n"
        "assert sum(info.numel for info in checkpoint.tensors.values()) == 8_291_375_616\n"
        "heavy = ('torch', 'numpy', 'transformers', 'huggingface_hub')\n"
        "assert not [name for name in heavy if name in sys.modules]\n"
        "assert time.monotonic() - start < 2\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_reading_leaves_nothing_in_memory(tmp_path: Path) -> None:
    """400 MB pass through one block; resident memory stays where it was."""
    header = b'{"a":{"dtype":"U8","shape":[400000000],"data_offsets":[0,400000000]}}'
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 400_000_000)
    code = (
        "import resource\n"
        "from adamms.checkpoints import Checkpoint\n"
        f"checkpoint = Checkpoint.open({str(tmp_path)!r})\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "block = memoryview(bytearray(1 << 20)); before = peak()\n"
        "for start in range(0, 400_000_000 - len(block), len(block)):\n"
        "    checkpoint.read_into('a', block, start=start)\n"
        "assert peak() - before < 4000, peak() - before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
