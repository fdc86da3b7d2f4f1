"""Forged and damaged submissions, tried on ``verify``: what is found, which word the others carry, which would rank.

Each forgery changes one of some good records as a submitter could. The table and the counts are printed; what is not
found stands in docs/trust.md.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner
from tabulate import tabulate

from tests.records.some_intensities import some_intensities, some_truth, write_reaction
from tests.records.some_keys import needs_ssh_keygen, some_key, trust
from tests.records.some_official import listed_predictions, official_list
from tests.records.some_records import some_environment, some_identity, some_record, write_success
from tests.records.test_official import sample_pairs
from tta_bench.boards.collect import collect_entries
from tta_bench.boards.rows import sort_into_sections
from tta_bench.cli import cli
from tta_bench.config.resolve import resolve
from tta_bench.errors import BenchError
from tta_bench.experiments.base import NUMERICS_VERSION, protocol_hash
from tta_bench.experiments.kinds import protocol_card
from tta_bench.records.attest import attest, attestation_file, statement_of
from tta_bench.records.files import write_predictions
from tta_bench.records.identity import DatasetRef, Identity, ProtocolRef
from tta_bench.records.intensities import Intensities
from tta_bench.records.predictions import Predictions
from tta_bench.records.run_keys import possible_run_keys
from tta_bench.records.schema import FileRef, Record
from tta_bench.records.store import content_sha256, read_record, record_name, write_record
from tta_bench.records.verify import Word, judge
from tta_bench.utils.keyed_random import generator

pytestmark = [pytest.mark.acceptance, needs_ssh_keygen]


MEASURED: dict[str, Any] = {
    "resolved": resolve(["protocol=hmdb51_ft", "backbone=resnet50", "weights=none"])[0].settings(),
    "environment": some_environment().model_copy(update={"numerics": NUMERICS_VERSION}),
}
"""Settings and software of every record, as this version measures."""


class Stage(NamedTuple):
    """Good records, to be forged."""

    folder: Path
    """Folder of the records."""
    full: Path
    """HMDB51, with full predictions."""
    other: Path
    """HMDB51 by another backbone."""
    hidden: Path
    """Hume-Reaction, without labels."""
    sample: Path
    """The sample of UCF101."""
    keys: Path
    """Folder of a maintainer's key ``ann`` and a stranger's ``eve``."""


class Forged(NamedTuple):
    """Result of one forgery."""

    name: str
    found: bool
    by_ci: bool
    word: Word | None
    ranks: bool
    said: str


@cache
def predictions_of(dataset: str, accuracy: float, salt: str) -> Predictions:
    """Return predictions of an official test list."""
    pairs = sample_pairs(dataset) if dataset.endswith("_sample") else official_list(dataset)
    return listed_predictions(pairs, accuracy, salt, dataset)


def identity_of(dataset: str, backbone: str, **changes: Any) -> Identity:
    """Return the identity of a run with the key that it has."""
    card = protocol_card("ucf101_ft" if dataset.startswith("ucf101") else "hmdb51_ft")
    usual = {
        "protocol": ProtocolRef(name=card.name, version=card.version, sha256=protocol_hash(card), score="top1"),
        "dataset": DatasetRef(name=dataset, manifest_sha256="0" * 64, splits=("1",)),
        "tier": "sample" if dataset.endswith("_sample") else "full",
        "backbone": backbone,
    }
    draft = some_record(identity=some_identity(**(usual | changes)), **MEASURED)
    (key,) = possible_run_keys(draft)
    return draft.identity.model_copy(update={"run_key": key})


def put(folder: Path, predictions: Predictions, identity: Identity, *, kept: bool = True, **changes: Any) -> Path:
    return write_success(folder, predictions, keep_predictions=kept, identity=identity, **(MEASURED | changes))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good records, boards and keys, of which each forgery gets a copy."""
    root = tmp_path_factory.mktemp("good")
    folder, keys = root / "leaderboards" / "records", root / "keys"
    for name in ("ann", "eve"):
        some_key(keys, name)
    (root / "leaderboards" / "published").mkdir(parents=True)
    trust(root / "leaderboards" / "maintainers", keys / "ann")
    put(folder, predictions_of("hmdb51", 0.6, "full"), identity_of("hmdb51", "resnet50"))
    put(folder, predictions_of("hmdb51", 0.8, "other"), identity_of("hmdb51", "resnet18"))
    write_reaction(folder, some_intensities(), hidden=True)
    put(folder, predictions_of("ucf101_sample", 0.5, "sample"), identity_of("ucf101_sample", "resnet50"))
    return root


@pytest.fixture
def stage(good: Path, tmp_path: Path) -> Stage:
    shutil.copytree(good, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "leaderboards" / "records"
    named = ("hmdb51_ft__resnet50", "hmdb51_ft__resnet18", "abaw_eri", "ucf101_ft")
    return Stage(folder, *(next(folder.glob(f"{name}*.json")) for name in named), tmp_path / "keys")


def reseal(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Change a record's JSON and compute its digest again."""
    data = json.loads(path.read_text())
    change(data)
    data["content_sha256"] = content_sha256(data)
    path.write_text(json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    return path


def edited(path: Path, **changes: Any) -> Path:
    """Change fields of a record and write it anew."""
    return write_record(read_record(path).model_copy(update={"content_sha256": None} | changes), path.parent)


def of_top1(path: Path, **changes: float) -> Path:
    record = read_record(path)
    return edited(path, metrics={**record.metrics, "top1": record.metrics["top1"].model_copy(update=changes)})


def loaded(path: Path) -> tuple[Record, Predictions]:
    from tta_bench.records.files import read_predictions

    record = read_record(path)
    assert record.predictions is not None
    predictions = read_predictions(path.parent / record.predictions.name)
    assert isinstance(predictions, Predictions)
    return record, predictions


def remade(path: Path, change: Callable[[Predictions], Predictions], *, kept: bool = True, **changes: Any) -> Path:
    """Change predictions and compute every figure and digest of their record again, as the suite itself would."""
    record, predictions = loaded(path)
    return put(path.parent, change(predictions), record.identity, kept=kept, **changes)


def all_right(predictions: Predictions) -> Predictions:
    scores = predictions.scores.astype(np.float32).copy()
    scores[np.arange(len(scores)), predictions.labels] += 2 * (np.arange(len(scores)) % 50 > 0)
    return replace(predictions, scores=scores)


def part(predictions: Predictions, keep: Any) -> Predictions:
    fields = {name: value for name, value in vars(predictions).items() if value is not None}
    return Predictions(**{name: value if name == "classes" else value[keep] for name, value in fields.items()})


def hits(predictions: Predictions) -> Any:
    return predictions.scores.argmax(1) == predictions.labels


def invented_ranks(stage: Stage) -> Path:
    return remade(stage.full, all_right, kept=False)


def invented_ranks_of_the_sample(stage: Stage) -> Path:
    return remade(stage.sample, all_right, kept=False)


def invented_scores(stage: Stage) -> Path:
    return remade(stage.full, all_right)


def figure_edited(stage: Stage) -> Path:
    text = stage.full.read_text()
    stage.full.write_text(re.sub(r'("top1": \{[^}]*"value": 0\.)\d', r"\g<1>9", text))
    return stage.full


def figure_edited_and_digest_recomputed(stage: Stage) -> Path:
    return of_top1(stage.full, value=0.99)


def edited_within_the_printed_digits(stage: Stage) -> Path:
    return of_top1(stage.full, value=read_record(stage.full).metrics["top1"].value + 4e-5)


def edited_within_the_tolerance(stage: Stage) -> Path:
    return of_top1(stage.full, value=read_record(stage.full).metrics["top1"].value + 4e-13)


def interval_narrowed(stage: Stage) -> Path:
    return of_top1(stage.full, low=read_record(stage.full).metrics["top1"].value - 1e-3)


def figure_of_a_class_edited(stage: Stage) -> Path:
    record = read_record(stage.full)
    return edited(stage.full, per_class={**record.per_class, next(iter(record.per_class)): 1.0})


def records_swapped(stage: Stage) -> Path:
    a, b = stage.full.read_bytes(), stage.other.read_bytes()
    stage.full.write_bytes(b)
    stage.other.write_bytes(a)
    return stage.full


def run_key_copied(stage: Stage) -> Path:
    key = read_record(stage.other).identity.run_key
    identity = identity_of("hmdb51", "efficientnet_b0").model_copy(update={"run_key": key})
    return put(stage.folder, predictions_of("hmdb51", 0.7, "copied"), identity)


def run_key_invented_under_another_version(stage: Stage) -> Path:
    identity = identity_of("hmdb51", "efficientnet_b0").model_copy(update={"run_key": "a" * 64})
    return put(stage.folder, predictions_of("hmdb51", 0.7, "invented"), identity, environment=some_environment())


def run_key_invented(stage: Stage) -> Path:
    identity = identity_of("hmdb51", "efficientnet_b0").model_copy(update={"run_key": "a" * 64})
    return put(stage.folder, predictions_of("hmdb51", 0.7, "invented"), identity)


def labels_permuted(stage: Stage) -> Path:
    return remade(stage.full, lambda p: replace(p, labels=p.scores.argmax(1).astype(np.int64)))


def one_label_changed(stage: Stage) -> Path:
    def change(predictions: Predictions) -> Predictions:
        labels, wrong = predictions.labels.copy(), int(np.flatnonzero(~hits(predictions))[0])
        labels[wrong] = predictions.scores[wrong].argmax()
        return replace(predictions, labels=labels)

    return remade(stage.full, change)


def classes_renamed(stage: Stage) -> Path:
    return remade(stage.full, lambda p: replace(p, classes=(*p.classes[1:], p.classes[0])))


def a_group_for_each_clip(stage: Stage) -> Path:
    return remade(stage.full, lambda p: replace(p, groups=p.ids))


def wrong_clips_left_out(stage: Stage) -> Path:
    return remade(stage.full, lambda p: part(p, hits(p)))


def easy_clips_added(stage: Stage) -> Path:
    def change(predictions: Predictions) -> Predictions:
        places = [*range(len(predictions.ids)), *np.flatnonzero(hits(predictions))[:500]]
        more = part(predictions, places)
        names = [f"{name}x" if at >= len(predictions.ids) else name for at, name in enumerate(more.ids.tolist())]
        return replace(more, ids=np.array(names))

    return remade(stage.full, change)


def predictions_of_another_experiment(stage: Stage) -> Path:
    return put(stage.folder, loaded(stage.other)[1], identity_of("hmdb51", "efficientnet_b0"))


def the_same_with_noise(stage: Stage) -> Path:
    scores = loaded(stage.other)[1].scores.astype(np.float32)
    noisy = scores + generator("noise").uniform(-1e-5, 1e-5, scores.shape).astype(np.float32)
    return put(stage.folder, replace(loaded(stage.other)[1], scores=noisy), identity_of("hmdb51", "efficientnet_b0"))


def the_same_on_another_scale(stage: Stage) -> Path:
    other = loaded(stage.other)[1]
    squared = replace(other, scores=3 * other.scores.astype(np.float32) + 1)
    return put(stage.folder, squared, identity_of("hmdb51", "efficientnet_b0"))


def predictions_of_an_experiment_that_is_not_here(stage: Stage) -> Path:
    return put(stage.folder, predictions_of("hmdb51", 0.9, "secret"), identity_of("hmdb51", "efficientnet_b0"))


def outcomes_of_another_experiment(stage: Stage) -> Path:
    return edited(stage.full, outcomes=read_record(stage.other).outcomes, predictions=None)


def files_of_another_seed_renamed(stage: Stage) -> Path:
    identity = identity_of("hmdb51", "resnet18", seed=1)
    return put(stage.folder, loaded(stage.other)[1], identity)


def predictions_replaced(stage: Stage) -> Path:
    record = read_record(stage.full)
    other = read_record(stage.other)
    assert record.predictions is not None
    assert other.predictions is not None
    (stage.folder / record.predictions.name).write_bytes((stage.folder / other.predictions.name).read_bytes())
    return stage.full


def predictions_edited_at_exit(stage: Stage) -> Path:
    record, predictions = loaded(stage.full)
    assert record.predictions is not None
    ref = write_predictions(stage.folder / "x.npz", all_right(predictions))
    (stage.folder / ref.name).replace(stage.folder / record.predictions.name)
    return stage.full


def predictions_and_digest_edited_at_exit(stage: Stage) -> Path:
    record, predictions = loaded(stage.full)
    stem = record_name(record.identity)
    ref = write_predictions(stage.folder / f"{stem}.predictions.npz", all_right(predictions))
    return edited(stage.full, predictions=ref)


def everything_edited_at_exit(stage: Stage) -> Path:
    return remade(stage.full, all_right)


def checkpoint_of_another_experiment(stage: Stage) -> Path:
    return put(stage.folder, predictions_of("hmdb51", 0.85, "seed 0"), identity_of("hmdb51", "resnet18", seed=2))


def features_of_other_files(stage: Stage) -> Path:
    return remade(stage.full, lambda p: part(predictions_of("hmdb51", 0.95, "easy clips"), slice(None)))


def name_of_another_records_file(stage: Stage) -> Path:
    return edited(stage.full, predictions=FileRef(name=stage.other.name, sha256="a" * 64))


def name_that_leads_out(stage: Stage) -> Path:
    return reseal(stage.full, lambda data: data["predictions"].update(name="../../keys/ann"))


def hostile_text(stage: Stage) -> Path:
    return reseal(stage.full, lambda data: data["environment"].update(device="\x1b]0;owned\x07\x1b[2J"))


def hostile_class(stage: Stage) -> Path:
    def change(predictions: Predictions) -> Predictions:
        return replace(predictions, classes=("\x1b[31mA", *predictions.classes[1:]))

    return remade(stage.full, change)


def key_given_twice(stage: Stage) -> Path:
    text = stage.full.read_text()
    stage.full.write_text(text.replace('"seed": 0,', '"seed": 0, "seed": 0,', 1))
    return stage.full


def impossible_date(stage: Stage) -> Path:
    return reseal(stage.full, lambda data: data.update(heartbeat="2026-99-99T10:00:00Z"))


def finished_before_it_began(stage: Stage) -> Path:
    return edited(stage.full, created="2026-11-30T10:00:00Z")


def finished_in_the_future(stage: Stage) -> Path:
    return edited(stage.full, finished="2999-11-30T10:00:00Z")


def reaction_edited(stage: Stage) -> Path:
    record = read_record(stage.hidden)
    better = record.metrics["pearson"].model_copy(update={"value": 0.62, "low": 0.6, "high": 0.64})
    return edited(stage.hidden, metrics={"pearson": better})


def reaction_with_invented_labels(stage: Stage) -> Path:
    predictions = some_intensities(0.01, truth=some_truth())
    return write_reaction(stage.folder, predictions, backbone="egemaps")


def sample_called_full(stage: Stage) -> Path:
    identity = identity_of("ucf101_sample", "resnet18", tier="full")
    return put(stage.folder, predictions_of("ucf101_sample", 0.9, "called full"), identity)


def locked_key_changed(stage: Stage) -> Path:
    return edited(stage.full, given=("protocol=ucf101_ft", "data.root=<data.root>", "eval.segments=10"))


def bomb(stage: Stage) -> Path:
    record = read_record(stage.full)
    assert record.outcomes is not None
    path = stage.folder / record.outcomes.name
    np.savez_compressed(path, keys=np.zeros(90_000_000, np.uint64))
    from tta_bench.utils.files import sha256_of

    return edited(stage.full, predictions=None, outcomes=record.outcomes.model_copy(update={"sha256": sha256_of(path)}))


def same_run_of_another_party(stage: Stage) -> Path:
    record, predictions = loaded(stage.full)
    return put(stage.folder, predictions, record.identity, party="other-lab")


def other_data_claimed(stage: Stage) -> Path:
    identity = read_record(stage.full).identity
    data = identity.dataset.model_copy(update={"manifest_sha256": "d" * 64})
    return edited(stage.full, identity=identity.model_copy(update={"dataset": data}))


def other_data_claimed_with_their_run_key(stage: Stage) -> Path:
    put(stage.folder, predictions_of("hmdb51", 0.7, "third"), identity_of("hmdb51", "efficientnet_b0"))
    draft = identity_of("hmdb51", "resnet18", seed=1)
    data = draft.dataset.model_copy(update={"manifest_sha256": "d" * 64})
    lie = some_record(identity=draft.model_copy(update={"dataset": data}), **MEASURED)
    (key,) = possible_run_keys(lie)
    return put(stage.folder, predictions_of("hmdb51", 0.9, "lie"), lie.identity.model_copy(update={"run_key": key}))


def signed(path: Path, key: Path, **changes: Any) -> Path:
    record = read_record(path)
    attest(record, path, statement_of(record, "retested", "0.1.0").model_copy(update=changes), key)
    return path


def attested_by_a_stranger(stage: Stage) -> Path:
    return signed(reaction_edited(stage), stage.keys / "eve")


def attestation_of_another_record(stage: Stage) -> Path:
    signed(stage.other, stage.keys / "ann")
    path = reaction_edited(stage)
    attestation_file(path).write_bytes(attestation_file(stage.other).read_bytes())
    return path


def attestation_edited(stage: Stage) -> Path:
    file = attestation_file(signed(stage.full, stage.keys / "ann"))
    file.write_text(file.read_text().replace('"retested"', '"rerun"'))
    return stage.full


def record_edited_after_its_attestation(stage: Stage) -> Path:
    signed(stage.hidden, stage.keys / "ann")
    return reaction_edited(stage)


def attested_after_the_keys_end(stage: Stage) -> Path:
    keys = stage.folder.parent / "maintainers"
    keys.unlink()
    trust(keys, stage.keys / "ann", until="20261101")
    return signed(reaction_edited(stage), stage.keys / "ann")


def backdated_by_a_thief_of_a_key(stage: Stage) -> Path:
    keys = stage.folder.parent / "maintainers"
    keys.unlink()
    trust(keys, stage.keys / "ann", until="20261124")
    return signed(reaction_edited(stage), stage.keys / "ann", date="2026-11-23T10:00:00Z")


FORGERIES: dict[Callable[[Stage], Path], tuple[bool, bool, Word | None, bool]] = {
    invented_ranks: (False, False, "arithmetic", False),
    invented_ranks_of_the_sample: (False, False, "arithmetic", False),
    invented_scores: (False, False, "rescored", True),
    figure_edited: (True, True, "FAILED", False),
    figure_edited_and_digest_recomputed: (True, True, "FAILED", False),
    edited_within_the_printed_digits: (True, True, "FAILED", False),
    edited_within_the_tolerance: (False, False, "rescored", True),
    interval_narrowed: (True, False, "FAILED", True),
    figure_of_a_class_edited: (True, False, "FAILED", True),
    records_swapped: (True, True, "FAILED", False),
    run_key_copied: (True, True, "FAILED", False),
    run_key_invented: (True, True, "FAILED", False),
    run_key_invented_under_another_version: (False, False, "rescored", True),
    labels_permuted: (True, True, "FAILED", False),
    one_label_changed: (True, True, "FAILED", False),
    classes_renamed: (True, True, "FAILED", False),
    a_group_for_each_clip: (True, True, "FAILED", False),
    wrong_clips_left_out: (False, False, "arithmetic", False),
    easy_clips_added: (False, False, "arithmetic", False),
    predictions_of_another_experiment: (True, False, "rescored", True),
    the_same_with_noise: (True, False, "rescored", True),
    the_same_on_another_scale: (True, False, "rescored", True),
    predictions_of_an_experiment_that_is_not_here: (False, False, "rescored", True),
    outcomes_of_another_experiment: (True, True, "FAILED", False),
    files_of_another_seed_renamed: (True, False, "rescored", True),
    predictions_replaced: (True, True, "FAILED", False),
    predictions_edited_at_exit: (True, True, "FAILED", False),
    predictions_and_digest_edited_at_exit: (True, True, "FAILED", False),
    everything_edited_at_exit: (False, False, "rescored", True),
    checkpoint_of_another_experiment: (False, False, "rescored", True),
    features_of_other_files: (False, False, "rescored", True),
    name_of_another_records_file: (True, True, "FAILED", False),
    name_that_leads_out: (True, True, "FAILED", False),
    hostile_text: (True, True, "FAILED", False),
    hostile_class: (True, True, "FAILED", False),
    key_given_twice: (True, True, "FAILED", False),
    impossible_date: (True, True, "FAILED", False),
    finished_before_it_began: (True, True, "FAILED", False),
    finished_in_the_future: (True, True, "FAILED", False),
    reaction_edited: (False, False, "arithmetic", False),
    reaction_with_invented_labels: (False, False, "arithmetic", False),
    sample_called_full: (True, True, "FAILED", False),
    locked_key_changed: (True, True, "FAILED", False),
    bomb: (True, True, "FAILED", False),
    same_run_of_another_party: (True, False, "rescored", True),
    other_data_claimed: (True, True, "FAILED", False),
    other_data_claimed_with_their_run_key: (False, False, "rescored", False),
    attested_by_a_stranger: (True, True, "FAILED", False),
    attestation_of_another_record: (True, True, "FAILED", False),
    attestation_edited: (True, True, "FAILED", False),
    record_edited_after_its_attestation: (True, True, "FAILED", False),
    attested_after_the_keys_end: (True, True, "FAILED", False),
    backdated_by_a_thief_of_a_key: (False, False, "retested", True),
}
"""Each forgery with what comes of it: found by ``verify`` (exit 1), found by ``leaderboard --check``, the word that
it carries, and whether a board would rank it."""


@pytest.fixture(scope="module")
def table() -> Iterator[list[Forged]]:
    rows: list[Forged] = []
    yield rows
    shown = [
        [
            row.name.replace("_", " "),
            *("found" if found else "not found" for found in (row.found, row.by_ci)),
            *(row.word, "yes" if row.ranks else "no"),
        ]
        for row in rows
    ]
    print(
        "\n"
        + tabulate(
            shown, headers=["forgery", "by verify", "by leaderboard --check", "word", "would rank"], tablefmt="github"
        )
    )
    words = {word: sum(row.word == word for row in rows if not row.found) for word in {row.word for row in rows}}
    print(
        f"{len(rows)} forgeries: {sum(row.found for row in rows)} found by verify; "
        f"of the other {sum(not row.found for row in rows)}: "
        + ", ".join(f"{count} {word}" for word, count in words.items() if count)
        + f"; {sum(row.ranks and not row.found for row in rows)} would rank"
    )


def command(*words: object) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it printed."""
    done = CliRunner().invoke(cli, [*map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit | BenchError):
        raise done.exception
    said = done.output + (str(done.exception) if isinstance(done.exception, BenchError) else "")
    return getattr(done.exception, "exit_code", done.exit_code), said


def run_verify(stage: Stage, keys: Path) -> tuple[int, str]:
    """Run the boards' workflow's first command: keys of the base branch, all records of a folder."""
    base = stage.folder.parents[1] / "base"
    (base / "records").mkdir(parents=True, exist_ok=True)
    shutil.copy(keys, base)
    return command("verify", stage.folder, "--maintainers", keys, "--since", base)


def run_check(stage: Stage) -> tuple[int, str]:
    """Run its second command, after the forger rendered the boards as well as that goes."""
    boards = stage.folder.parent
    command("leaderboard", "--boards", boards)
    return command("leaderboard", "--check", "--boards", boards)


def has_rank(stage: Stage, path: Path) -> bool:
    """Return True if a record stands in a row that boards rank."""
    boards = stage.folder.parent
    entries = collect_entries([stage.folder], boards, boards).entries.values()
    rows = [row for listed in entries for row in sort_into_sections(listed).measured]
    return any(Path(entry.link).name == path.name for row in rows for entry in row.entries)


def test_the_records_are_good_before_they_are_forged(stage: Stage) -> None:
    code, said = run_verify(stage, stage.folder.parent / "maintainers")
    assert code == 0, said
    assert said.splitlines()[-1] == "4 records: 3 rescored, 1 arithmetic"
    code, said = run_check(stage)
    assert code == 0, said


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__)
def test_a_forgery(stage: Stage, forgery: Callable[[Stage], Path], table: list[Forged]) -> None:
    path = forgery(stage)
    keys = stage.folder.parent / "maintainers"
    code, said = run_verify(stage, keys)
    assert "Traceback" not in said
    (line,) = (line for line in said.splitlines() if f" {path.name}: " in line)
    word: Any = line.split()[0]
    checked, _ = run_check(stage)
    ranks = has_rank(stage, path)
    table.append(Forged(forgery.__name__, code == 1, checked == 1, word, ranks, said))
    assert (code == 1, checked == 1, word, ranks) == FORGERIES[forgery], said
    if word not in ("FAILED", "retested", "rerun"):
        assert judge(read_record(path), path.parent, maintainers=keys).word == word


def test_the_page_on_trust_shows_this_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "trust.md").read_text(encoding="utf-8")
    said = {True: "found", False: "not found"}
    for forgery, (found, by_ci, word, ranks) in FORGERIES.items():
        name = forgery.__name__.replace("_", " ")
        assert f"| {name} | {said[found]} | {said[by_ci]} | {word} | {'yes' if ranks else 'no'} |" in page.splitlines()
    rows, flowing = list(FORGERIES.values()), " ".join(page.split())
    left = [row for row in rows if not row[0]]
    found, by_ci = (sum(row[column] for row in rows) for column in (0, 1))
    assert f"{len(rows)} forgeries: {found} are found by `verify`, and so by CI;" in flowing
    assert f"`leaderboard --check` finds {by_ci} of them by itself" in flowing
    assert f"Of the other {len(left)}, {sum(row[2] == 'arithmetic' for row in left)} are `arithmetic`" in flowing
    assert f"and {sum(row[3] for row in left)} would rank." in flowing


def test_a_hidden_record_is_found_with_its_labels(stage: Stage) -> None:
    """Whoever has the data finds what arithmetic cannot."""
    path = reaction_edited(stage)
    record = read_record(path)
    assert judge(record, path.parent, truth=some_truth()).word == "FAILED"
    invented = reaction_with_invented_labels(stage)
    other = some_truth(30)
    found = judge(read_record(invented), invented.parent, truth=other)
    assert isinstance(some_intensities(), Intensities)
    assert found.word == "FAILED"
