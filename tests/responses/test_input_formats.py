"""Inputs in the forms in which people have them: what is in a file tells its form, whatever its name."""

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from adamms.errors import SearchError
from adamms.responses.inputs import Inputs, InputSource, parse_columns, read_inputs, understand
from hub_server import HubServer

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255)}


def picture(colour: str, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (5, 4), colour).save(buffer, kind)
    return buffer.getvalue()


def base64_of(colour: str) -> str:
    return base64.b64encode(picture(colour)).decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`images/red.png`, `images/blue.png`, and a folder beside them for files of inputs."""
    (tmp_path / "images").mkdir()
    (tmp_path / "data").mkdir()
    for colour in COLOURS:
        (tmp_path / "images" / f"{colour}.png").write_bytes(picture(colour))
    return tmp_path


def understood(source: Any, **how: Any) -> Inputs:
    return understand(InputSource(source, **how)).looked_at().required()


def colours(inputs: Inputs) -> list[list[str]]:
    """What each input's pictures show, opened as an engine would have them."""
    shown = []
    for entry in inputs.entries:
        row = []
        for image in entry.images:
            content = image.read_bytes() if isinstance(image, Path) else image.read()
            pixel = Image.open(io.BytesIO(content)).convert("RGB").getpixel((0, 0))
            row.append(next(name for name, value in COLOURS.items() if value == pixel))
        shown.append(row)
    return shown


def prompts(inputs: Inputs) -> list[str]:
    return [entry.prompt for entry in inputs.entries]


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


LLAVA = [
    {
        "id": "first",
        "image": "../images/red.png",
        "conversations": [
            {"from": "human", "value": "<image>\nWhat colour?"},
            {"from": "gpt", "value": "Red."},
            {"from": "human", "value": "Sure?"},
            {"from": "gpt", "value": "Yes."},
        ],
    },
    {
        "id": "second",
        "image": "../images/blue.png",
        "conversations": [
            {"from": "human", "value": "What colour?\n<image>"},
            {"from": "gpt", "value": "Blue."},
        ],
    },
]
SWIFT = [
    {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "<image>What colour?"},
            {"role": "assistant", "content": "Red."},
        ],
        "images": ["../images/red.png"],
    },
    {"query": "<image>What colour?", "response": "Blue.", "images": [{"path": "../images/blue.png"}]},
]
OPENAI = [
    {
        "custom_id": "first",
        "method": "POST",
        "body": {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What colour?"},
                        {
                            "type": "image_url",
                            "image_url": {
                                "url": f"data:image/png;base64,{base64_of('red')}",
                                "detail": "low",
                            },
                        },
                    ],
                }
            ]
        },
    },
    {
        "messages": [
            {"role": "user", "content": [{"type": "image", "image": "../images/blue.png"}]},
            {"role": "user", "content": [{"type": "input_text", "text": "What colour?"}]},
        ]
    },
]
PLAIN = [
    {"image": "../images/red.png", "prompt": "What colour?"},
    {"image": "../images/blue.png", "prompt": "What colour?"},
]
VLMEVALKIT = (
    "index\timage\tquestion\tA\tB\tanswer\tcategory\n"
    f"7\t{base64_of('red')}\tWhat colour?\tred\tblue\tA\tcolours\n"
    "8\t7\tIs it warm?\tyes\tno\tA\tcolours\n"
)

FORMS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "JSON lines": ("q.jsonl", lines(*PLAIN), "JSON lines", {}),
    "JSON lines under another name": ("q.txt", lines(*PLAIN), "JSON lines", {}),
    "a JSON array": ("q.json", json.dumps(PLAIN, indent=1), "JSON array", {}),
    "an object around an array": ("q.json", json.dumps({"version": 1, "data": PLAIN}, indent=1), "JSON", {}),
    "a question for a prompt": (
        "q.jsonl",
        lines(
            {"image": "../images/red.png", "question": "What colour?", "question_id": 3},
            {"image_file": "../images/blue.png", "text": "What colour?", "question_id": 4},
        ),
        "JSON lines",
        {},
    ),
    "LLaVA's array": ("q.json", json.dumps(LLAVA), "JSON array of LLaVA's conversations", {}),
    "LLaVA's lines": ("q.jsonl", lines(*LLAVA), "JSON lines of LLaVA's conversations", {}),
    "ms-swift's messages": ("q.jsonl", lines(*SWIFT), "JSON lines of messages", {}),
    "OpenAI's messages": ("q.jsonl", lines(*OPENAI), "JSON lines of messages", {}),
    "CSV": (
        "q.csv",
        'image,prompt\n../images/red.png,What colour?\n../images/blue.png,"What colour?"\n',
        "CSV",
        {},
    ),
    "CSV of a German spreadsheet": (
        "q.csv",
        "\ufeffimage;question\r\n../images/red.png;What colour?\r\n../images/blue.png;What colour?\r\n",
        "CSV",
        {},
    ),
    "TSV with columns by option": (
        "q.tsv",
        "photo\tcaption\n../images/red.png\tWhat colour?\n../images/blue.png\tWhat colour?\n",
        "TSV",
        {"columns": parse_columns(["prompt=caption", "image=photo"])},
    ),
    "pictures without questions": (
        "q.csv",
        "file_name\n../images/red.png\n../images/blue.png\n",
        "CSV",
        {"prompt": "What colour?"},
    ),
    "base64": (
        "q.jsonl",
        lines(*({"image": base64_of(colour), "prompt": "What colour?"} for colour in COLOURS)),
        "JSON lines",
        {},
    ),
    "data URIs": (
        "q.jsonl",
        lines(
            *(
                {"images": [f"data:image/png;base64,{base64_of(colour)}"], "prompt": "What colour?"}
                for colour in COLOURS
            )
        ),
        "JSON lines",
        {},
    ),
    "a list written into a cell": (
        "q.csv",
        f"image,prompt\n\"['{base64_of('red')}']\",What colour?\n../images/blue.png,What colour?\n",
        "CSV",
        {},
    ),
    "paths from another folder": (
        "q.jsonl",
        lines(*({"image": f"{colour}.png", "prompt": "What colour?"} for colour in COLOURS)),
        "JSON lines",
        {"image_folder": "images"},
    ),
}


@pytest.mark.parametrize(("name", "text", "form", "how"), FORMS.values(), ids=list(FORMS))
def test_a_form_is_told_by_its_content(
    name: str, text: str, form: str, how: dict[str, Any], folder: Path
) -> None:
    (folder / "data" / name).write_text(text, encoding="utf-8")
    if "image_folder" in how:
        how = {"image_folder": folder / how["image_folder"]}

    inputs = understood(folder / "data" / name, **how)

    assert inputs.format == form
    assert prompts(inputs) == ["What colour?", "What colour?"]
    assert colours(inputs) == [["red"], ["blue"]]


def test_what_is_left_out_of_conversations_is_counted(folder: Path) -> None:
    path = folder / "data" / "q.json"
    path.write_text(json.dumps([*LLAVA, SWIFT[0]]), encoding="utf-8")

    inputs = understood(path)

    assert inputs.format == "JSON array of messages and LLaVA's conversations"
    assert [entry.id for entry in inputs.entries] == ["first", "second", "3"]
    assert [entry.answer for entry in inputs.entries] == ["Red.", "Blue.", "Red."]
    assert inputs.remarks == (
        "1 conversations go on; their first question is asked.",
        '"<image>" was taken out of 3 prompts: the model\'s own template says where it goes.',
        "1 system messages are left out.",
    )


def test_pictures_of_later_turns_are_left_out_with_them(folder: Path) -> None:
    turns = [
        {"role": "user", "content": "<image>What colour?"},
        {"role": "assistant", "content": "Red."},
        {"role": "user", "content": "<image>And this?"},
    ]
    record = {"messages": turns, "images": ["images/red.png", "images/blue.png"]}
    (folder / "q.jsonl").write_text(lines(record), encoding="utf-8")

    assert colours(understood(folder / "q.jsonl")) == [["red"]]


def test_a_mark_inside_a_prompt_is_taken_out_where_it_stands(folder: Path) -> None:
    record = {
        "image": ["images/red.png", "images/blue.png"],
        "prompt": "First:\n<image>\nSecond:\n<image>\nSame?",
    }
    (folder / "q.jsonl").write_text(lines(record), encoding="utf-8")

    assert prompts(understood(folder / "q.jsonl")) == ["First:\nSecond:\nSame?"]


def test_vlmevalkits_tables_are_asked_as_it_asks(folder: Path) -> None:
    (folder / "q.tsv").write_text(VLMEVALKIT, encoding="utf-8")

    inputs = understood(folder / "q.tsv")

    assert inputs.format == "VLMEvalKit's TSV"
    assert colours(inputs) == [["red"], ["red"]]
    assert [(entry.id, entry.answer, entry.task) for entry in inputs.entries] == [
        ("7", "A", "colours"),
        ("8", "A", "colours"),
    ]
    assert inputs.entries[1].choices == ["yes", "no"]
    assert inputs.entries[1].prompt == (
        "Question: Is it warm?\nOptions:\nA. yes\nB. no\n"
        "Please select the correct answer from the options above."
    )


def test_an_address_of_a_file_is_that_file(folder: Path) -> None:
    strange = folder / "images" / "a b.png"
    strange.write_bytes(picture("red"))
    (folder / "q.jsonl").write_text(lines({"image": strange.as_uri(), "prompt": "?"}), encoding="utf-8")

    assert "%20" in strange.as_uri()
    assert understood(folder / "q.jsonl").entries[0].images == (strange,)


def test_a_folder_of_pictures_is_asked_one_question(folder: Path) -> None:
    for name in ("10.png", "9.jpg", "deeper/1.png", ".hidden.png"):
        (folder / "images" / name).parent.mkdir(exist_ok=True)
        (folder / "images" / name).write_bytes(picture("red", "JPEG" if name.endswith("jpg") else "PNG"))
    (folder / "images" / "readme.md").touch()

    inputs = understood(folder / "images", prompt="What?")

    assert inputs.format == "folder of pictures"
    assert [entry.id for entry in inputs.entries] == [
        "9.jpg",
        "10.png",
        "blue.png",
        "deeper/1.png",
        "red.png",
    ]
    assert inputs.remarks == ("1 files are no pictures by their names and are left out.",)
    assert len(inputs.entries[0].images) == 1


def test_one_picture_is_asked_one_question(folder: Path) -> None:
    inputs = understood(folder / "images" / "red.png", prompt="What?")

    assert (inputs.format, prompts(inputs), colours(inputs)) == ("picture", ["What?"], [["red"]])


def test_a_folder_may_say_itself_what_is_asked(folder: Path) -> None:
    text = "file_name,question\nred.png,What colour?\nblue.png,Which?\n"
    (folder / "images" / "metadata.csv").write_text(text, encoding="utf-8")

    inputs = understood(folder / "images")

    assert (inputs.format, prompts(inputs)) == ("CSV", ["What colour?", "Which?"])
    assert colours(inputs) == [["red"], ["blue"]]


def test_records_in_memory_with_pictures_of_pil(folder: Path) -> None:
    records = [
        {"image": Image.new("RGB", (5, 4), "red"), "prompt": "What colour?", "answer": "red"},
        {
            "image": [Image.new("CMYK", (5, 4), (255, 255, 0, 0)), folder / "images" / "red.png"],
            "prompt": "?",
        },
        {"image": picture("blue"), "question": "Bytes?", "id": "x"},
    ]

    inputs = understood(records)

    assert inputs.format == "records in memory"
    assert colours(inputs) == [["red"], ["blue", "red"], ["blue"]]
    assert [entry.id for entry in inputs.entries] == ["1", "2", "x"]


def as_datasets_has_it(folder: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    rows = {
        "question": ["What colour?", "What colour?", "Words alone?"],
        "image": [Image.new("RGB", (5, 4), "red"), Image.new("RGB", (5, 4), "blue"), None],
        "more": [[Image.new("RGB", (5, 4), "blue")], [], []],
        "answer": ["red", "blue", "yes"],
    }
    features = datasets.Features(
        {
            "question": datasets.Value("string"),
            "image": datasets.Image(),
            "more": datasets.List(datasets.Image()),
            "answer": datasets.Value("string"),
        }
    )
    data = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"train": data.select([2]), "validation": data}).save_to_disk(folder / "saved")
    (folder / "tables").mkdir()
    data.to_parquet(folder / "tables" / "validation-0.parquet")
    data.select([2]).to_parquet(folder / "tables" / "train-0.parquet")
    return folder


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("saved", "data set on disk, split validation"),
        ("tables", "parquet"),
        ("tables/validation-0.parquet", "parquet"),
    ],
)
def test_tables_that_hold_their_pictures(name: str, form: str, folder: Path) -> None:
    as_datasets_has_it(folder)

    inputs = understood(folder / name, split="validation")

    assert inputs.format == form
    assert prompts(inputs) == ["What colour?", "What colour?", "Words alone?"]
    assert colours(inputs) == [["red"], ["blue"], []]
    assert inputs.remarks == ("1 inputs have an empty image; they are asked without.",)
    both = understood(folder / name, split="validation", columns=parse_columns(["image=image", "image=more"]))
    assert colours(both) == [["red", "blue"], ["blue"], []]


def test_a_split_is_chosen_or_named(folder: Path) -> None:
    as_datasets_has_it(folder)

    assert understood(folder / "saved").remarks[0] == (
        "Of the splits train, validation the validation split is read; --split names another."
    )
    assert prompts(understood(folder / "saved", split="train")) == ["Words alone?"]
    with pytest.raises(SearchError, match="no split 'test'; it has: train, validation"):
        understood(folder / "saved", split="test")
    with pytest.raises(SearchError, match="called by the split 'test'"):
        understood(folder / "tables", split="test")


def test_inputs_of_no_kind_that_is_known(folder: Path) -> None:
    def refused(source: Any, **how: Any) -> str:
        with pytest.raises(SearchError) as caught:
            understood(source, **how)
        return str(caught.value)

    (folder / "a.md").write_text("# What\n\nis this?\n", encoding="utf-8")
    (folder / "a.xlsx").write_bytes(b"PK\x03\x04rest")
    (folder / "a.parquet").write_bytes(b"PAR1 and no more")
    (folder / "a.csv").write_text("prompt,image\nWhat?,a,b\n", encoding="utf-8")
    (folder / "b.csv").write_text("prompt\nWhat?\n", encoding="utf-8")
    (folder / "empty.jsonl").touch()
    (folder / "broken.json").write_text('[{"prompt": "?"},\n{"prompt"', encoding="utf-8")
    (folder / "nothing").mkdir()

    assert "begins with '# What'" in refused(folder / "a.md")
    assert "save it as CSV" in refused(folder / "a.xlsx")
    assert "is empty" in refused(folder / "empty.jsonl")
    assert "row 1: it has 3 cells, and the table 2 columns" in refused(folder / "a.csv")
    assert "no column 'photo'; there are prompt" in refused(
        folder / "b.csv", columns=parse_columns(["image=photo"])
    )
    assert "line 2: not valid JSON" in refused(folder / "broken.json")
    assert "without pictures" in refused(folder / "nothing")
    assert "does not exist" in refused(folder / "none.jsonl")
    assert "does not exist" in refused("none/at-all.jsonl")
    assert "--task mmmu" in refused("lmms-lab/MMMU")
    assert "roles are prompt, image" in refused_columns(["picture=a"])
    pytest.importorskip("pyarrow")
    assert "no parquet file that can be read" in refused(folder / "a.parquet")


def refused_columns(pairs: list[str]) -> str:
    with pytest.raises(SearchError) as caught:
        parse_columns(pairs)
    return str(caught.value)


def test_what_was_in_no_file_is_kept_and_read_again(folder: Path) -> None:
    (folder / "q.tsv").write_text(VLMEVALKIT, encoding="utf-8")
    inputs = understood(folder / "q.tsv")

    examples = inputs.kept(folder / "kept")
    again = inputs.kept(folder / "kept")

    assert examples == again
    (file,) = (folder / "kept" / "files").iterdir()
    assert file.read_bytes() == picture("red")
    assert [example.images for example in examples] == [(file,), (file,)]
    assert read_inputs(folder / "kept" / "inputs.jsonl") == examples
    moved = (folder / "kept").rename(folder / "moved")
    assert read_inputs(moved / "inputs.jsonl")[0].images == (moved / "files" / file.name,)


def test_files_of_the_users_own_are_not_copied(folder: Path) -> None:
    (folder / "q.jsonl").write_text(lines({"image": "images/red.png", "prompt": "?"}), encoding="utf-8")

    assert understood(folder / "q.jsonl").kept(folder / "kept")[0].images == (folder / "images" / "red.png",)
    assert not (folder / "kept").exists()


def test_only_what_is_drawn_is_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    look: Callable[[Any], str | None] = lambda image: opened.append(image)  # noqa: E731
    monkeypatch.setattr("adamms.responses.inputs.reading.image_problem", look)
    records = [{"image": f"{at}.png", "prompt": "?"} for at in range(50)]
    (folder / "q.jsonl").write_text(lines(*records), encoding="utf-8")

    drawn = understand(InputSource(folder / "q.jsonl")).drawn(3, seed=0).looked_at().required()

    assert opened == [entry.images[0] for entry in drawn.entries]
    assert len(opened) == 3


def test_a_data_set_that_no_hub_has_is_a_sentence(folder: Path) -> None:
    pytest.importorskip("datasets")
    with HubServer({}) as hub:
        done = subprocess.run(
            [sys.executable, "-m", "adamms", "inputs", "some/photos"],
            env=hub.environment(folder),
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 2
    assert (
        "There is no file or folder some/photos, and the data set of that name cannot be had" in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_an_address_with_odd_brackets_is_a_problem_of_its_line(folder: Path) -> None:
    (folder / "a.jsonl").write_text(json.dumps({"prompt": "a", "image": "file://[/a.png"}))
    with pytest.raises(SearchError, match=r"line 1.*is no file"):
        read_inputs(InputSource(folder / "a.jsonl"))


def test_a_pipe_that_is_called_parquet_is_not_waited_for(folder: Path) -> None:
    pytest.importorskip("pyarrow")
    (folder / "pipes").mkdir()
    os.mkfifo(folder / "pipes" / "a.parquet")
    with pytest.raises(SearchError, match="a named pipe"):
        read_inputs(InputSource(folder / "pipes"))


def test_a_small_parquet_file_does_not_unfold_to_gigabytes(folder: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    once = pa.array(["a" * (1 << 20)])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int32()), once)
    parquet.write_table(pa.table({"prompt": column}), folder / "a.parquet")
    assert (folder / "a.parquet").stat().st_size < 2 << 20
    with pytest.raises(SearchError, match=r"row \d+: all before hold more than 256 MB"):
        read_inputs(InputSource(folder / "a.parquet"))


def test_parquet_files_of_more_rows_than_inputs_have_are_told(folder: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    column = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_001, pa.int32()), pa.array(["a"]))
    parquet.write_table(pa.table({"prompt": column}), folder / "a.parquet")
    with pytest.raises(SearchError, match="1,000,001 rows, and inputs are 1,000,000 at most"):
        read_inputs(InputSource(folder / "a.parquet"))
