"""Run directories whose every text wants to be something else: markup, script, a path, an invisible sign."""

import json
import random
import shutil
from pathlib import Path

import yaml
from PIL import Image

from adamms.responses import Response, ResponseWriter, read_responses
from adamms.searching import select

ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
SCRIPT = "</script><script>window.harmed=1</script>"
IMAGE = '"><img src=x onerror=window.harmed=1>'
HOSTILE = (
    SCRIPT,
    IMAGE,
    "'-window.harmed-'",
    "<!--<script>",
    "javascript:window.harmed=1",
    "</style><style>*{display:none}",
    "{{ 7*7 }}{% raw %}${7*7}",
    "\u202eright to left\u2066",
    "line\u2028separator\u2029",
    "nul\x00bell\x07escape\x1b[31m",
    "half \ud800 a pair",
    "__proto__",
    "long " + "w" * 100_000,
    "a\nb\r\nc\td",
    "Z̴̡͎̝a̸l̵g̶o",
    "مرحبا بالعالم",
    "",
)


def write_hostile_run(
    folder: Path, *, inputs: int = 18, picture: tuple[int, int] = (300, 200), tensors: int = 60
) -> Path:
    """A run directory: selection, responses, mapping, recipe, inputs with images, all of them hostile.

    The candidate at 0.6 has collapsed. Every third input has no picture, one has a missing and one a damaged
    one, one has three.
    """
    run = folder / "run"
    (run / "responses").mkdir(parents=True)
    drawn = random.Random(3)
    ids = [f"{index} {HOSTILE[index % len(HOSTILE)][:60]}" for index in range(inputs)]
    names = _pictures(folder, inputs, picture)
    lines = []
    for index, id_ in enumerate(ids):
        prompt = f"What is this? {HOSTILE[(index + 1) % len(HOSTILE)]}"
        answer = HOSTILE[(index + 2) % len(HOSTILE)]
        lines.append(json.dumps({"id": id_, "image": names[index], "prompt": prompt, "answer": answer}))
    (folder / "inputs.jsonl").write_text("\n".join(lines))
    with ResponseWriter(run / "responses") as target:
        for id_ in ids:
            said = HOSTILE[ids.index(id_) % len(HOSTILE)]
            for alpha in ALPHAS:
                said = drawn.choice(HOSTILE) if drawn.random() < 0.05 + abs(alpha - 0.3) else said
                text = "" if alpha == 0.6 else said
                target.write(Response(id_, alpha, text, tokens=3, confidence=0.5 + alpha / 2, finished=True))
    selection = select(read_responses(run)).to_json()
    selection["notes"] = [f"a note {SCRIPT}"]
    selection["signals"] = [
        {
            "name": f"signal {IMAGE}",
            "selected": 0.2,
            "scores": [{"alpha": alpha, "score": alpha if alpha < 0.6 else None} for alpha in ALPHAS],
            "cost": SCRIPT,
            "note": IMAGE,
        }
    ]
    selection["repeats"] = {"count": 10, "size": 20, "wins": {"0.2": 3, "0.3": 7}}
    for each in selection["candidates"]:
        if each["disqualified"]:
            each["disqualified"] += f" {IMAGE}"
    (run / "selection.json").write_text(json.dumps(selection))
    (run / "mapping.json").write_text(json.dumps(_mapping(tensors)))
    recipe = {"base": f"some/{SCRIPT}", "donor": f"other/{IMAGE}", "merge": {"method": "linear"}}
    recipe["search"] = {"inputs": str(folder / "inputs.jsonl"), "alphas": "0:0.6:0.1", "samples": inputs}
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    (run / "accuracy.json").write_text(json.dumps({f"{alpha:g}": 0.5 + alpha / 4 for alpha in ALPHAS}))
    return run


def _pictures(folder: Path, inputs: int, size: tuple[int, int]) -> list[object]:
    """Noise, which compresses worst; each input its own file, so that nothing is shared."""
    first = folder / "noise.png"
    Image.merge("RGB", [Image.effect_noise(size, 120) for _ in range(3)]).save(first)
    names: list[object] = []
    for index in range(inputs):
        name = f"{index} <img src=x onerror=window.harmed=1> ' & \u202e.png"
        shutil.copy(first, folder / name)
        names.append([] if index % 3 == 2 else name)
    (folder / "broken.png").write_text("<svg onload=window.harmed=1>")
    names[1], names[3], names[4] = "gone.png", "broken.png", ["noise.png", "gone.png", "broken.png"]
    return names


def _mapping(count: int) -> dict[str, object]:
    tensors: dict[str, object] = {
        f"model.layers.{layer}.mlp.up_proj.weight{IMAGE if layer == 0 else ''}": {
            "status": "merged",
            "reason": f"language model, mlp.up {SCRIPT if layer == 0 else ''}",
            "segments": [{"donor": f"language_model.layers.{layer}.mlp.up_proj.weight{SCRIPT}"}],
        }
        for layer in range(count)
    }
    tensors["lm_head.weight"] = {
        "status": "partly",
        "reason": "rows",
        "segments": [{"donor": "head", "donor_rows": [r, r + 1], "base_rows": [r, r + 1]} for r in range(9)],
    }
    tensors["visual.patch"] = {"status": "kept", "reason": "vision encoder: stays the base's", "segments": []}
    summary = {"merged": count, "partly": 1, "kept": 1, "parameters_merged": 900, "parameters": 1000}
    return {"base": SCRIPT, "donor": IMAGE, "summary": summary, "notes": [SCRIPT], "tensors": tensors}
