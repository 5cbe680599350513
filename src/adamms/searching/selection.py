"""A search's choice as data: the candidate and everything it was chosen by; `selection.json` is this."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from adamms.errors import SearchError
from adamms.responses.candidates import ALPHA, BY_ALPHA, SearchAxis, value_in
from adamms.searching.certainty import Certainty
from adamms.searching.side_by_side import SignalScores


@dataclass(frozen=True)
class CandidateScore:
    """One alpha and how consistent its answers are; None where it is not scored or has no such neighbour."""

    alpha: float
    differences: float | None
    previous: float | None
    next: float | None
    disqualified: str | None
    distinct: int
    """How many different answers it gives."""

    def to_json(self, axis: SearchAxis) -> dict[str, Any]:
        """An entry of `candidates` in `selection.json`."""
        scores = {key: value for key, value in vars(self).items() if key != ALPHA}
        return {**axis.key(self.alpha), **scores}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "CandidateScore":
        """Read an entry back."""
        scores = {key: value for key, value in data.items() if key not in (ALPHA, "setting", "value")}
        return cls(value_in(data), **{"distinct": 0, **scores})


@dataclass(frozen=True)
class Repeats:
    """How often each alpha is chosen on random subsets of the inputs."""

    count: int
    """Draws."""
    size: int
    """Inputs a draw."""
    wins: Mapping[float, int]
    """Alpha -> draws in which it is chosen; every candidate is there."""

    def to_json(self) -> dict[str, Any]:
        """The entry `repeats` of `selection.json`."""
        by_name = {f"{alpha:g}": count for alpha, count in self.wins.items()}
        return {"count": self.count, "size": self.size, "wins": by_name}


@dataclass(frozen=True)
class Reading:
    """What a search read, where candidates were judged without letting them answer."""

    inputs: int
    """On which the parents' answers were read; the chosen candidate answered them, too."""
    candidates: tuple[float, ...]
    """Those that read them; the others could no longer win, by the shape of the scores."""
    estimates: tuple[tuple[float, float], ...] = ()
    """The others, and what they would score by that shape."""

    def to_json(self) -> dict[str, Any]:
        """The entry `reading` of `selection.json`."""
        estimates = [{ALPHA: alpha, "score": score} for alpha, score in self.estimates]
        return {"inputs": self.inputs, "candidates": list(self.candidates), "estimates": estimates}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Reading":
        """Read the entry back."""
        estimates = tuple((float(entry[ALPHA]), float(entry["score"])) for entry in data.get("estimates", ()))
        return cls(int(data["inputs"]), tuple(map(float, data["candidates"])), estimates)


@dataclass(frozen=True, repr=False)
class Selection:
    """The chosen alpha and everything it was chosen by; `selection.json` is this."""

    rule: str
    metric: str
    samples: int
    """Inputs compared."""
    seed: int | None
    candidates: tuple[CandidateScore, ...]
    selected: float
    tied: tuple[float, ...]
    """All alphas at the optimum, the selected one first; empty when there is only one."""
    fold_case: bool = False
    strip: bool = True
    ends: str | None = None
    notes: tuple[str, ...] = ()
    gated: bool = False
    """Whether the base was to be left only for a gain beyond its paired noise."""
    signals: tuple[SignalScores, ...] = ()
    """Every signal side by side, whichever chose."""
    repeats: Repeats | None = None
    reading: Reading | None = None
    """What was read instead of generated; None where every candidate answered everything."""
    axis: SearchAxis = BY_ALPHA
    """What the candidates differ in, and whether the base is one of them."""
    base_score: float | None = None
    """What the rule gives the base alone, where it is no candidate and the rule can score it by itself."""
    certainty: Certainty | None = None
    """How sure the choice is."""
    fallback: str | None = None
    """Why another rule than the one asked for chose, as a sentence, or None."""
    verdict: str = ""
    """The choice in a sentence or a few."""

    @property
    def setting(self) -> str:
        """What the candidates differ in."""
        return self.axis.setting

    @property
    def brief(self) -> str:
        """The choice in a few words."""
        sure = "" if self.certainty is None else f", {self.certainty.verdict}"
        return (
            f"{self.setting} = {self.selected:g} by {self.rule}{sure}; {len(self.candidates)} candidates, "
            f"{self.samples} inputs"
        )

    def __repr__(self) -> str:
        return f"Selection({self.brief})"

    def signal(self, name: str) -> SignalScores | None:
        """What one signal says."""
        return next((scores for scores in self.signals if scores.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """The contents of `selection.json`."""
        data: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        axis = data.pop("axis")
        data["candidates"] = [
            {
                **axis.key(candidate.alpha),
                **{key: value for key, value in vars(candidate).items() if key != ALPHA},
            }
            for candidate in self.candidates
        ]
        data["signals"] = [scores.to_json(axis) for scores in self.signals]
        del data["certainty"]
        data |= {} if self.certainty is None else self.certainty.to_json()
        data["repeats"] = None if self.repeats is None else self.repeats.to_json()
        if self.reading is None:
            del data["reading"]
        else:
            data["reading"] = self.reading.to_json()
        if axis.setting != ALPHA:
            data["setting"] = axis.setting
        # That there is such a score, or null, says that the base is no candidate.
        if not axis.base_apart:
            del data["base_score"]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Selection":
        """Read `selection.json` back.

        Raises:
            SearchError: it is not one.
        """
        try:
            known = {key: data[key] for key in cls.__dataclass_fields__ if key in data}
            known["axis"] = SearchAxis(data.get("setting", ALPHA), base_apart="base_score" in data)
            known["candidates"] = tuple(map(CandidateScore.from_json, data["candidates"]))
            if data["selected"] not in {candidate.alpha for candidate in known["candidates"]}:
                raise ValueError(f"the one selected, {data['selected']!r}, is no candidate")
            known["tied"] = tuple(data["tied"])
            known["notes"] = tuple(data.get("notes", ()))
            known["signals"] = tuple(map(SignalScores.from_json, data.get("signals", ())))
            known["certainty"] = Certainty.from_json(data)
            known["repeats"] = _repeats_from(data.get("repeats"))
            known["reading"] = Reading.from_json(data["reading"]) if data.get("reading") else None
            return cls(**known)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise SearchError(f"This is not a selection.json: {error}.") from None


def _repeats_from(data: Any) -> Repeats | None:
    if data is None:
        return None
    by_alpha = {float(alpha): int(count) for alpha, count in data["wins"].items()}
    return Repeats(int(data["count"]), int(data["size"]), by_alpha)


def is_base(selection: Selection) -> bool:
    """Whether the choice is not to merge."""
    return selection.axis.has_base and selection.selected == 0
