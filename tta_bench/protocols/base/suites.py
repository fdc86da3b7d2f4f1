"""Suites as work: how far a suite is, how long the rest takes, and its experiments one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tta_bench.cards.suite import SuiteCard
from tta_bench.config.suite import Planned
from tta_bench.errors import BenchError, UserError
from tta_bench.experiments.base import Experiment
from tta_bench.experiments.effort import Counts, Effort, attentive_effort, effort, encoding_name, official_counts
from tta_bench.experiments.probe import AttentiveExperiment, FrozenExperiment
from tta_bench.protocols.base.in_turn import Work
from tta_bench.protocols.base.protocol_run import Findings, ProtocolRun
from tta_bench.records.schema import Record
from tta_bench.records.store import read_record, record_files
from tta_bench.utils.progress import console

Size = Callable[[FrozenExperiment], tuple[int, int]]
"""Width and number of the tokens of a backbone's window."""
_KnownSize = Callable[[FrozenExperiment], tuple[int, int] | None]
_Kind = tuple[str, str, str]


@dataclass(frozen=True)
class State:
    """One experiment of a suite, and what is known of it."""

    planned: Planned
    done: Record | None
    """A finished run of the same settings in the work folder."""
    measured: float | None
    """Seconds that runs of the same protocol, backbone and tier took here; None where there is none."""
    effort: Mapping[str, Effort] | None
    """Work by the name of each piece; None where it cannot be counted."""


class Left(NamedTuple):
    """The rest of a suite."""

    experiments: int
    seconds: float
    """Time of those for which it is known."""
    unknown: int
    """Experiments for which nothing is known."""

    def __str__(self) -> str:
        """Return the rest in words."""
        if not self.experiments:
            return "nothing is left"
        known = f"about {duration(self.seconds)}" if self.unknown < self.experiments else "how long is not known"
        some = f" and {self.unknown} of unknown time" if 0 < self.unknown < self.experiments else ""
        return f"{self.experiments} left, {known}{some}"


def finished_records(folder: Path) -> list[Record]:
    """Return the successful records of a folder; what cannot be read is left out, for `tta-bench verify` names it."""
    found = []
    for path in record_files(folder):
        try:
            record = read_record(path)
        except BenchError:
            continue
        if record.status == "success":
            found.append(record)
    return found


def states(planned: Sequence[Planned], card: SuiteCard, records: Sequence[Record], size: Size | None) -> list[State]:
    """Return the state of each experiment.

    Args:
        planned: The experiments.
        card: The suite.
        records: Finished runs of the work folder.
        size: Measures the tokens of a backbone, for the hours; None where only measured times are asked for.
    """
    alike: dict[_Kind, list[Record]] = {}
    for record in records:
        identity = record.identity
        alike.setdefault((identity.protocol.name, identity.backbone, identity.tier), []).append(record)
    measured: dict[tuple[str, str], tuple[int, int] | None] = {}

    def known_size(experiment: FrozenExperiment) -> tuple[int, int] | None:
        key = (experiment.backbone.name, str(experiment.clip))
        if key not in measured and size is not None:
            try:
                measured[key] = size(experiment)
            except UserError:  # running it says why
                measured[key] = None
        return measured.get(key)

    return [_state(one, card, alike, None if size is None else known_size) for one in planned]


def _state(one: Planned, card: SuiteCard, alike: Mapping[_Kind, list[Record]], size: _KnownSize | None) -> State:
    experiment = one.experiment
    if experiment is None:
        return State(one, None, None, None)
    same = alike.get((experiment.protocol.name, experiment.backbone.name, experiment.tier), [])
    times = [sum(phase.seconds for phase in record.phases) for record in same if record.phases]
    done = next((record for record in same if _is_of(record, experiment)), None)
    return State(one, done, median(times) if times else None, size and _effort(experiment, card, size))


def _is_of(record: Record, experiment: Experiment) -> bool:
    """Return True if a record is of an experiment, as far as words and settings tell; running it tells the rest."""
    identity = record.identity
    weights = "none" if identity.weights is None else identity.weights.name
    settings = {name: value for name, value in experiment.settings().items() if name != "runtime"}
    resolved = {name: value for name, value in record.resolved.items() if name != "runtime"}
    return (
        identity.protocol.version == experiment.protocol.version
        and weights == experiment.weights
        and (identity.seed, identity.control) == (experiment.seed, getattr(_eval(experiment), "control", "none"))
        and identity.dataset.name == experiment.dataset.name
        and identity.split in (str(experiment.split), getattr(_eval(experiment), "split", None))
        and resolved == settings
    )


def _eval(experiment: Experiment) -> object:
    return getattr(experiment, "eval", None)


def _effort(experiment: Experiment, card: SuiteCard, size: _KnownSize) -> Mapping[str, Effort] | None:
    stated = (card.clips or {}).get(experiment.dataset.name)
    clips = official_counts(experiment) or (Counts(*stated) if stated else None)
    if clips is None:
        return None
    counted = effort(experiment, clips)
    if counted is None or not isinstance(experiment, AttentiveExperiment):
        return counted
    if (found := size(experiment)) is None:
        return None
    head = f"heads on the {encoding_name(experiment)}, split {experiment.split}, seed {experiment.seed}"
    return {**counted, head: attentive_effort(experiment, clips, *found)}


def left(known: Sequence[State], card: SuiteCard) -> Left:
    """Return the rest of a suite: of runs like those finished here by their time, of others by multiply-adds."""
    todo = [state for state in known if state.done is None and state.planned.experiment is not None]
    seconds = sum(state.measured for state in todo if state.measured is not None)
    work: dict[str, Effort] = {}
    for state in todo:
        if state.measured is None and state.effort is not None:
            work |= state.effort
    unknown = sum(state.measured is None and state.effort is None for state in todo)
    return Left(len(todo), seconds + computed_seconds(work.values(), card), unknown)


def computed_seconds(work: Iterable[Effort], card: SuiteCard) -> float:
    """Return the seconds of some work by the share of a device's peak, and the speed of reading, that a card states."""
    machine, pieces = card.machine, list(work)
    computing = 2e9 * sum(piece.gmacs for piece in pieces) / (machine.tflops * 1e12 * machine.share)
    return computing + sum(piece.gigabytes for piece in pieces) / machine.read


def duration(seconds: float) -> str:
    """Return a time in words: seconds below two minutes, minutes below two hours, else hours."""
    if seconds < 120:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def table(known: Sequence[State], card: SuiteCard) -> list[list[str]]:
    """Return a row for each protocol, backbone and weights: runs, those done, time of the rest, and its source."""
    groups: dict[tuple[str, str, str], list[State]] = {}
    for state in known:
        experiment = state.planned.experiment
        if experiment is not None:
            key = (experiment.protocol.name, experiment.backbone.name, experiment.weights)
            groups.setdefault(key, []).append(state)
    rows, counted = [], set[str]()
    for key, members in groups.items():
        todo = [state for state in members if state.done is None]
        new = {name: value for state in todo for name, value in (state.effort or {}).items() if name not in counted}
        counted |= new.keys()
        rows.append([*key, str(len(members)), str(len(members) - len(todo)), *_time(todo, new, card)])
    return rows


def _time(todo: Sequence[State], new: Mapping[str, Effort], card: SuiteCard) -> tuple[str, str]:
    """Return the time of experiments that are left, and its source."""
    if not todo:
        return "", "done"
    times = [state.measured for state in todo if state.measured is not None]
    if times:
        return duration(sum(times)), "measured"
    if any(state.effort is not None for state in todo):
        if not new:
            return "little", "the features of a row above serve"
        said = f"computed: {sum(piece.gmacs for piece in new.values()) / 1e6:,.2f} x 10^15 multiply-adds"
        read = sum(piece.gigabytes for piece in new.values())
        return duration(computed_seconds(new.values(), card)), said + (f", {read:,.0f} GB read" if read else "")
    return "?", "not known"


def works(
    planned: Sequence[Planned], start: Callable[[Experiment], ProtocolRun], known: Callable[[], str]
) -> list[Work]:
    """Return the experiments as work, in order.

    Args:
        planned: The experiments.
        start: Returns an experiment ready to run.
        known: Says what is left.
    """
    last = {_shared(one.experiment): index for index, one in enumerate(planned) if one.experiment is not None}
    found: list[Work] = []
    for index, one in enumerate(planned):
        ends = one.experiment is not None and last[_shared(one.experiment)] == index
        found.append((f"[{index + 1}/{len(planned)}] {one.name}", _begin(one, start, known, ends)))
    return found


def _begin(
    one: Planned, start: Callable[[Experiment], ProtocolRun], known: Callable[[], str], ends: bool
) -> Callable[[], ProtocolRun]:
    def begin() -> ProtocolRun:
        if one.error is not None:
            raise one.error
        assert one.experiment is not None
        console.print(known(), style="dim", markup=False)
        ready = start(one.experiment)
        if not isinstance(one.experiment, FrozenExperiment) or one.experiment.features.keep:
            return ready
        ready.tidies = False
        return Last(ready) if ends else ready

    return begin


def _shared(experiment: Experiment | None) -> str:
    return encoding_name(experiment) if isinstance(experiment, FrozenExperiment) else ""


class Last(ProtocolRun):
    """The last of the experiments that share features: it deletes them."""

    def __init__(self, run: ProtocolRun) -> None:
        super().__init__(run.experiment, run.work_dir, run.resume)
        self.inner = run

    def plan(self) -> str:
        """Return the plan of the experiment."""
        return self.inner.plan()

    def run(self) -> list[Record]:
        """Run the experiment, then let it tidy what it and those before it shared."""
        records = self.inner.run()
        self.inner.tidy()
        return records

    def findings(self) -> Findings | None:
        """Return the result of all runs together."""
        return self.inner.findings()


def problems(planned: Iterable[Planned]) -> Iterator[str]:
    """Yield a line for each reason why experiments cannot be had, with their names."""
    named: dict[str, list[str]] = {}
    for one in planned:
        if one.error is not None:
            named.setdefault(one.error.message, []).append(one.name)
    yield from (f"{'; '.join(names)}: {message}" for message, names in named.items())
