"""The models of a search that answer in this process: every one that a task may ask, one loaded at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from adamms.answering.engine import DEFAULT, ModelItself, asks_donors, closing
from adamms.answering.sweep import Merge, Sweep
from adamms.answering.tasks import Answer, ModelName, Opinions, Task
from adamms.merging import MergeInputs, make_method
from adamms.responses import Example
from adamms.runs.engines import open_sweep, say_loading
from adamms.runs.loading import LoadedModels


class LiveModels:
    """Works tasks off; a model is loaded when a task asks it, and let go when another has to be loaded."""

    def __init__(
        self,
        loaded: LoadedModels,
        examples: Sequence[Example],
        *,
        scratch: Path,
        say: Callable[[str], None],
    ) -> None:
        """Nothing is loaded yet.

        Args:
            loaded: the models and the recipe.
            examples: all questions that may be asked.
            scratch: a folder of the engine's own.
            say: told in a line what a person should know.
        """
        assert loaded.recipe.search is not None
        self._loaded, self._options = loaded, loaded.recipe.search
        self._examples = {example.id: example for example in examples}
        self._others = other_merges(loaded)
        self._sweep = open_sweep(
            loaded, examples, scratch=scratch, others=tuple(self._others.values()), say=say
        )
        self._say = say
        self._donor: tuple[ModelName, ModelItself] | None = None

    def perform(self, task: Task) -> Iterator[Answer]:
        """The answers to a task's inputs, in any order.

        Raises:
            SearchError: the model cannot be loaded or asked; the message says why.
        """
        if task.model.kind == "donor":
            yield from self._donor_itself(task.model).answer([self._examples[id_] for id_ in task.ids])
            return
        self._let_donor_go()
        sweep, other = self._sweep, self._others.get(task.model)
        if task.given is None and other is None:
            yield from sweep.ask({task.model.number: task.ids})
        elif task.given is None:
            assert other is not None
            yield from sweep.ask_other(other, task.ids)
        else:
            yield from self._opinions(task, sweep, other)

    def _opinions(self, task: Task, sweep: Sweep, other: Merge | None) -> Iterator[Opinions]:
        assert task.given is not None
        given = {id_: task.given[id_] for id_ in task.ids}
        if other is not None:
            for id_, likelihoods in sweep.read_other(other, given):
                yield Opinions(id_, likelihoods)
        else:
            for _, id_, likelihoods in sweep.read({task.model.number: given}):
                yield Opinions(id_, likelihoods)

    def close(self) -> None:
        """Let everything go."""
        self._let_donor_go()
        self._sweep.close()

    def _donor_itself(self, name: ModelName) -> ModelItself:
        if self._donor is None or self._donor[0] != name:
            self.close()
            # Engines differ where two tokens are nearly as probable: the one that can asks all alike.
            engine = self._options.engine_name if asks_donors(self._options.engine_name) else DEFAULT
            donor = self._loaded.parents.donors[int(name.number) - 1].checkpoint
            say_loading(donor, self._say)
            itself = ModelItself(
                donor,
                options=replace(self._options.engine_options, vision_tower=self._options.donor_vision_tower),
                alpha=1.0,
                name=engine,
                python=self._options.engine_python,
            )
            self._donor = name, itself
        return self._donor[1]

    def _let_donor_go(self) -> None:
        if self._donor is not None:
            with closing(self._donor[1]):
                self._donor = None


def other_merges(loaded: LoadedModels) -> dict[ModelName, Merge]:
    """What the base's live model may become beside the candidates."""
    parents, options = loaded.parents, loaded.recipe.search
    assert options is not None
    merges = {ModelName("base"): Merge(parents, make_method("linear", {"alpha": 0.0}), 0.0)}
    if not options.witnessed:
        return merges
    language_model = make_method("linear", {"alpha": 1.0})
    for number, view in enumerate(parents.donors, start=1):
        stand_in = Merge(MergeInputs(loaded.base, (view,)), language_model, 1.0)
        merges[ModelName("stand-in", number)] = stand_in
    if parents.pretrained is not None:
        ancestor = MergeInputs(loaded.base, (parents.pretrained,))
        merges[ModelName("pretrained")] = Merge(ancestor, language_model, 1.0)
    return merges
