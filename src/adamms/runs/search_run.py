"""The candidates' answers: asked, written as they come, and never asked twice.

Knows a run's folder and how an interrupted one goes on. Which candidate is chosen is not its concern.
"""

from adamms.answering.sweep import Sweep
from adamms.checkpoints import OutputFolder
from adamms.progress import Progress
from adamms.responses import Responses, ResponseWriter, read_responses
from adamms.runs.engines import engine_opener
from adamms.runs.loading import LoadedModels
from adamms.runs.search_plan import SearchPlan


def collect_responses(
    loaded: LoadedModels, plan: SearchPlan, folder: OutputFolder, *, progress: Progress
) -> Responses:
    """The answers of all candidates to all inputs; those of an interrupted run are not asked again.

    Raises:
        SearchError: the base cannot be loaded or asked; the message says why.
    """
    target = folder.path / "responses"
    target.mkdir(exist_ok=True)
    known = read_responses(target) if any(target.glob("*=*.jsonl")) else {}
    done = sum(map(len, known.values()))
    if done:
        progress.say(f"Resuming: {done} answers are already there.")
    sweep = Sweep(
        loaded.parents,
        plan.examples,
        method=loaded.method_at,
        engine=engine_opener(loaded, folder, method=loaded.method_at),
        resident=plan.options.parents,
        say=progress.say,
    )
    wanted = {
        alpha: [example.id for example in plan.examples if example.id not in known.get(alpha, {})]
        for alpha in plan.alphas
    }
    total = len(plan.alphas) * len(plan.examples)
    with (
        progress.stage("Searching", total=total, unit="answers") as advance,
        ResponseWriter(target, setting=plan.options.setting) as writer,
    ):
        advance(done)
        try:
            for response in sweep.ask(wanted):
                writer.write(response)
                known.setdefault(response.alpha, {})[response.id] = response
                # From here on there is something worth resuming.
                folder.keep_on_failure = True
                advance(1)
        except KeyboardInterrupt:
            if folder.keep_on_failure:
                progress.say("The answers so far are kept; go on with --resume.")
            raise
    return dict(sorted(known.items()))
