"""Another program answers: what it is given, what it may do wrong; one candidate is on disk at a time."""

import shlex
import sys
from pathlib import Path

import pytest

from adamms.answering.command_engine import CommandEngine, parse_command
from adamms.errors import SearchError
from adamms.responses import Example

ANSWER = """
import json, sys
model, inputs, outputs, alpha = sys.argv[1:5]
weight = open(model + "/weight").read()
with open(outputs, "w") as file:
    for line in open(inputs):
        asked = json.loads(line)
        said = f"{weight} at {alpha} sees {len(asked['image'])}: {asked['prompt']}"
        file.write(json.dumps({"id": asked["id"], "response": said, "confidence": 0.5}) + "\\n")
"""
EXAMPLES = [Example("a", (Path("/p/1.png"), Path("/p/2.png")), "Why?"), Example("é", (), "Wie?\nSo?")]


class Place:
    """A scratch folder, a script in it, and the candidates that were written."""

    def __init__(self, folder):
        self.folder, self.written = folder, []

    def write(self, alpha, target):
        assert not list((self.folder / "scratch").rglob("weight")), "another candidate is still there"
        target.mkdir()
        (target / "weight").write_text(f"w{alpha:g}")
        self.written.append(alpha)

    def engine(self, script, arguments="{model} {inputs} {outputs} {alpha}", **limits):
        path = self.folder / "the answer.py"
        path.write_text(script)
        command = f"{shlex.quote(sys.executable)} {shlex.quote(str(path))} {arguments}"
        engine = CommandEngine(command, scratch=self.folder / "scratch", write=self.write, **limits)
        engine.prepare(EXAMPLES[:1])
        engine.prepare(EXAMPLES[1:])
        return engine

    def ask(self, engine, alpha=0.3):
        engine.load_weights(alpha, lambda name: None)
        return list(engine.answer([example.id for example in EXAMPLES]))

    @property
    def left(self):
        return list((self.folder / "scratch").iterdir())


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_each_candidate_is_written_asked_and_deleted(place):
    engine = place.engine(ANSWER)
    for alpha in (0.3, 0.025):
        answers = place.ask(engine, alpha)
        assert [answer.id for answer in answers] == ["a", "é"]
        assert {answer.alpha for answer in answers} == {alpha}
        assert answers[1].response.endswith("sees 0: Wie?\nSo?")
        assert answers[0].confidence == 0.5
        assert place.left == []
    assert answers[0].response == "w0.025 at 0.025 sees 2: Why?"
    assert place.written == [0.3, 0.025]


def test_answers_may_come_on_standard_output(place):
    script = ANSWER.replace('open(outputs, "w")', "sys.stdout").replace(
        "model, inputs, outputs, alpha", "model, inputs, alpha"
    )
    script = script.replace("[1:5]", "[1:4]") + 'print("done", file=sys.stderr)\n'
    answers = place.ask(place.engine(script, "{model} {inputs} {alpha}"))
    assert [answer.id for answer in answers] == ["a", "é"]


def test_answers_come_while_the_program_still_works(place):
    """So a killed search loses what was in flight and no more."""
    script = """
import json, os, sys, time
with open(sys.argv[3], "w") as file:
    file.write('{"id": "a", "response": "x"}\\n')
    file.flush()
    while not os.path.exists(sys.argv[1] + "/go"):
        time.sleep(0.02)
    file.write('{"id": "\\u00e9", "response": "y"}')
"""
    engine = place.engine(script)
    engine.load_weights(0.1, lambda name: None)
    coming = engine.answer(["a", "é"])
    assert next(coming).response == "x"
    [folder] = place.left
    (folder / "model" / "go").touch()
    assert next(coming).response == "y"
    assert list(coming) == []


def test_a_search_that_is_left_ends_the_program_and_cleans_up(place):
    line = '{"id": "a", "response": 1}\\n'
    script = f"import sys, time\nopen(sys.argv[3], 'w').write('{line}')\ntime.sleep(60)\n"
    engine = place.engine(script)
    engine.load_weights(0.1, lambda name: None)
    coming = engine.answer(["a", "é"])
    next(coming)
    coming.close()
    assert place.left == []


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("print('no', file=sys.stderr); sys.exit('CUDA is missing')", "exit code 1: CUDA is missing. "),
        ("import os; os._exit(7)", "exit code 7: it said nothing on stderr"),
        ("out.write(good('a'))", 'answered 1 of 2 inputs for alpha 0.3; the first that it left out is "é"'),
        (
            'out.write(\'{"id": "a", "response": "x", "alpha": 0.9}\\n\')',
            "an answer of alpha 0.9, but 0.3 was asked",
        ),
        ("out.write(good('a') + 'oh no\\n' + good('é'))", "alpha 0.3, line 2: not .* but 'oh no'"),
        ("out.write(good('a') + '{\"id\": \"é\"}\\n')", "line 2: not "),
        ("out.write(good('a') + good('a'))", 'line 2: "a" is answered twice'),
        ("out.write(good('z'))", 'line 1: "z" is answered though it was not asked'),
        ('out.write(\'{"id": "a", "response": [1]}\\n\')', "line 1: the response must be a text"),
    ],
)
def test_what_a_program_does_wrong_is_said(place, ending, said):
    script = (
        "import json, sys\nout = open(sys.argv[3], 'w')\n"
        f"def good(id): return json.dumps(dict(id=id, response='x')) + '\\n'\n{ending}\n"
    )
    with pytest.raises(SearchError, match=said):
        place.ask(place.engine(script))
    assert place.left == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("python answer.py {inputs}", r"where \{model\} goes"),
        ("python answer.py {model}", r"where \{inputs\} goes"),
        ("python 'answer.py {model} {inputs}", "cannot be read: No closing quotation"),
        ("no-such-program {model} {inputs}", "no program 'no-such-program'"),
        ("", r"where \{model\} goes"),
    ],
)
def test_a_command_that_cannot_work_is_refused_before_anything_is_written(command, said):
    with pytest.raises(SearchError, match=said):
        parse_command(command)


def test_a_program_that_hangs_is_ended_and_what_it_answered_is_kept(place):
    script = """
import sys, time
print("loading", file=sys.stderr)
with open(sys.argv[3], "w") as file:
    file.write('{"id": "a", "response": "x"}\\n')
time.sleep(100)
"""
    engine = place.engine(script, timeout=0.5)
    engine.load_weights(0.3, lambda name: None)
    coming = engine.answer(["a", "é"])
    assert next(coming).response == "x"
    with pytest.raises(SearchError, match=r"nothing for 0\.5 s at alpha 0\.3.*last: loading\. The answers"):
        list(coming)
    assert place.left == []


@pytest.mark.parametrize(
    ("stream", "most", "said"),
    [
        ("sys.stdout", {"LONGEST_LINE": 1 << 20}, "a line of more than 1 MB"),
        ("sys.stdout", {"MOST": 1 << 30, "LONGEST_LINE": 1 << 20}, "a line of more than 1 MB"),
        ("sys.stderr", {"MOST": 1 << 20}, "more than 0 GB"),
    ],
)
def test_output_without_end_is_bounded(place, monkeypatch, stream, most, said):
    for name, value in most.items():
        monkeypatch.setattr(f"adamms.answering.command_engine.{name}", value)
    script = f"import sys\nwhile True: {stream}.write('x' * 65536)\n"
    with pytest.raises(SearchError, match=f"The command writes {said} at alpha 0.3"):
        place.ask(place.engine(script, "{model} {inputs}"))
    assert place.left == []


def test_what_cannot_be_started_says_why(place):
    (place.folder / "text").write_text("no program")
    (place.folder / "text").chmod(0o755)
    command = f"{shlex.quote(str(place.folder / 'text'))} {{model}} {{inputs}}"
    engine = CommandEngine(command, scratch=place.folder / "scratch", write=place.write)
    engine.prepare(EXAMPLES)
    with pytest.raises(SearchError, match=r"text cannot be started: Exec format error\."):
        place.ask(engine)
