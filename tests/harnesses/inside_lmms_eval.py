"""Run with lmms-eval's python: our model class by itself, as lmms-eval calls it. Prints one JSON object.

python inside_lmms_eval.py
"""

import json
from typing import Any

from lmms_eval.api.instance import Instance
from lmms_eval.models import get_model
from PIL import Image

from adamms.errors import AdaMMSError
from adamms.responses import read_inputs
from adamms.zoo import shipped_pair

COUNT = 5


def requests(documents: list[dict[str, Any]], generation: dict[str, Any]) -> list[Instance]:
    return [
        Instance(
            request_type="generate_until",
            arguments=(document["text"], generation, lambda each: each["visuals"], index, "small", "test"),
            idx=0,
            metadata={"task": "small", "doc_id": index, "repeats": 1},
        )
        for index, document in enumerate(documents)
    ]


def refusal(call: Any) -> str:
    try:
        call()
    except AdaMMSError as error:
        return str(error)
    return "none"


def main() -> None:
    told: dict[str, Any] = {}
    for name in ("qwen2-vl-llava-onevision", "cogvlm-mplug_owl2", "mplug_owl2-cogvlm"):
        pair = shipped_pair(name)
        examples = read_inputs(pair.inputs)[:COUNT]
        documents = [
            {"text": each.prompt, "visuals": [Image.open(path) for path in each.images]} for each in examples
        ]
        model = get_model("adamms").create_from_arg_string(
            f"base={pair.base},donor={pair.donor},alpha=0.2", {"batch_size": 4, "device": "cpu"}
        )
        model.task_dict = {"small": {"test": documents}}
        asked = requests(documents, {"max_new_tokens": 8, "until": ["\n\n"]})
        together = [answer.text for answer in model.generate_until(asked)]
        alone = [model.generate_until([request])[0].text for request in asked]
        told[name] = {"together": together, "alone": alone}
    told["until"] = model.generate_until(requests(documents[:1], {"until": [together[0][1:2]]}))[0].text
    told["limit"] = model.generate_until(requests(documents, {"max_new_tokens": 1}))[
        0
    ].token_counts.output_tokens
    told["loglikelihood"] = refusal(lambda: model.loglikelihood(asked))
    told["rounds"] = refusal(lambda: model.generate_until_multi_round(asked))
    model.task_dict = {"small": {"test": [{"text": "What?", "visuals": ["film.mp4"]}]}}
    told["video"] = refusal(lambda: model.generate_until(asked[:1]))
    model.clean()
    told["cleaned"] = refusal(lambda: model.generate_until(asked))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
