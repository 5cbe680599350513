"""Publishing a merged checkpoint, through the command line, on a small real hub on localhost."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import adamms
from hub_server import TOKEN, HubServer
from small_pairs import write_llava_onevision, write_qwen2_vl


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("push")
    pair = write_qwen2_vl(folder / "base"), write_llava_onevision(folder / "donor")
    return adamms.merge(*pair, folder / "run" / "merged", alpha=0.3).path


def push(
    hub: HubServer, home: Path, *arguments: object, token: str | None = TOKEN
) -> subprocess.CompletedProcess[str]:
    extra = {"HF_TOKEN": token} if token else {}
    return subprocess.run(
        [sys.executable, "-m", "adamms", "push", *map(str, arguments)],
        env=hub.environment(home, HF_HUB_DISABLE_PROGRESS_BARS="1", **extra),
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_file_of_a_merged_model_is_published_in_one_commit(merged: Path, tmp_path: Path) -> None:
    with HubServer({}) as hub:
        # The run directory will do as well.
        for given in (merged, merged.parent):
            hub.uploaded.clear()
            done = push(hub, tmp_path, given, "me/merged", "--private")
            assert done.returncode == 0, done.stderr
            assert f"{hub.url}/me/merged/commit/abc" in done.stdout
            expected = {path.name: path.read_bytes() for path in merged.iterdir()}
            uploaded = hub.uploaded["me/merged"]
            # What names the parents does so without the folders that they lie in.
            for name in ("README.md", "adamms.json", "recipe.yaml"):
                assert str(merged.parents[1]).encode() not in uploaded[name]
                del expected[name]
            assert json.loads(uploaded["adamms.json"])["base"]["source"] == "base"
            assert b'from_pretrained("me/merged"' in uploaded["README.md"]
            assert {name: uploaded[name] for name in expected} == expected
            assert sorted(uploaded) == sorted(path.name for path in merged.iterdir())
        assert hub.created["me/merged"]["visibility"] == "private"


def test_only_what_the_merge_wrote_and_carried_over_is_published(merged: Path, tmp_path: Path) -> None:
    folder = tmp_path / "merged"
    shutil.copytree(merged, folder)
    secret = tmp_path / "secret"
    secret.write_text("a password")
    (folder / "notes.txt").symlink_to(secret)
    (folder / "tokenizer_extra").symlink_to(tmp_path, target_is_directory=True)
    (folder / "chat_template.jinja").unlink()
    (folder / "chat_template.jinja").symlink_to(secret)
    (folder / ".netrc").write_text("hidden")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("hidden")
    (folder / "diary.txt").write_text("not of the merge")
    (folder / "model-00003-of-00003.safetensors.bak").write_bytes(b"0")
    os.mkfifo(folder / "pipe")
    with HubServer({}) as hub:
        done = push(hub, tmp_path / "home", folder, "me/merged")
        assert done.returncode == 0, done.stderr
        expected = {path.name for path in merged.iterdir()} - {"chat_template.jinja"}
        assert set(hub.uploaded["me/merged"]) == expected
        assert b"password" not in b"".join(hub.uploaded["me/merged"].values())
    for name, why in {
        "notes.txt": f"a link to {secret}",
        "tokenizer_extra": f"a link to {tmp_path}",
        "chat_template.jinja": f"a link to {secret}",
        ".netrc": "hidden",
        ".git/config": "hidden",
        "diary.txt": "not of the merge",
        "model-00003-of-00003.safetensors.bak": "not of the merge",
        "pipe": "no regular file",
    }.items():
        assert f"adamms: Left out: {name} ({why}).\n" in done.stderr


@pytest.mark.parametrize("name", ["model-00001-of-00002.safetensors", "adamms.json", "README.md"])
def test_a_part_of_the_model_that_is_a_link_is_not_published(merged: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "merged"
    shutil.copytree(merged, folder)
    (folder / name).rename(folder / "original")
    (folder / name).symlink_to("original")
    with HubServer({}) as hub:
        done = push(hub, tmp_path / "home", folder, "me/merged")
        assert done.returncode == 2
        assert f"{folder / name} is a link to original; publish a folder" in done.stderr
        assert not hub.created
        assert not hub.uploaded


def test_a_merge_that_did_not_record_what_it_carried_publishes_what_travels(
    merged: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "merged"
    shutil.copytree(merged, folder)
    about = json.loads((folder / "adamms.json").read_text())
    assert sorted(about.pop("carried")) == ["chat_template.jinja", "config.json", "generation_config.json"]
    (folder / "adamms.json").write_text(json.dumps(about))
    with HubServer({}) as hub:
        assert push(hub, tmp_path / "home", folder, "me/merged").returncode == 0
        assert set(hub.uploaded["me/merged"]) == {path.name for path in merged.iterdir()}


def test_what_cannot_be_published_is_refused_in_a_sentence(merged: Path, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.mkdir()
    for path in merged.iterdir():
        (short / path.name).write_bytes(path.read_bytes())
    shard = short / "model-00001-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:-10])
    with HubServer({}) as hub:
        for arguments, token, code, words in (
            ((tmp_path, "me/merged"), TOKEN, 2, "not a merged checkpoint"),
            ((short, "me/merged"), TOKEN, 2, shard.name),
            ((merged, "me/merged"), None, 2, "log in"),
            ((merged, "stranger/merged"), TOKEN, 2, "may not write stranger/merged"),
            ((merged, "a/b/c"), TOKEN, 2, "owner/name"),
            ((merged, "me/merged", "--revision", "nowhere"), TOKEN, 2, "no such place"),
        ):
            done = push(hub, tmp_path / "home", *arguments, token=token)
            assert done.returncode == code, done.stderr
            assert words in done.stderr
            assert "Traceback" not in done.stderr
        assert hub.uploaded == {}
    gone = push(hub, tmp_path / "home", merged, "me/merged")
    assert gone.returncode == 1
    assert "could not be uploaded" in gone.stderr


def test_a_dry_run_lists_what_would_go_and_sends_nothing(merged: Path, tmp_path: Path) -> None:
    folder = tmp_path / "merged"
    shutil.copytree(merged, folder)
    (folder / "notes.txt").write_text("mine")
    about = json.loads((folder / "adamms.json").read_text())
    about["base"]["license"], about["donor"]["license"] = "llama3.1", "cc-by-nc-4.0"
    (folder / "adamms.json").write_text(json.dumps(about))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "_name_or_path": "/home/anna/secret/step-100"}))
    result = {"score": 0.5, "stderr": 0.1, "count": 25, "tasks": {}, "by_input": {}}
    scores = {"model": str(folder), "inputs": "q.jsonl", "metric": "vqa", "results": [result]}
    (tmp_path / "scores.json").write_text(json.dumps(scores))
    with HubServer({}) as hub:
        listed = push(hub, tmp_path / "home", folder, "me/merged", "--dry-run", token=None)
        told = push(
            hub,
            tmp_path / "home",
            folder,
            "me/merged",
            "--dry-run",
            "--json",
            "--scores",
            tmp_path / "scores.json",
        )
        assert not hub.created
        assert not hub.uploaded
    assert listed.returncode == told.returncode == 0, listed.stderr + told.stderr
    assert "adamms: Left out: notes.txt (not of the merge).\n" in listed.stderr
    assert "base under llama3.1, donor under cc-by-nc-4.0" in listed.stderr
    assert "Nothing was sent." in listed.stdout
    document = json.loads(told.stdout)
    assert sorted(document["files"]) == sorted(path.name for path in merged.iterdir())
    assert document["left_out"] == {"notes.txt": "not of the merge"}
    assert "license: other\n" in document["card"]
    assert "model-index:\n" in document["card"]
    assert document["files"]["config.json"] == len(
        json.dumps({**config, "_name_or_path": "step-100"}, indent=1, ensure_ascii=False).encode() + b"\n"
    )
