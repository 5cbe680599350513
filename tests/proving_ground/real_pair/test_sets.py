import json
import re
from collections import Counter
from pathlib import Path

from adamms.evaluation.labels import read_labels
from proving_ground.real_pair.questions.question import Question, World
from proving_ground.real_pair.questions.sets import balanced, question_set, write_set
from proving_ground.real_pair.questions.summary import chance
from proving_ground.real_pair.questions.texts import maths, translation, write_texts
from real_pictures import digit_picture, emoji_picture, pair_picture, spoiled_picture


def question(topic: str, half: int, answer: str, *, task: str = "naming", prompt: str = "?") -> Question:
    return Question(task, topic, half, None, prompt, (answer,))


def test_a_balanced_draw_is_even_over_topics_halves_and_answers() -> None:
    many = [question("animals", half, answer) for half in (1, 2) for answer in "aaaaaaaabbcc"]
    few = [question("shapes", 0, answer) for answer in "xxxxxyz"]

    drawn = balanced([*many, *few], 12)

    assert Counter((q.topic, q.half) for q in drawn) == {
        ("animals", 1): 3,
        ("animals", 2): 3,
        ("shapes", 0): 6,
    }
    assert Counter(q.answers[0] for q in drawn if q.topic == "animals") == {"a": 2, "b": 2, "c": 2}
    assert Counter(q.answers[0] for q in drawn if q.topic == "shapes") == {"x": 4, "y": 1, "z": 1}


def test_what_a_scarce_topic_lacks_is_drawn_from_the_others() -> None:
    drawn = balanced([question("a", 0, "x")] * 2 + [question("b", 0, "y")] * 20, 10)

    assert Counter(q.topic for q in drawn) == {"a": 2, "b": 8}


def test_the_two_questions_of_a_pair_stay_together() -> None:
    pairs = [
        question("animals", 1, answer, task="existence", prompt=f"{number}{answer}")
        for number in range(9)
        for answer in ("yes", "no")
    ]

    drawn = balanced(pairs, 6)

    assert [q.answers[0] for q in drawn] == ["yes", "no"] * 3
    assert all(yes.prompt[0] == no.prompt[0] for yes, no in zip(drawn[::2], drawn[1::2], strict=True))


def test_a_training_set_has_as_many_yes_as_no_and_no_other_question_twice(world: World) -> None:
    pictures = [emoji_picture(), pair_picture(), digit_picture(), spoiled_picture("dark")]
    questions = question_set("train", pictures, world)

    answers = Counter(q.answers[0] for q in questions if q.task == "existence")
    assert answers["yes"] == answers["no"] > 3
    others = [(q.task, q.topic, q.style, q.prompt, q.picture) for q in questions if q.task != "existence"]
    assert len({repr(key) for key in others}) == len(others)


def test_a_written_set_is_read_as_labels(world: World, tmp_path: Path) -> None:
    questions = question_set("reporting", [emoji_picture(split="reporting")], world)
    write_set(tmp_path / "reporting.jsonl", questions, split="reporting")

    lines = [json.loads(line) for line in (tmp_path / "reporting.jsonl").read_text().splitlines()]
    labels = read_labels(tmp_path / "reporting.jsonl")
    assert list(labels) == [line["id"] for line in lines]
    assert labels["naming-rep-000000"].answers == ("snake",)
    assert lines[0] == {
        "id": "existence-rep-000000",
        "picture": "emoji-google-1f40d-t0.webp",
        "task": "existence",
        "topic": "animals",
        "half": 1,
        "maker": "google",
        "concept": "1f40d",
        "prompt": "Is there a snake in the picture? Answer yes or no.",
        "answer": "yes",
        "answers": ["yes"],
    }


def test_chance_is_the_share_of_the_most_frequent_answer() -> None:
    assert chance([question("a", 0, answer) for answer in "xxyz"]) == 0.5
    assert chance([]) == 0.0


def test_the_answers_to_small_sums_are_right() -> None:
    right = {
        r"What is (\d+) \+ (\d+)\?": lambda a, b: a + b,
        r"What is (\d+) - (\d+)\?": lambda a, b: a - b,
        r"What is (\d+) x (\d+)\?": lambda a, b: a * b,
        r"Which is larger, (\d+) or (\d+)\?": max,
        r"Which is smaller, (\d+) or (\d+)\?": min,
        r"\w+ has (\d+) \w+\. \w+ gives \w+ (\d+) more\. .*": lambda a, b: a + b,
        r"\w+ has (\d+) \w+ and loses (\d+) of them\. .*": lambda a, b: a - b,
        r"There are (\d+) boxes with (\d+) \w+ in a box\. .*": lambda a, b: a * b,
    }
    lines = maths(400)

    assert len({prompt for prompt, _ in lines}) == 400
    asked = Counter[str]()
    for prompt, answer in lines:
        pattern, numbers = next(
            (pattern, match.groups()) for pattern in right if (match := re.fullmatch(pattern, prompt))
        )
        asked[pattern] += 1
        assert int(answer) == right[pattern](*map(int, numbers))
    assert len(asked) == len(right)


def test_translations_agree_in_gender_and_hold_phrases_out_whole(world: World) -> None:
    taught, held_out = translation(world)
    everything = dict([*taught, *held_out])

    def phrases(language: str) -> dict[str, str]:
        return {prompt.split('"')[1]: answer for prompt, answer in everything.items() if language in prompt}

    assert phrases("French")["white house"] == "maison blanche"
    assert phrases("French")["black dog"] == "chien noir"
    assert phrases("Spanish")["red apple"] == "manzana roja"
    assert phrases("German")["gray boat"] == "graues Boot"
    taught_prompts, held_out_prompts = ({prompt for prompt, _ in part} for part in (taught, held_out))
    assert not taught_prompts & held_out_prompts
    held_out_phrases = {
        (prompt.split('"')[1], language)
        for prompt in held_out_prompts
        for language in ("French", "Spanish", "German")
        if language in prompt and re.search(r'"(red|blue|green) ', prompt)
    }
    assert len(held_out_phrases) > 50
    for phrase, language in held_out_phrases:
        assert not any(f'"{phrase}"' in prompt and language in prompt for prompt in taught_prompts)


def test_the_texts_splits_share_no_prompt(world: World, tmp_path: Path) -> None:
    written = write_texts(tmp_path, world, maths_lines=1200)

    assert written["maths.train.jsonl"] == 200
    for name in ("maths", "translation"):
        files = [tmp_path / f"{name}.{split}.jsonl" for split in ("train", "development", "reporting")]
        prompts = [[json.loads(line)["prompt"] for line in file.read_text().splitlines()] for file in files]
        assert all(len(part) >= 200 for part in prompts)
        assert len({prompt for part in prompts for prompt in part}) == sum(map(len, prompts))
