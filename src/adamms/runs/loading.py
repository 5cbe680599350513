"""The models of a run, opened from their headers, mapped, and checked before anything long begins.

Weights are downloaded only once the mapping holds. Knows what a recipe asks for and how rooms answer; merges
nothing and asks nothing.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.adapters import open_model
from adamms.checkpoints.auxiliary_files import require_auxiliary_files
from adamms.checkpoints.json_files import read_json
from adamms.checkpoints.sources import exists, expanded, parts_of, resolved
from adamms.errors import MappingError, MergeError, OutputError
from adamms.mapping import MappedDonor, ParameterMapping, map_parameters
from adamms.merging import (
    MappedCheckpoint,
    MergeInputs,
    Method,
    check_merge,
    find_method,
    make_method,
    unmatched,
)
from adamms.progress import Progress
from adamms.recipes.options import MappingOptions
from adamms.recipes.recipe import Recipe
from adamms.responses.candidates import ALPHA

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource


SHOWN = 8
"""Patterns that fit nothing, of which there may be any number."""


@dataclass(frozen=True)
class LoadedModels:
    """The opened models, how the first donor maps, and the recipe with their identities pinned."""

    recipe: Recipe
    parents: MergeInputs
    mapping: ParameterMapping
    without_ancestor: int

    @property
    def base(self) -> TensorSource:
        """The model whose layout is kept."""
        return self.parents.base

    def method_at(self, alpha: float) -> Method:
        """The recipe's method with a candidate's alpha, or its value of the setting that is searched."""
        from adamms.runs.candidate_recipes import with_candidate

        return method_of(with_candidate(self.recipe, alpha))


def load_models(
    recipe: Recipe,
    models: ExitStack,
    progress: Progress,
    *,
    checked: bool = False,
    headers_only: bool = False,
) -> LoadedModels:
    """Open and map all models from their headers; download weights only if the mapping holds.

    Args:
        recipe: what is merged.
        models: what closes the models.
        progress: told what a person should know.
        checked: whether the run has begun elsewhere, where it was seen that the models are related.
        headers_only: whether nothing is downloaded and no weight read, as for a plan.
    """
    checked = checked or headers_only

    def data_of(headers: TensorSource) -> TensorSource:
        if headers_only:
            return headers
        if headers.folder is None:
            progress.say(f"Fetching {headers.source} from the hub.")
            headers = models.enter_context(open_model(headers.pinned, download=True))
        headers.require_data()
        require_auxiliary_files(headers)
        return headers

    def headers_of(source: str) -> TensorSource:
        return models.enter_context(open_model(source))

    base, donor = headers_of(recipe.base), headers_of(recipe.donor)
    others = [headers_of(each.model) for each in recipe.donors]
    for model in (base, donor, *others):
        for note in model.notes:
            progress.say(note)
    mapping = resolve_mapping(recipe, base, donor)
    mappings = [mapping, *(_map_other(recipe, base, other) for other in others)]
    pretrained = headers_of(recipe.pretrained) if recipe.pretrained else None
    # Methods that do not read the ancestor neither map nor download it.
    reads = pretrained and (
        find_method(recipe.merge.method).pretrained != "unused"
        # or a rule that believes it as a witness
        or (recipe.search is not None and recipe.search.witnessed)
    )
    ancestral = _map_ancestor(recipe, base, pretrained) if pretrained and reads else None
    for each in (*mappings, *([ancestral] if ancestral else [])):
        for note in each.notes:
            progress.say(note)
    # Before a download where parts of the files can be read: a few kilobytes may save two models' transfer.
    early = all(model.random_access for model in (base, donor, *others, pretrained) if model)
    if early and not checked:
        _check_ancestors(recipe, base, [donor, *others], mappings, pretrained=pretrained, progress=progress)
    base, donors = data_of(base), [data_of(each) for each in (donor, *others)]
    if pretrained and (ancestral or not early):
        pretrained = data_of(pretrained)
    if not early and not checked:
        _check_ancestors(recipe, base, donors, mappings, pretrained=pretrained, progress=progress)
    ancestor = (
        MappedCheckpoint.of(MappedDonor(ancestral, base, pretrained)) if pretrained and ancestral else None
    )
    views = [
        MappedCheckpoint.of(MappedDonor(its, base, each)) for each, its in zip(donors, mappings, strict=True)
    ]
    parents = MergeInputs(base, tuple(views), ancestor)
    method = method_of(_a_merge_of(recipe))
    check_merge(parents, method)
    vain = unmatched(parents, method)
    for setting, pattern in vain[:SHOWN]:
        value = method.settings[setting]
        if isinstance(value, dict) and len(value) == 1:
            raise MergeError(
                f"{setting}: no tensor of the base fits {pattern!r}, its only entry; it changes nothing: "
                "`adamms map --json` has the names."
            )
        progress.say(f"{setting}: no tensor of the base fits {pattern!r}, so that entry changes nothing.")
    if len(vain) > SHOWN:
        progress.say(f"Nor do those of {len(vain) - SHOWN} more entries.")
    tensors, parameters = parents.without_ancestor(method)
    if parameters:
        progress.say(
            f"{parameters:,} parameters in {tensors} tensors have no counterpart in the pretrained model: "
            "they stay the base's."
        )
    return LoadedModels(pin_revisions(recipe, parents), parents, mapping, parameters)


def _check_ancestors(
    recipe: Recipe,
    base: TensorSource,
    donors: list[TensorSource],
    mappings: list[ParameterMapping],
    *,
    pretrained: TensorSource | None,
    progress: Progress,
) -> None:
    """Insist that the weights speak for a common ancestor; with `force` only say where they do not.

    Raises:
        MappingError: two of the models are strangers; the figures are in the message.
    """
    # Late: what reads weights brings numpy.
    from adamms.mapping.ancestor import check_ancestor, check_family

    further = zip(donors[1:], mappings[1:], strict=True)
    similarities = (
        *check_family(base, donors[0], mappings[0], pretrained=pretrained),
        *(check_ancestor(base, donor, mapping) for donor, mapping in further),
    )
    for similarity in similarities:
        if similarity.verdict == "unrelated" and not recipe.force:
            raise MappingError(f"{similarity.sentence()} To merge them all the same: --force (force: true).")
        if similarity.verdict != "related":
            progress.say(similarity.sentence())


def method_of(recipe: Recipe) -> Method:
    """The recipe's method, checked."""
    options = recipe.merge
    settings = dict(options.settings)
    if options.alpha is not None:
        settings["alpha"] = options.alpha
    own = [each.alpha for each in recipe.donors]
    if any(each is not None for each in own):
        alpha_of = find_method(options.method).parameter("alpha")
        shared = settings.get("alpha", alpha_of.default if alpha_of else None)
        settings["alpha"] = (shared, *(shared if each is None else each for each in own))
    for number, each in enumerate(recipe.donors, start=2):
        settings |= {f"donor{number}.{name}": value for name, value in each.settings.items()}
    return make_method(options.method, settings)


def _a_merge_of(recipe: Recipe) -> Recipe:
    """The recipe's merge, or that of its search's first candidate, by which what all share is checked."""
    if recipe.search is None:
        return recipe
    # Late, as elsewhere here: a merge has no candidates.
    from adamms.runs.candidate_recipes import candidates_of, with_candidate

    return with_candidate(recipe, candidates_of(recipe)[0])


def base_is_apart(recipe: Recipe) -> bool:
    """Whether no candidate of the recipe's search is the base, though one looks like it.

    No value of another setting is. Alpha 0 is not if the method changes the base by itself (it trims, drops
    or scales its task vector), or if other donors keep their weights.
    """
    from adamms.runs.candidate_recipes import candidates_of, with_candidate

    assert recipe.search is not None
    if recipe.search.setting != ALPHA:
        return True
    return 0 in candidates_of(recipe) and not method_of(with_candidate(recipe, 0.0)).gives_base


def _map_other(recipe: Recipe, base: TensorSource, donor: TensorSource) -> ParameterMapping:
    """A further donor's mapping: the same readings and exclusions as the first one's."""
    options = recipe.mapping
    mapping = map_parameters(
        base,
        donor,
        duplicates=options.duplicates,
        vocabulary=options.vocabulary,
        exclude=options.exclude,
        allow_partial=options.allow_partial,
    )
    return _something(mapping)


def _map_ancestor(recipe: Recipe, base: TensorSource, pretrained: TensorSource) -> ParameterMapping:
    """The ancestor's mapping: whatever a donor may reach must have its origin, duplicates included."""
    rule = "rows" if recipe.mapping.vocabulary == "rows" else "tokens"
    try:
        return map_parameters(
            base,
            pretrained,
            duplicates="paired",
            vocabulary=rule,  # type: ignore[arg-type]
            allow_partial=recipe.mapping.allow_partial,
        )
    except MappingError as error:
        raise MappingError(
            f"The pretrained model {pretrained.source} is not an ancestor of {base.source}: {error}"
        ) from None


def resolve_mapping(recipe: Recipe, base: TensorSource, donor: TensorSource) -> ParameterMapping:
    """The mapping a recipe asks for: its file, checked against both models, or the automatic one.

    Raises:
        MappingError: the models cannot be mapped, the file does not fit them or the recipe's readings, or
            nothing is mapped.
    """
    options = recipe.mapping
    if options.file is None:
        return _map_other(recipe, base, donor)
    try:
        data = read_json(options.file)
    except (OSError, ValueError, RecursionError) as error:
        raise MappingError(f"The mapping {options.file} cannot be read: {error}.") from None
    mapping = ParameterMapping.from_json(data).check(base, donor)
    _refuse_another_reading(options, mapping)
    # Late: most mappings are automatic.
    from adamms.mapping import exclude

    return _something(exclude(mapping, options.exclude, base=base, donor=donor))


def _refuse_another_reading(options: MappingOptions, mapping: ParameterMapping) -> None:
    """A saved mapping was made under one reading; asking for another beside it would be passed over."""
    for option, made_with in (("duplicates", mapping.duplicates), ("vocabulary", mapping.vocabulary)):
        asked, default = getattr(options, option), MappingOptions.model_fields[option].default
        if asked not in (default, made_with):
            raise MappingError(
                f"The mapping {options.file} was made with --{option} {made_with or 'unknown'}, so "
                f"--{option} {asked} has no effect on it: leave the option out, or map again with it."
            )


def _something(mapping: ParameterMapping) -> ParameterMapping:
    """The mapping, if anything is merged by it."""
    if not mapping.totals.parameters_merged:
        raise MappingError(
            f"Nothing of {mapping.donor} is mapped onto {mapping.base}, so the result would be the base "
            "itself; check the mapping and what is excluded."
        )
    return mapping


def pin_revisions(recipe: Recipe, parents: MergeInputs) -> Recipe:
    """The recipe that repeats this run: absolute paths, and hub ids with the revision that was read."""

    donor, *others = (view.checkpoint.pinned for view in parents.donors)
    changes: dict[str, Any] = {"base": parents.base.pinned, "donor": donor}
    changes["donors"] = tuple(
        each.model_copy(update={"model": other}) for each, other in zip(recipe.donors, others, strict=True)
    )
    if parents.pretrained:
        changes["pretrained"] = parents.pretrained.checkpoint.pinned
    elif recipe.pretrained:
        changes["pretrained"] = resolved(recipe.pretrained)
    if recipe.mapping.file:
        file = expanded(recipe.mapping.file).resolve()
        changes["mapping"] = recipe.mapping.model_copy(update={"file": file})
    if recipe.search:
        tower, donor_tower = recipe.search.vision_tower, recipe.search.donor_vision_tower
        updates: dict[str, Any] = {
            "vision_tower": tower and resolved(tower),
            "donor_vision_tower": donor_tower and resolved(donor_tower),
            "donor_answers": tuple(expanded(file).resolve() for file in recipe.search.donor_answers),
        }
        if recipe.search.inputs:
            updates["inputs"] = resolved(recipe.search.inputs)
        if recipe.search.image_folder:
            updates["image_folder"] = expanded(recipe.search.image_folder).resolve()
        if recipe.search.answers:
            updates["answers"] = expanded(recipe.search.answers).resolve()
        if (benchmark := recipe.search.benchmark) and benchmark.include_path:
            tasks = benchmark.include_path.resolve()
            updates["benchmark"] = benchmark.model_copy(update={"include_path": tasks})
        changes["search"] = recipe.search.model_copy(update=updates)
    return recipe.model_copy(update=changes)


def keep_sources(recipe: Recipe, out: Path) -> None:
    """Insist that the output is not, and does not hold, a model or a file that it is made from.

    Raises:
        OutputError: it would replace one.
    """
    target = expanded(out).resolve()
    sources = (recipe.base, recipe.donor, recipe.pretrained, *(each.model for each in recipe.donors))
    for source in (part for each in sources if each for part in parts_of(each)):
        if exists(source) and target in ((folder := expanded(source).resolve()), *folder.parents):
            raise OutputError(f"{out} is or holds {source}, which is merged; choose another folder.")
    asked = recipe.search
    files = (
        (asked.inputs, asked.answers, asked.vision_tower, asked.donor_vision_tower, *asked.donor_answers)
        if asked
        else ()
    )
    for read in (recipe.mapping.file, *files):
        if read and exists(read) and target in (place := expanded(read).resolve(), *place.parents):
            raise OutputError(f"{out} is or holds {read}, which is read; choose another folder.")
