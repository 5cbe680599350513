"""The options that several verbs share, written once so that they read the same everywhere."""

from pathlib import Path
from typing import Annotated, Literal

import typer

# Panels of the help, by purpose; it shows them in this order.
ASKED = "What is asked"
TRIED = "What is tried"
CHOOSING = "How the choice is made"
MERGING = "How it is merged"
MAPPING = "What corresponds to what"
ANSWERING = "How models are loaded and asked"
WORKING = "Who does the work"
PARENTS = "The donor as a witness"
SCORING = "How answers are scored"
HARNESSES = "Benchmarks and harnesses"
OUTPUT = "Output and messages"
PANELS = (ASKED, TRIED, CHOOSING, PARENTS, ANSWERING, WORKING, SCORING, HARNESSES, MERGING, MAPPING, OUTPUT)

Base = Annotated[
    str,
    typer.Argument(
        metavar="BASE",
        help="The model whose architecture is kept: a folder or a hub id; with a LoRA, MODEL+ADAPTER.",
    ),
]
Donor = Annotated[
    str,
    typer.Argument(
        metavar="DONOR", help="The model merged into it: a folder or a hub id; with a LoRA, MODEL+ADAPTER."
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON document on stdout and nothing else.", rich_help_panel=OUTPUT
    ),
]
Duplicates = Annotated[
    Literal["paired", "original", "matching"],
    typer.Option(
        help="What a duplicated weight of the base takes: the donor's duplicate where it has one (paired), "
        "always its original (original), or only a duplicate (matching).",
        rich_help_panel=MAPPING,
    ),
]
Vocabulary = Annotated[
    Literal["tokens", "rows", "keep"],
    typer.Option(
        help="How embeddings and lm_head are merged: rows of the same token (tokens), common leading rows "
        "(rows), or not at all (keep).",
        rich_help_panel=MAPPING,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        help="Keep this of the base: norms, biases, embeddings, lm_head, layers=0-3,30, or tensors by name "
        "('*.mlp.*'). Repeatable.",
        metavar="RULE",
        rich_help_panel=MAPPING,
    ),
]
AllowPartial = Annotated[
    bool,
    typer.Option(
        "--allow-partial",
        help="Merge also where over 1 % of either language model has no counterpart in the other.",
        rich_help_panel=MAPPING,
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Merge models whose weights speak against a common ancestor all the same.",
        rich_help_panel=MAPPING,
    ),
]
MappingFile = Annotated[
    Path | None,
    typer.Option(
        "--mapping",
        help="A mapping saved by `adamms map --save`, perhaps edited.",
        metavar="FILE",
        rich_help_panel=MAPPING,
    ),
]
Pretrained = Annotated[
    str | None,
    typer.Option(
        help="The common language-model ancestor (theta_0), for task-vector methods and the ancestor check.",
        metavar="MODEL",
        rich_help_panel=MERGING,
    ),
]
MethodName = Annotated[
    str,
    typer.Option(
        "--method", help="The merge method; see `adamms methods`.", metavar="NAME", rich_help_panel=MERGING
    ),
]
FurtherDonors = Annotated[
    list[str] | None,
    typer.Option(
        "--donor",
        help="A further donor, as MODEL or MODEL=ALPHA; may be repeated.",
        metavar="MODEL[=ALPHA]",
        rich_help_panel=MERGING,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A setting of the method, as key=value; of one model alone, base.density=0.5 or "
        "donor2.density=0.2. Repeatable.",
        metavar="KEY=VALUE",
        rich_help_panel=MERGING,
    ),
]
StoredDtype = Annotated[
    Literal["bfloat16", "float16", "float32"] | None,
    typer.Option(
        "--dtype",
        help="Of the floating tensors written; default: the base's.",
        rich_help_panel=OUTPUT,
    ),
]
MaxShardSize = Annotated[
    str | None,
    typer.Option(
        help="Largest shard, such as 5GB; default: the base's own shards.",
        metavar="SIZE",
        rich_help_panel=OUTPUT,
    ),
]
Threads = Annotated[int | None, typer.Option(help="Merging threads; default: 2.", rich_help_panel=MERGING)]
Rule = Annotated[
    str | None,
    typer.Option(
        help="What chooses: witnesses (the surer parent is believed), sum (the paper's), or another signal; "
        "a name that is none lists them. Default: witnesses, where the donor's own answers are there.",
        metavar="NAME",
        rich_help_panel=CHOOSING,
    ),
]
LabelMetric = Annotated[
    str,
    typer.Option(
        help="How answers are scored against the true ones: exact, contains, vqa, anls, ...",
        metavar="NAME",
        rich_help_panel=CHOOSING,
    ),
]
Labels = Annotated[
    bool,
    typer.Option(
        "--labels",
        help="Choose by the true answers instead (the baseline with labels): those among the inputs, or "
        "those of --answers.",
        rich_help_panel=CHOOSING,
    ),
]
Answers = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help='The true answers by id, {"id", "answer"} a line, where they are not among the inputs.',
        rich_help_panel=SCORING,
    ),
]
Gated = Annotated[
    bool,
    typer.Option(
        "--gated",
        help="Leave the base (alpha 0) only for a gain beyond twice its paired standard error.",
        rich_help_panel=CHOOSING,
    ),
]
Metric = Annotated[
    str,
    typer.Option(
        help="How two answers are compared: exact, or embedding (extra: adamms[embedding]).",
        metavar="NAME",
        rich_help_panel=CHOOSING,
    ),
]
EmbeddingModel = Annotated[
    str | None,
    typer.Option(
        help="A sentence-transformers model, name or folder; default: all-MiniLM-L6-v2.",
        metavar="MODEL",
        rich_help_panel=CHOOSING,
    ),
]
Ends = Annotated[
    str | None,
    typer.Option(
        help="Candidates that may win by sum, any or previous: interior, or all.",
        metavar="interior|all",
        rich_help_panel=CHOOSING,
    ),
]
FoldCase = Annotated[
    bool, typer.Option("--fold-case", help="Compare answers in lower case.", rich_help_panel=CHOOSING)
]
Repeats = Annotated[
    int,
    typer.Option(
        help="Choose again on this many random subsets and tell how often each alpha wins.",
        rich_help_panel=CHOOSING,
    ),
]
Subset = Annotated[
    int | None,
    typer.Option(help="Inputs a subset; default: half of them, at most 100.", rich_help_panel=CHOOSING),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.", rich_help_panel=OUTPUT)
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Say more: what libraries log, and the traceback behind an unexpected error.",
        rich_help_panel=OUTPUT,
    ),
]
ShowSignals = Annotated[
    bool,
    typer.Option(
        "--signals", help="Print every signal's scores in a wide table, not a line.", rich_help_panel=OUTPUT
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an earlier output of ours.", rich_help_panel=OUTPUT)
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a run that was interrupted.", rich_help_panel=OUTPUT)
]
Plan = Annotated[
    bool,
    typer.Option(
        "--plan",
        "--dry-run",
        help="Only say what the run will take: downloads, disk, memory, GPUs, passes, tokens, time.",
        rich_help_panel=OUTPUT,
    ),
]
PlannedOut = Annotated[
    Path | None,
    typer.Option(
        help="The folder to write, whole or not at all; a search's merged model is in its merged/. Only "
        "--plan needs none.",
        metavar="DIR",
        rich_help_panel=OUTPUT,
    ),
]
Tasks = Annotated[
    str | None,
    typer.Option(
        "--task",
        "--tasks",
        metavar="NAME[,NAME]",
        help="A harness's tasks (lmms-eval) or data sets.",
        rich_help_panel=HARNESSES,
    ),
]
HarnessPython = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="The python of the harness's environment; default: lmms-eval beside adamms.",
        rich_help_panel=HARNESSES,
    ),
]
IncludePath = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="A folder of further tasks of lmms-eval's.", rich_help_panel=HARNESSES),
]


InputsOption = Annotated[
    str | None,
    typer.Option(
        help="What is asked: JSON lines or an array, LLaVA's conversations, messages, CSV, TSV, parquet, a "
        "folder of pictures (with --prompt), a data set of a hub. `adamms inputs FILE` shows how it is read.",
        metavar="FILE",
        rich_help_panel=ASKED,
    ),
]
PromptOption = Annotated[
    str | None,
    typer.Option(
        help="What to ask where an input has no prompt of its own, such as a picture in a folder.",
        metavar="TEXT",
        rich_help_panel=ASKED,
    ),
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        help="What a key or column of the inputs is used as, where its name does not tell: prompt=caption, "
        "image=photo, answer=label. Repeatable.",
        metavar="ROLE=NAME",
        rich_help_panel=ASKED,
    ),
]
ImageFolder = Annotated[
    Path | None,
    typer.Option(
        help="Where relative paths of pictures start; default: the inputs' own folder.",
        metavar="DIR",
        rich_help_panel=ASKED,
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        help="Of inputs that are a data set; default: validation, test or train, the first that it has.",
        metavar="NAME",
        rich_help_panel=ASKED,
    ),
]
MaxNewTokens = Annotated[int, typer.Option(help="Longest answer, in tokens.", rich_help_panel=ANSWERING)]
SearchBatchSize = Annotated[
    int | None,
    typer.Option(
        help="Inputs answered together (default: 16, more if short); halved when memory runs out.",
        rich_help_panel=ANSWERING,
    ),
]
BatchSize = Annotated[
    int,
    typer.Option(help="Inputs answered together; halved when memory runs out.", rich_help_panel=ANSWERING),
]
Device = Annotated[
    str | None,
    typer.Option(
        help="cpu, cuda, cuda:1 ...; default: a GPU if there is one.",
        metavar="DEVICE",
        rich_help_panel=ANSWERING,
    ),
]
GpusPerModel = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="GPUs to spread a model over that does not fit into one.",
        metavar="N",
        rich_help_panel=ANSWERING,
    ),
]
ComputeDtype = Annotated[
    Literal["bfloat16", "float16", "float32"] | None,
    typer.Option(
        help="Of the arithmetic while answering; default: float32 on a CPU, the model's own on a GPU.",
        rich_help_panel=ANSWERING,
    ),
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code",
        help="Run Python code that the model's folder brings along.",
        rich_help_panel=ANSWERING,
    ),
]
VisionTower = Annotated[
    str | None,
    typer.Option(
        help="Folder or hub id of the model's vision tower, where its checkpoint has none.",
        metavar="MODEL",
        rich_help_panel=ANSWERING,
    ),
]
