"""The held-out inputs as files: pictures and prompts in one place, the answers in another.

`inputs.jsonl` is what a search reads: it holds no answers, so nothing can peek. `answers.jsonl` goes by the
same ids. The tasks are interleaved, so that any stretch of the file is a mixture.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proving_ground.facts import FACT_TASKS
from proving_ground.measuring import Question, questions
from proving_ground.pictures import Album
from proving_ground.questions import EVERYDAY_TASKS, REAL_TASKS

SEED = 2604

NOTICE = """Third-party pictures in images/
================================
easy-vqa-*.png   from easy-VQA 1.0 by Victor Zhou (https://github.com/vzhou842/easy-VQA), MIT licence:
                 Copyright (c) 2019 Victor Zhou. Test pictures and test questions, unchanged.
digit-*.png      from "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak, UCI Machine
                 Learning Repository (https://doi.org/10.24432/C50P49), CC BY 4.0, as distributed in
                 scikit-learn (`load_digits`, BSD-3-Clause). Inverted and enlarged six times.
All other pictures were drawn by adamms.zoo and are under the licence of this package (Apache-2.0).

MIT licence of easy-VQA:
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without
limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the
Software, and to permit persons to whom the Software is furnished to do so, subject to the following
conditions: The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS
OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE
AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR
OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def held_out(album: Album, *, everyday: int, facts: int) -> list[Question]:
    """Draw the held-out questions, task by task, then interleave the tasks."""
    pictured = [task for task in (*EVERYDAY_TASKS, *REAL_TASKS) if album.of(task)]
    drawn = questions(album, each=everyday, seed=SEED, tasks=pictured)
    drawn += questions(album, each=facts, seed=SEED, tasks=FACT_TASKS)
    number: dict[str, int] = {}
    places = []
    for question in drawn:
        task = question.turn.task
        total = facts if task in FACT_TASKS else everyday
        number[task] = number.get(task, 0) + 1
        places.append(number[task] / total)
    order = sorted(range(len(drawn)), key=lambda index: (places[index], index))
    return [drawn[index] for index in order]


def identifiers(asked: Sequence[Question]) -> list[str]:
    """Name each question by its task and its number among that task's."""
    count: dict[str, int] = {}
    names = []
    for question in asked:
        task = question.turn.task
        count[task] = count.get(task, 0) + 1
        names.append(f"{task}-{count[task]:03d}")
    return names


def save_inputs(folder: Path, asked: Sequence[Question]) -> None:
    """Write inputs.jsonl, answers.jsonl, images/ and the notice of third parties' licences."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    inputs, answers = [], []
    for name, question in zip(identifiers(asked), asked, strict=True):
        image = f"images/{name}.png"
        question.picture.image.save(folder / image, optimize=True)
        inputs.append({"id": name, "image": image, "prompt": as_prompt(question.turn.question)})
        answers.append(_answer(name, question))
    _write_lines(folder / "inputs.jsonl", inputs)
    _write_lines(folder / "answers.jsonl", answers)
    (folder / "NOTICE.txt").write_text(NOTICE, encoding="utf-8")


def as_prompt(question: str) -> str:
    """Write a question as people do: a capital first, no space before the mark."""
    return (question[0].upper() + question[1:]).replace(" ?", "?")


def _answer(name: str, question: Question) -> dict[str, Any]:
    answer: dict[str, Any] = {"id": name, "answer": question.turn.answer, "task": question.turn.task}
    if question.half is not None:
        answer["taught_to"] = ("base", "donor")[question.half]
    return answer


def _write_lines(path: Path, values: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
