"""The paper's benchmarks as data: what each is called where, who measured it, and how it becomes a score.

One row a benchmark (section 4.3, Appendix C). Task names and metric keys are those of lmms-eval 0.7.3 and
VLMEvalKit 0.0.20, older spellings beside them. All scores run from 0 to 100. Runs nothing: the bridges to the
harnesses read this, and `suite_results.py` reads what they answer.
"""

from dataclasses import dataclass
from typing import Literal

from adamms.errors import EvaluationError, no_such

Harness = Literal["lmms-eval", "vlmevalkit"]

HARNESSES: tuple[Harness, ...] = ("lmms-eval", "vlmevalkit")

SHORT_ANSWER = "\nAnswer the question using a single word or phrase."
"""What stands behind a question of OK-VQA in Table 7. lmms-eval's own prompt also says that what cannot be
answered should be called "Unanswerable"."""


@dataclass(frozen=True)
class Source:
    """A benchmark in one harness."""

    task: str
    """lmms-eval's task, or VLMEvalKit's data set."""
    metrics: tuple[tuple[str, ...], ...]
    """Their values are added; each with its spellings, the newest first."""
    factor: float
    """Makes the sum a score from 0 to 100."""
    split: str | None = None
    """The line of a VLMEvalKit result that counts, where there are several."""


@dataclass(frozen=True)
class Benchmark:
    """One column of the paper's tables."""

    name: str
    """The heading in the paper's tables."""
    kind: Literal["comprehensive", "cognition", "text-rich"]
    """The paper's classification (section 4.3)."""
    data: str
    """The hub's data set that lmms-eval loads."""
    lmms_eval: Source
    vlmevalkit: Source | None
    """None where VLMEvalKit does not have it."""
    qwen2_vl_harness: Harness
    """With what the paper measured models of the Qwen2-VL architecture; all others: lmms-eval."""
    in_sum: bool = True
    """Whether the paper's SUM counts it."""
    altered_prompt: str | None = None
    """The text behind the question that the paper used instead of the harness's, for `altered_for`."""
    altered_for: tuple[str, ...] = ()
    """Architectures (of the base) for which the prompt was altered."""
    note: str = ""

    def harness_for(self, architecture: str) -> Harness:
        """What the paper measured this benchmark with, for a base of this architecture (Appendix C)."""
        return self.qwen2_vl_harness if architecture == "qwen2_vl" else "lmms-eval"

    def prompt_for(self, architecture: str) -> str | None:
        """What the paper put behind the question instead of lmms-eval's own text; None: nothing else."""
        return self.altered_prompt if architecture in self.altered_for else None

    def source(self, harness: Harness) -> Source | None:
        """The benchmark in a harness, None where it is not there."""
        return self.lmms_eval if harness == "lmms-eval" else self.vlmevalkit


PAPER: tuple[Benchmark, ...] = (
    Benchmark(
        name="MMMU_val",
        kind="cognition",
        data="lmms-lab-encoder/MMMU",
        lmms_eval=Source("mmmu_val", (("mmmu_acc",),), 100),
        vlmevalkit=Source("MMMU_DEV_VAL", (("Overall",),), 100, split="validation"),
        qwen2_vl_harness="vlmevalkit",
    ),
    Benchmark(
        name="MME_sum",
        kind="comprehensive",
        data="lmms-lab-encoder/MME",
        lmms_eval=Source(
            "mme",
            (
                ("mme_perception_score", "mme_percetion_score"),
                ("mme_cognition_score",),
            ),
            1 / 28,
        ),
        vlmevalkit=Source("MME", (("perception",), ("reasoning",)), 1 / 28),
        qwen2_vl_harness="vlmevalkit",
        note="Perception (2,000) and cognition (800) added, divided by 28. Both questions of a picture must "
        "be asked.",
    ),
    Benchmark(
        name="SeedBench_all",
        kind="comprehensive",
        data="lmms-lab-encoder/SEED-Bench",
        lmms_eval=Source("seedbench", (("seed_all",),), 100),
        vlmevalkit=Source("SEEDBench_IMG", (("Overall",),), 100),
        qwen2_vl_harness="vlmevalkit",
        note="VLMEvalKit has the pictures only, lmms-eval the videos as well: the two are not comparable.",
    ),
    Benchmark(
        name="OCRBench",
        kind="text-rich",
        data="echo840/OCRBench",
        lmms_eval=Source("ocrbench", (("ocrbench_accuracy",),), 100),
        vlmevalkit=Source("OCRBench", (("Final Score Norm",),), 1),
        qwen2_vl_harness="vlmevalkit",
        note="Of 1,000 points, divided by 10.",
    ),
    Benchmark(
        name="TextVQA_val",
        kind="text-rich",
        data="lmms-lab-encoder/textvqa",
        lmms_eval=Source("textvqa_val", (("exact_match",),), 100),
        vlmevalkit=Source("TextVQA_VAL", (("Overall",),), 1),
        qwen2_vl_harness="vlmevalkit",
    ),
    Benchmark(
        name="OKVQA",
        kind="cognition",
        data="lmms-lab-encoder/OK-VQA",
        lmms_eval=Source("ok_vqa_val2014", (("exact_match",),), 100),
        vlmevalkit=None,
        qwen2_vl_harness="lmms-eval",
        altered_prompt=SHORT_ANSWER,
        altered_for=("llava", "mplug_owl2"),
        note="With the prompt of Table 7 where the base is LLaVA or mPLUG-Owl2.",
    ),
    Benchmark(
        name="GQA",
        kind="cognition",
        data="lmms-lab-encoder/GQA",
        lmms_eval=Source("gqa", (("exact_match",),), 100),
        vlmevalkit=Source("GQA_TestDev_Balanced", (("Overall",),), 1),
        qwen2_vl_harness="lmms-eval",
    ),
    Benchmark(
        name="VizWiz_val",
        kind="comprehensive",
        data="lmms-lab-encoder/VizWiz-VQA",
        lmms_eval=Source("vizwiz_vqa_val", (("exact_match",),), 100),
        vlmevalkit=Source("VizWiz", (("Overall",),), 1),
        qwen2_vl_harness="lmms-eval",
    ),
    Benchmark(
        name="ScienceQA",
        kind="cognition",
        data="lmms-lab-encoder/ScienceQA",
        lmms_eval=Source("scienceqa_img", (("exact_match",),), 100),
        vlmevalkit=Source("ScienceQA_VAL", (("Overall",),), 100),
        qwen2_vl_harness="vlmevalkit",
        in_sum=False,
        note="In Table 3 only, and not in its SUM; the paper does not say which part. 85.69 and 86.55 are "
        "shares of VLMEvalKit's 2,097 validation questions, not of lmms-eval's test questions.",
    ),
)


def suite(name: str = "paper") -> tuple[Benchmark, ...]:
    """The benchmarks of a suite, in the order of the paper's tables.

    Raises:
        EvaluationError: there is no suite of this name.
    """
    if name != "paper":
        raise EvaluationError(no_such("suite", name, ["paper"]))
    return PAPER
