"""What the sets hold: lines, pictures and topics of a task, and what the most frequent answer would score."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from proving_ground.real_pair.pictures.picture import Split
from proving_ground.real_pair.questions.question import Question
from proving_ground.real_pair.questions.tasks import TASKS


def summary(out: Path, sets: Mapping[Split, Sequence[Question]], texts: Mapping[str, int]) -> str:
    """Return the summary as a text.

    Args:
        out: the folder that holds `pictures/` and `questions/`.
        sets: the questions of every split.
        texts: lines of the files in `text/`.
    """
    lines = ["task          split        questions  pictures  half 1  half 2  chance  scoring"]
    for name, task in TASKS.items():
        for split, questions in sets.items():
            mine = [question for question in questions if question.task == name]
            shown = len({question.picture.name for question in mine if question.picture})
            halves = Counter(question.half for question in mine)
            lines.append(
                f"{name:13} {split:12} {len(mine):9} {shown:9} {halves[1]:7} {halves[2]:7} "
                f"{100 * chance(mine):6.1f}  {task.scoring}"
            )
    lines.append("")
    lines.append("reporting topics (questions, chance in %):")
    for name in TASKS:
        by_topic: dict[str, list[Question]] = {}
        for question in sets["reporting"]:
            if question.task == name:
                by_topic.setdefault(question.topic, []).append(question)
        told = ", ".join(
            f"{topic} {len(of)} ({100 * chance(of):.0f})" for topic, of in sorted(by_topic.items())
        )
        lines.append(f"  {name}: {told}")
    lines.append("")
    lines += [f"text/{file}: {count} lines" for file, count in texts.items()]
    for part in ("pictures", "questions", "text"):
        files = [file for file in (out / part).iterdir() if file.is_file()]
        lines.append(f"{part}: {len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")
    return "\n".join(lines) + "\n"


def chance(questions: Sequence[Question]) -> float:
    """The share of the most frequent answer."""
    if not questions:
        return 0.0
    return Counter(question.answers[0] for question in questions).most_common(1)[0][1] / len(questions)
