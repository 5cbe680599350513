"""A finished run directory, made by the same functions a search uses, with answers written by hand."""

import json
import random
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from adamms.checkpoints import Checkpoint
from adamms.mapping import map_parameters
from adamms.recipes.recipe import make_recipe
from adamms.responses import Response, Responses, ResponseWriter, read_responses
from adamms.searching import select
from small_pairs import write_llava_onevision, write_qwen2_vl

HOSTILE = "</script><script>alert(1)</script>\"><img src=x onerror=alert(2)> & 'q' {{ 7*7 }} \x1b[31m \ud800"
ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


def answers(count: int = 40) -> dict[float, list[str]]:
    """Answers that drift with alpha and are steadiest around 0.3; at 0.6 the model has broken down."""
    drawn = random.Random(1)
    table = {0.0: [drawn.choice(["yes", "no", "red", "a blue square", "3"]) for _ in range(count)]}
    for before, alpha in pairwise(ALPHAS):
        change = 0.05 + 1.5 * abs(alpha - 0.3)
        table[alpha] = [
            drawn.choice(["yes", "no", "red", "green circle", "4"]) if drawn.random() < change else text
            for text in table[before]
        ]
    table[0.6] = [""] * count
    table[0.4][0] = HOSTILE
    return table


@pytest.fixture(scope="session")
def responses(tmp_path_factory: pytest.TempPathFactory) -> Responses:
    folder = tmp_path_factory.mktemp("responses")
    with ResponseWriter(folder) as writer:
        for alpha, texts in answers().items():
            for index, text in enumerate(texts):
                writer.write(Response(f"q{index}", alpha, text, tokens=3))
    return read_responses(folder)


@pytest.fixture
def run_dir(tmp_path: Path, responses: Responses) -> Path:
    """What `adamms search` leaves, less the page; the inputs and the parents lie beside it."""
    base, donor = write_qwen2_vl(tmp_path / "base"), write_llava_onevision(tmp_path / "donor")
    run = tmp_path / "run"
    (run / "responses").mkdir(parents=True)
    lines = []
    for index in range(40):
        image = Image.new("RGB", (48, 48) if index % 2 else (300, 200), "white")
        box = (10, 10, 30 + index % 9, 30)
        ImageDraw.Draw(image).rectangle(box, fill=random.Random(index).choice(["red", "blue", "green"]))
        image.save(tmp_path / f"{index}.png")
        prompt = HOSTILE if index == 0 else f"What is the colour of shape {index}?"
        lines.append(
            json.dumps({"id": f"q{index}", "image": f"{index}.png", "prompt": prompt, "answer": "red"})
        )
    (tmp_path / "inputs.jsonl").write_text("\n".join(lines))
    recipe = make_recipe(
        base=str(base), donor=str(donor), search={"inputs": tmp_path / "inputs.jsonl", "rule": "sum"}
    )
    (run / "recipe.yaml").write_text(recipe.to_yaml())
    with Checkpoint.open(base) as base_model, Checkpoint.open(donor) as donor_model:
        mapping = map_parameters(base_model, donor_model)
        (run / "mapping.json").write_text(json.dumps(mapping.to_json()))
    # The same layout as a merged model's, which is all that the page reads of it.
    shutil.copytree(base, run / "merged")
    with ResponseWriter(run / "responses") as target:
        for answered in responses.values():
            for response in answered.values():
                target.write(response)
    (run / "selection.json").write_text(json.dumps(select(responses).to_json()))
    accuracy = {f"{alpha:g}": 0.6 + alpha / 4 - alpha**2 / 2 for alpha in ALPHAS}
    (run / "accuracy.json").write_text(json.dumps(accuracy))
    return run
