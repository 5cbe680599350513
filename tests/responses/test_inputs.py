"""The inputs file: what is read, and that every problem of it is told at once with its line."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from adamms.errors import SearchError
from adamms.responses import Example, read_inputs, sample


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (5, 4), "red").save(tmp_path / name)
    return tmp_path


def write(folder: Path, *lines: dict[str, Any] | str) -> Path:
    path = folder / "inputs.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def problem(path: Path) -> str:
    with pytest.raises(SearchError) as caught:
        read_inputs(path)
    return str(caught.value)


def test_ids_images_prompts_and_answers_are_read(folder: Path) -> None:
    path = write(
        folder,
        {"image": "a.png", "prompt": "What?"},
        "",
        {"id": "x", "image": ["a.png", "b.png"], "prompt": "Which?", "answer": "left", "task": "relation"},
        {"id": 17, "image": str(folder / "b.png"), "prompt": "How many?", "answer": 3},
        {"image": [], "prompt": "Capital of France?", "answer": None},
    )

    assert read_inputs(path) == [
        Example("1", (folder / "a.png",), "What?", None),
        Example("x", (folder / "a.png", folder / "b.png"), "Which?", "left"),
        Example("17", (folder / "b.png",), "How many?", "3"),
        Example("5", (), "Capital of France?", None),
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_no_problem(folder: Path) -> None:
    path = folder / "inputs.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"image": "a.png", "prompt": "caf\xc3\xa9?"}\r\n')

    assert read_inputs(path)[0].prompt == "café?"


def test_a_line_separator_inside_a_prompt_does_not_end_the_line(folder: Path) -> None:
    path = folder / "inputs.jsonl"
    line = json.dumps({"image": "a.png", "prompt": "one\u2028two"}, ensure_ascii=False)
    path.write_text(line, encoding="utf-8")

    assert read_inputs(path)[0].prompt == "one\u2028two"


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("{", "line 1: not valid JSON"),
        ("[" * 100_000, "line 1: not valid JSON"),
        ({"image": "a.png"}, 'no "prompt"'),
        ({"image": "a.png", "prompt": " "}, '"prompt" must be a text that is not empty'),
        ({"image": "a.png", "prompt": 3}, '"prompt" must be a text'),
        ({"image": "a.png", "prompt": "\ud800"}, '"prompt" holds half a character'),
        ({"audio": "none.wav", "prompt": "?"}, "there is no file"),
        ({"audio": "../a.wav", "prompt": "?"}, "there is no file"),
        ({"video": {}, "prompt": "?"}, '"video" must be a path'),
        ({"image": {"width": 3}, "prompt": "?"}, '"image" must be a path'),
        ({"image": ["a.png", 3], "prompt": "?"}, '"image" must be a path'),
        ({"image": "none.png", "prompt": "?"}, "none.png does not exist"),
        ({"image": "../a.png", "prompt": "?"}, "a.png does not exist"),
        ({"image": "x" * 300, "prompt": "?"}, "the picture inside the inputs is not an image"),
        ({"image": "x_" * 150, "prompt": "?"}, "cannot be read: file name too long"),
        ({"image": "x_" * 5000, "prompt": "?"}, "neither a path nor a picture in base64"),
        ({"image": "data:image/png;base64,@@@", "prompt": "?"}, "damaged base64"),
        ({"image": "data:image/png,abc", "prompt": "?"}, "a data URI that is not in base64"),
        ({"image": "data:image/png;base64,aGVsbG8=", "prompt": "?"}, "the picture inside the inputs is not"),
        ({"image": "file://server/a.png", "prompt": "?"}, "an address of one is file:///"),
        ({"prompt": "<image>\nWhat?"}, "the prompt says <image>, and there is no image"),
        ({"image": "a.png", "prompt": "<image><image> same?"}, "says <image> 2 times, and there are 1 image"),
        ({"image": "a.png", "prompt": "<image>"}, "says <image> and nothing else"),
        ({"conversations": [{"from": "gpt", "value": "Yes."}]}, "has no turn of a user"),
        ({"messages": ["What?"]}, "a turn of the conversation is not"),
        ({"messages": [{"role": "user", "content": [{"type": "tool"}]}]}, "neither text, image, audio nor"),
        ({"image": "https://example.org/a.png", "prompt": "?"}, "is an address"),
        ({"image": "a\0.png", "prompt": "?"}, "NUL"),
        ({"image": ".", "prompt": "?"}, "is a folder"),
        ({"id": True, "image": "a.png", "prompt": "?"}, '"id" must be'),
        ({"id": {}, "image": "a.png", "prompt": "?"}, '"id" must be'),
    ],
)
def test_each_problem_is_one_clear_sentence(folder: Path, line: dict[str, Any] | str, part: str) -> None:
    message = problem(write(folder, line))

    assert part in message
    assert message.startswith(f"{folder / 'inputs.jsonl'}, line 1: ")
    assert "\n" not in message


def test_files_that_are_no_images_are_told_apart_from_images(folder: Path) -> None:
    (folder / "text.png").write_text("I am a text file")
    (folder / "empty.png").write_bytes(b"")
    whole = (folder / "a.png").read_bytes()
    (folder / "damaged.png").write_bytes(whole[:40] + b"\xff\xff" + whole[42:])
    for name in ("text.png", "empty.png", "damaged.png"):
        assert f"{name} is not an image that can be read" in problem(
            write(folder, {"image": name, "prompt": "?"})
        )


def test_every_problem_is_found_in_one_go(folder: Path) -> None:
    lines: list[dict[str, Any] | str] = [
        {"id": "x", "image": "a.png", "prompt": "?"},
        {"id": "x", "image": "a.png", "prompt": "?"},
        "nonsense",
        *[{"image": f"missing{number}.png", "prompt": "?"} for number in range(10)],
    ]

    message = problem(write(folder, *lines))

    assert "have 12 problems" in message
    assert 'line 2: the id "x" is already used on line 1' in message
    assert "line 3: not valid JSON" in message
    # The same problem is said once, with its count.
    assert message.endswith("missing0.png does not exist (alike: line 5, line 6 and 7 more)")
    assert len(message.splitlines()) == 4


def test_an_id_given_equals_another_lines_number(folder: Path) -> None:
    path = write(folder, {"id": "2", "image": "a.png", "prompt": "?"}, {"image": "a.png", "prompt": "?"})

    assert 'line 2: the id "2" is already used on line 1' in problem(path)


def test_a_file_without_inputs_is_named(folder: Path) -> None:
    assert "is empty" in problem(write(folder, ""))
    assert "does not exist" in problem(folder / "none.jsonl")
    assert '--prompt "What is in the picture?"' in problem(folder)
    assert '--prompt "What is this?"' in problem(folder / "a.png")
    (folder / "latin.jsonl").write_bytes('{"prompt": "café?"}'.encode("latin-1"))
    assert "not a text file" in problem(folder / "latin.jsonl")


def test_a_report_can_read_inputs_whose_images_are_gone(folder: Path) -> None:
    path = write(folder, {"image": "none.png", "prompt": "?"})

    assert read_inputs(path, asked=False) == [Example("1", (folder / "none.png",), "?", None)]


def test_links_inside_the_folder_may_point_elsewhere(folder: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    Image.new("RGB", (2, 2)).save(elsewhere / "c.png")
    (folder / "pictures").symlink_to(elsewhere)

    assert read_inputs(write(folder, {"image": "pictures/c.png", "prompt": "?"}))[0].images == (
        folder / "pictures/c.png",
    )


def test_a_sample_is_seeded_without_replacement_and_in_file_order() -> None:
    examples = [Example(str(number), (), "?") for number in range(50)]

    drawn = sample(examples, 20, seed=3)

    numbers = [int(example.id) for example in drawn]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 20
    assert drawn == sample(examples, 20, seed=3)
    assert drawn != sample(examples, 20, seed=4)
    assert sample(examples, 50, seed=3) == sample(examples, 1000, seed=4) == examples
    with pytest.raises(SearchError, match="at least 1"):
        sample(examples, 0, seed=3)


def test_a_drawn_sample_is_the_same_on_every_machine() -> None:
    examples = [Example(str(number), (), "?") for number in range(10)]

    assert [example.id for example in sample(examples, 4, seed=0)] == ["0", "2", "6", "9"]


def test_sound_videos_and_words_alone(folder: Path) -> None:
    (folder / "a.wav").touch()
    lines = [{"audio": "a.wav", "prompt": "?"}, {"video": ["a.wav"], "prompt": "?"}, {"prompt": "?"}]
    heard, seen, words = read_inputs(write(folder, *lines))
    assert (heard.audio, heard.video, heard.images) == ((folder / "a.wav",), (), ())
    assert (seen.audio, seen.video, seen.images) == ((), (folder / "a.wav",), ())
    assert words.files == ()
