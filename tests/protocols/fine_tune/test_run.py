"""Fine-tuning from the command line: what a run leaves, and one clear answer to bad input before anything is spent."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tta_bench.cli import cli, main
from tta_bench.config.resolve import resolve
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.engine.step import StepSettings
from tta_bench.engine.training_state import save_state
from tta_bench.errors import UserError
from tta_bench.experiments.fine_tune import FineTuneExperiment, TrainSettings
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.models.classifier import Classifier
from tta_bench.protocols.fine_tune.run import FineTune
from tta_bench.protocols.fine_tune.step import FineTuneStep
from tta_bench.records.store import load_records

SMALL = ("backbone=videomaev2_vit_tiny", "weights=none", "train.batch=4", "train.steps=2", "train.views=1")
SMALL += ("eval.segments=1", "eval.crops=1", "clip.size=16", "clip.frames=4", "runtime.workers=0")
Command = Callable[..., tuple[int, str]]


def small_dataset(root: Path) -> Path:
    return generate_ucf101_sample(
        root, SampleSettings(groups=2, test_groups=1, clips=1, frames=12, width=32, height=24)
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small dataset in UCF101's layout, to be changed by a test."""
    return small_dataset(tmp_path / "ucf101")


@pytest.fixture(scope="module")
def shared_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same dataset, which no test changes; runs go beside it."""
    return small_dataset(tmp_path_factory.mktemp("data") / "ucf101")


@pytest.fixture(scope="module")
def trained(shared_root: Path) -> Path:
    """Work folder of a training without a test."""
    cli.main(job(shared_root, "phase=train"), standalone_mode=False)
    return shared_root.parent / "runs"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the main job in this process and returns its exit code and output."""

    def call(root: Path, *words: str, work_dir: Path | None = None) -> tuple[int, str]:
        capsys.readouterr()
        code = 0
        try:
            main(job(root, *words, work_dir=work_dir))
        except SystemExit as end:
            code = int(end.code or 0)
        return code, "".join(reversed(capsys.readouterr()))

    return call


def job(root: Path, *words: str, work_dir: Path | None = None) -> list[str]:
    """The main job on a folder, made small where the words do not say otherwise."""
    keys = {word.partition("=")[0] for word in words}
    small = [word for word in SMALL if word.partition("=")[0] not in keys]
    folder = str(work_dir or root.parent / "runs")
    return ["run", "protocol=ucf101_ft", f"data.root={root}", *small, *words, "--work-dir", folder]


def runs(root: Path) -> list[str]:
    """The entries of the work folder, other than the cached check of the clips."""
    folder = root.parent / "runs"
    return sorted(path.name for path in folder.iterdir() if path.name != "manifests") if folder.exists() else []


def test_only_training_leaves_a_checkpoint_and_a_test_of_it_a_record(
    run: Command, shared_root: Path, trained: Path
) -> None:
    assert not load_records(trained / "records")
    (checkpoint,) = trained.glob("*/checkpoint.pt")
    assert read_checkpoint(checkpoint)["classes"][0] == "CircleClockwise"
    assert {path.name for path in checkpoint.parent.iterdir()} == {
        "checkpoint.pt",
        "metrics.jsonl",
        "plan.json",
        "progress.jsonl",
        "run.log",
    }
    code, said = run(shared_root, "phase=test")
    assert code == 0, said
    (record,) = load_records(trained / "records")
    assert (record.status, record.n_scored, record.identity.tier) == ("success", 8, "full")
    assert record.phases[-1].name == "test"
    assert record.resolved["runtime"]["micro_batch"] == 4  # type: ignore[index,call-overload]
    assert str(shared_root) not in json.dumps(record.model_dump(mode="json"))
    code, said = run(shared_root)
    assert code == 0
    assert "done before" in said


def test_a_fine_tuned_checkpoint_is_tested_without_training(
    run: Command, shared_root: Path, trained: Path, tmp_path: Path
) -> None:
    run(shared_root, "phase=test")
    (checkpoint,) = trained.glob("*/checkpoint.pt")
    words = ("phase=test", f"weights={checkpoint}", "limit=8", "train.batch=99")  # fewer clips than a step takes
    code, said = run(shared_root, *words, work_dir=tmp_path / "tested")
    assert code == 0, said
    (tested,) = load_records(tmp_path / "tested/records")
    assert tested.metrics == load_records(trained / "records")[0].metrics
    assert [phase.name for phase in tested.phases] == ["test"]
    assert not list((tmp_path / "tested").glob("ucf101_ft-*"))  # no folder of a training


def test_a_run_that_was_not_finished_is_not_tested(
    run: Command, shared_root: Path, trained: Path, tmp_path: Path
) -> None:
    (path,) = trained.glob("*/checkpoint.pt")
    unfinished = {key: value for key, value in read_checkpoint(path).items() if key != "sha256"} | {"step": 1}
    save_state(tmp_path / path.parent.name / path.name, unfinished)
    code, said = run(shared_root, "phase=test", work_dir=tmp_path)
    assert code == 2
    assert "is of step 1 of 2" in said


def test_never_starts_anew_and_always_measures_again(run: Command, shared_root: Path, trained: Path) -> None:
    run(shared_root, "phase=test")
    (checkpoint,) = trained.glob("*/checkpoint.pt")
    before, content = checkpoint.stat().st_mtime_ns, checkpoint.read_bytes()
    code, said = run(shared_root, "--resume", "always")
    assert code == 0
    assert "preflight" not in said
    assert checkpoint.stat().st_mtime_ns == before
    code, said = run(shared_root, "--resume", "never")
    assert code == 0
    assert "preflight: everything once, and small, before 2 steps" in said
    assert checkpoint.stat().st_mtime_ns > before
    assert checkpoint.read_bytes() == content


def test_all_that_is_missing_is_said_at_once(run: Command, root: Path) -> None:
    (root / "ucfTrainTestlist/classInd.txt").unlink()
    for path in (root / "UCF-101/MoveUp").iterdir():
        path.unlink()
    code, said = run(root)
    assert code == 2
    assert "classInd.txt" in said
    assert "2 of 16 listed clips are missing: " in said
    assert "v_MoveUp_g01_c01.avi" in said
    assert "ucfTrainTestlist\n" in said  # the layout that was expected
    assert not runs(root)


def test_a_missing_root_shows_the_layout(run: Command, tmp_path: Path) -> None:
    code, said = run(tmp_path / "nowhere")
    assert code == 2
    assert "nowhere does not exist" in said
    assert "UCF-101" in said
    assert "Traceback" not in said


def test_an_unreadable_test_clip_makes_the_split_unscorable(run: Command, root: Path) -> None:
    (root / "UCF-101/MoveUp/v_MoveUp_g01_c01.avi").write_bytes(b"")
    (root / "UCF-101/ZoomIn/v_ZoomIn_g01_c01.avi").write_bytes(b"not a video" * 50)
    code, said = run(root)
    assert code == 2
    assert "2 of the 8 test clips cannot be read" in said
    assert "v_MoveUp_g01_c01 (" in said
    assert "v_ZoomIn_g01_c01 (Invalid data found" in said
    assert not runs(root)


def test_an_unreadable_training_clip_is_left_out_and_counted(run: Command, root: Path) -> None:
    (root / "UCF-101/MoveUp/v_MoveUp_g02_c01.avi").write_bytes(b"not a video" * 50)
    code, said = run(root)
    assert code == 0, said
    assert "1 of the 8 training clips cannot be read (12.5%); left out: v_MoveUp_g02_c01" in said
    (record,) = load_records(root.parent / "runs/records")
    assert (record.excluded.count, record.excluded.names) == (1, ("v_MoveUp_g02_c01",))


def test_a_loss_that_is_no_number_stops_the_run_and_says_where(run: Command, root: Path) -> None:
    code, said = run(root, "train.lr=1e6", "train.steps=8")
    assert code == 3
    assert "at step " in said
    assert "Traceback" not in said
    (record,) = load_records(root.parent / "runs/records")
    assert record.status == "error"
    assert record.cause is not None
    assert "at step " in record.cause


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("phase=test",), "nothing to test"),
        (("weights=no_such_weights",), "neither a card, nor a file, nor a run"),
        (("train.batch=9", "limit=4"), "the training list has 4 videos and a step takes 9"),
        (("clip.frames=3",), "takes clips of a multiple of 2 frames, and 3 were asked for"),
        (("precision=fp16",), "precision=fp16 needs a GPU"),
        (("runtime.device=cuda:9",), "runtime.device=cuda:9"),
        (("runtime.device=abacus",), "not a device"),
        (("train.augment.rand_augment=random",), "rand_augment=random"),
        (("split=2",), "unknown split"),
        (("train.mixup=0.8", "train.batch=3"), "pairs of clips"),
    ],
)
def test_wrong_settings_are_answered_before_anything_is_spent(root: Path, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError) as error:
        cli.main(job(root, *words), standalone_mode=False)
    assert message in str(error.value)
    assert not (root.parent / "runs/records").exists()


def test_a_dry_run_prints_the_plan_and_trains_nothing(run: Command, root: Path) -> None:
    code, said = run(root, "--dry-run")
    assert code == 0, said
    assert "8 training and 8 test clips" in said
    assert "2 steps" in said
    assert not (root.parent / "runs/records").exists()


def test_a_folder_of_ones_own_videos_runs(run: Command, root: Path, tmp_path: Path) -> None:
    videos = tmp_path / "own"
    for clip in sorted(root.glob("UCF-101/Move*/*.avi")):
        target = videos / ("test" if "_g01_" in clip.name else "train") / clip.parent.name / clip.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(clip.read_bytes())
    code, said = run(videos, "dataset=folder")
    assert code == 0, said
    (record,) = load_records(tmp_path / "runs/records")
    assert (record.identity.dataset.name, record.n_scored, record.identity.standard) == ("folder", 4, False)
    assert set(record.per_class) == {"MoveDown", "MoveLeft", "MoveRight", "MoveUp"}


def test_a_csv_of_ones_own_videos_runs(run: Command, root: Path, tmp_path: Path) -> None:
    lines = ["path,label,split,group"]
    for clip in sorted(root.glob("UCF-101/Zoom*/*.avi")):
        split = "test" if "_g01_" in clip.name else "train"
        lines.append(f"{clip.relative_to(tmp_path)},{clip.parent.name},{split},tape1")
    (tmp_path / "clips.csv").write_text("\n".join(lines) + "\n")
    code, said = run(tmp_path / "clips.csv", "dataset=csv", "train.batch=2")
    assert code == 0, said
    (record,) = load_records(tmp_path / "runs/records")
    assert (record.n_scored, record.metrics["top1"].n_groups) == (2, 1)


class Frozen(FineTune):
    """A plug-in protocol: the backbone is frozen, and the loss doubled."""

    def build_model(self) -> Classifier:
        classifier = super().build_model()
        classifier.backbone.requires_grad_(False)
        return classifier

    def build_step(self, classifier: Classifier, settings: StepSettings[TrainSettings]) -> FineTuneStep:
        mean, std = self.experiment.backbone.mean, self.experiment.backbone.std
        return Doubled(classifier, settings, mean, std)


class Doubled(FineTuneStep):
    def loss(self, *args):  # type: ignore[no-untyped-def]
        return 2 * super().loss(*args)


def test_a_plugin_protocol_overrides_the_network_and_the_step(shared_root: Path, tmp_path: Path) -> None:
    (experiment,) = resolve(["protocol=ucf101_ft", f"data.root={shared_root}", *SMALL])
    assert isinstance(experiment, FineTuneExperiment)
    losses = []
    for kind, name in ((FineTune, "plain"), (Frozen, "frozen")):
        protocol = kind(experiment, tmp_path / name, "missing")
        before = protocol.build_model().state_dict()
        protocol.run()
        after = read_checkpoint(protocol.folder / "checkpoint.pt")["model"]
        changed = {key.partition(".")[0] for key in before if (before[key] != after[key]).any()}
        assert changed == ({"head"} if kind is Frozen else {"backbone", "head"})
        losses.append(json.loads((protocol.folder / "metrics.jsonl").read_text().splitlines()[0])["loss"])
    assert losses[1] == 2 * losses[0]


def test_a_clip_that_changes_between_preflight_and_test_leaves_no_score(root: Path, tmp_path: Path) -> None:
    (experiment,) = resolve(["protocol=ucf101_ft", f"data.root={root}", *SMALL])
    ready = FineTune(experiment, tmp_path / "runs", "missing")
    one, other = ready.prepared.clips.test[0], ready.prepared.clips.test[1]
    before = one.path.stat()
    one.path.write_bytes(other.path.read_bytes()[: before.st_size].ljust(before.st_size, b"\0"))
    os.utime(one.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(UserError, match=f"1 clip changed while the run went on: {one.id}"):
        ready.run()
    [record] = load_records(tmp_path / "runs" / "records")
    assert (record.status, record.n_scored) == ("error", 0)
    assert one.id in str(record.cause)


def test_the_last_line_says_that_data_are_not_official(root: Path, run: Command, tmp_path: Path) -> None:
    cli.main([*job(root, work_dir=tmp_path / "runs"), "--dry-run"], standalone_mode=False)
    code, said = run(root, work_dir=tmp_path / "runs")
    [record] = load_records(tmp_path / "runs" / "records")
    assert (code, record.identity.standard) == (0, False)
    assert record.identity.dataset.contents_sha256 is not None
    assert f"\nnot standard: {record.identity.dataset.differs}.\n" in said


SHAPE = ("clip.size=32", "clip.frames=2", "train.batch=8")


@pytest.mark.parametrize("micro_batch", [2, 4])
def test_a_micro_batch_that_batch_norm_would_feel_is_refused(
    shared_root: Path, run: Command, tmp_path: Path, micro_batch: int
) -> None:
    words = ("backbone=timm/test_efficientnet", *SHAPE, f"runtime.micro_batch={micro_batch}")
    code, said = run(shared_root, *words, work_dir=tmp_path)
    assert code == 2
    assert f"runtime.micro_batch={micro_batch} would change what batch norm sees" in " ".join(said.split())
    assert not list(tmp_path.glob("records/*"))
    assert not list(tmp_path.glob("*/checkpoint.pt"))


@pytest.mark.parametrize(
    ("backbone", "asked", "expected"),
    [
        ("timm/test_efficientnet", "auto", 4),
        ("timm/test_resnet", "auto", 4),
        ("timm/test_convnext", "auto", 8),
        ("timm/test_convnext", "2", 2),
        ("videomaev2_vit_tiny", "2", 2),
        ("videomaev2_vit_tiny", "auto", 8),
    ],
)
def test_only_batch_norm_is_shown_as_many_clips_as_the_recipe_says(
    shared_root: Path, tmp_path: Path, backbone: str, asked: str, expected: int
) -> None:
    words = (f"backbone={backbone}", *SHAPE, f"runtime.micro_batch={asked}", "train.norm_batch=4")
    taken = [word for word in SMALL if word.partition("=")[0] not in {key.partition("=")[0] for key in words}]
    (experiment,) = resolve(["protocol=ucf101_ft", f"data.root={shared_root}", *taken, *words])
    protocol = FineTune(experiment, tmp_path / "runs", "missing")
    locked = backbone in {"timm/test_efficientnet", "timm/test_resnet"}
    assert protocol.prepared.micro_batch == expected
    assert protocol.prepared.micro_batch_is_auto == (asked == "auto" and not locked)
    assert protocol.build(expected).settings.micro_batch_key == (
        "train.norm_batch" if locked else "runtime.micro_batch"
    )


def test_a_network_with_batch_norm_trains_in_parts_of_the_recipe_and_a_test_is_free(
    shared_root: Path, run: Command, tmp_path: Path
) -> None:
    words = ("backbone=timm/test_efficientnet", *SHAPE, "train.norm_batch=4")
    assert run(shared_root, *words, "phase=train", work_dir=tmp_path)[0] == 0
    (path,) = tmp_path.glob("*/checkpoint.pt")
    assert read_checkpoint(path)["micro_batch"] == 4
    assert run(shared_root, *words, "phase=test", "runtime.micro_batch=2", work_dir=tmp_path)[0] == 0
    [record] = load_records(tmp_path / "records")
    assert record.status == "success"
    assert record.resolved["train"]["norm_batch"] == 4
