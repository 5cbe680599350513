"""Questions for the tiny models, an engine that answers them, and transformers' own answers."""

import random

from adamms.answering.engine import EngineOptions
from adamms.answering.transformers_engine import TransformersEngine, open_image
from adamms.checkpoints import Checkpoint
from adamms.responses.inputs import Example

# A tenth of all tokens end an answer, so answers end at differing steps.
OFTEN = {"eos_token_id": list(range(0, 260, 10))}


def questions(pictures, *, count=9, seed=0):
    """Questions of unequal length about no, one or two pictures of unequal size."""
    draw = random.Random(seed)
    return [
        Example(
            f"q{index}",
            tuple(draw.sample(pictures, draw.choice([0, 1, 1, 2]))) if pictures else (),
            "".join(draw.choices("abcde ?", k=draw.randint(2, 40))),
        )
        for index in range(count)
    ]


def engine(path, *, changed=(), new=8, batch=4, **options):
    options = EngineOptions(max_new_tokens=new, batch_size=batch, **{"device": "cpu"} | options)
    return TransformersEngine(Checkpoint.open(path), changed=changed, options=options)


def one_by_one(generator, examples, *, new=8, model=None):
    """The answers and the first scores of transformers' own `generate`."""
    model = model or generator.model
    answers = {}
    for example in examples:
        inputs = generator._preparation.prepare([open_image(path) for path in example.images], example.prompt)
        inputs = {
            name: value.to(model.dtype) if value.is_floating_point() else value
            for name, value in inputs.items()
        }
        ids = model.generate(**inputs, do_sample=False, max_new_tokens=new)
        answers[example.id] = ids[0, inputs["input_ids"].shape[1] :].tolist()
    return answers


def tokens_of(generator, examples):
    rows = generator._batched([generator._prompt(example.id) for example in examples])
    return {row.prompt.id: row.tokens for row in rows}
