"""`adamms inputs`: what is understood, with an exit code that says whether a search would begin."""

import json
import subprocess
import sys
from pathlib import Path

from PIL import Image


def inputs(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "adamms", "inputs", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_three_are_shown_as_they_will_be_asked(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4)).save(tmp_path / "a.png")
    said = {"from": "human", "value": "<image>\nWhat\x1b[31m colour?\nOne word."}
    records = [{"image": "a.png", "conversations": [said, {"from": "gpt", "value": "Red"}]}] * 5
    (tmp_path / "q.json").write_text(json.dumps(records))

    done = inputs(tmp_path / "q.json")

    assert done.returncode == 0, done.stderr
    head, _, shown = done.stdout.partition("\n\n")
    assert head.splitlines() == [
        f"{tmp_path / 'q.json'}: JSON array of LLaVA's conversations",
        "5 inputs, 5 with pictures, 5 with answers",
        "1 pictures were found and open",
        'Note: "<image>" was taken out of 5 prompts: the model\'s own template says where it goes.',
    ]
    assert shown.count("input ") == 3
    assert (
        f"  image   {tmp_path / 'a.png'} (5 x 4, PNG)\n  prompt  What\\x1b[31m colour?\n          One word."
        in shown
    )
    assert "\x1b" not in done.stdout


def test_problems_are_in_the_document_and_in_the_exit_code(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4)).save(tmp_path / "a.png")
    lines = [{"image": "a.png", "prompt": "?"}, *({"image": f"{at}.png", "prompt": "?"} for at in range(9))]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    done = inputs(tmp_path / "q.jsonl", "--json")

    assert done.returncode == 2
    document = json.loads(done.stdout)
    assert (document["inputs"], document["with_pictures"], document["format"]) == (1, 1, "JSON lines")
    (problem,) = document["problems"]
    assert problem["problem"] == f"the image {tmp_path / '0.png'} does not exist"
    assert (problem["count"], problem["places"][0]) == (9, "line 2")
    assert "have 9 problems" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_columns_and_a_prompt_by_option(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4)).save(tmp_path / "a.png")
    (tmp_path / "q.csv").write_text("photo,caption\na.png,What?\n")
    options = ("--image-folder", tmp_path, "--json")

    named = inputs(tmp_path / "q.csv", "--column", "prompt=caption", "--column", "image=photo", *options)
    same = inputs(tmp_path / "q.csv", "--prompt", "Why?", "--column", "image=photo", *options)
    wrong = inputs(tmp_path / "q.csv", "--column", "photo=image")

    assert json.loads(named.stdout)["shown"][0]["prompt"] == "What?"
    assert json.loads(same.stdout)["shown"][0]["prompt"] == "Why?"
    assert wrong.returncode == 2
    assert "roles are prompt, image" in wrong.stderr
