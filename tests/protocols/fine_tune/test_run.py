"""A run of fine-tuning, from the command line to its record, and what bad input gets before anything is spent."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tta_bench.cli import cli, main
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import read_checkpoint, save_checkpoint
from tta_bench.records.store import load_records

SMALL = ("backbone=videomaev2_vit_tiny", "weights=none", "train.batch=4", "train.steps=2", "train.views=1")
SMALL += ("eval.segments=1", "eval.crops=1", "clip.size=16", "clip.frames=4", "runtime.workers=0")

Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset in UCF101's layout, made once; nobody changes it."""
    return generate_ucf101_sample(
        tmp_path_factory.mktemp("made") / "ucf101",
        SampleSettings(groups=2, test_groups=1, clips=1, frames=12, width=32, height=24),
    )


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return shutil.copytree(made, tmp_path / "ucf101")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the main job as the command line does; return its exit code and everything that it printed."""

    def run(root: Path, *words: str) -> tuple[int, str]:
        capfd.readouterr()
        handler, code = signal.getsignal(signal.SIGTERM), 0
        try:
            main(job(root, *words))
        except SystemExit as stop:
            code = int(stop.code or 0)
        finally:
            signal.signal(signal.SIGTERM, handler)
        return code, "".join(capfd.readouterr())

    return run


def job(root: Path, *words: str) -> list[str]:
    """The main job on a folder, made small where the words do not say otherwise."""
    keys = {word.partition("=")[0] for word in words}
    small = [word for word in SMALL if word.partition("=")[0] not in keys]
    return ["run", "protocol=ucf101_ft", f"data.root={root}", *small, *words, "--work-dir", str(root.parent / "runs")]


def runs(root: Path) -> list[str]:
    """Files that a run left, other than the cached counts of frames."""
    folder = root.parent / "runs"
    return sorted(path.name for path in folder.iterdir() if path.name != "manifests") if folder.exists() else []


def test_the_small_run_works_and_its_record_is_true(run: Run, root: Path) -> None:
    code, said = run(root, "runtime.workers=1")
    assert code == 0, said
    (record,) = load_records(root.parent / "runs/records")
    assert (record.status, record.n_scored, record.identity.tier) == ("success", 8, "full")
    assert str(root) not in json.dumps(record.model_dump(mode="json"))
    code, said = run(root)
    assert code == 0
    assert "done before" in said


def test_all_that_is_missing_is_said_at_once(run: Run, root: Path) -> None:
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


def test_a_missing_root_shows_the_layout(run: Run, tmp_path: Path) -> None:
    code, said = run(tmp_path / "nowhere")
    assert code == 2
    assert "nowhere does not exist" in said
    assert "UCF-101" in said
    assert "Traceback" not in said


def test_an_unreadable_test_clip_makes_the_split_unscorable(run: Run, root: Path) -> None:
    (root / "UCF-101/MoveUp/v_MoveUp_g01_c01.avi").write_bytes(b"")
    (root / "UCF-101/ZoomIn/v_ZoomIn_g01_c01.avi").write_bytes(b"not a video" * 50)
    code, said = run(root)
    assert code == 2
    assert "2 of the 8 test clips cannot be read" in said
    assert "v_MoveUp_g01_c01 (" in said
    assert "v_ZoomIn_g01_c01 (Invalid data found" in said
    assert not runs(root)


def test_an_unreadable_training_clip_is_left_out_and_counted(run: Run, root: Path) -> None:
    (root / "UCF-101/MoveUp/v_MoveUp_g02_c01.avi").write_bytes(b"not a video" * 50)
    code, said = run(root)
    assert code == 0, said
    assert "1 of the 8 training clips cannot be read (12.5%); left out: v_MoveUp_g02_c01" in said
    (record,) = load_records(root.parent / "runs/records")
    assert (record.excluded.count, record.excluded.names) == (1, ("v_MoveUp_g02_c01",))


def test_a_loss_that_is_no_number_stops_the_run_and_says_where(run: Run, root: Path) -> None:
    code, said = run(root, "train.lr=1e30", "train.steps=8")
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


def test_a_dry_run_prints_the_plan_and_trains_nothing(run: Run, root: Path) -> None:
    code, said = run(root, "--dry-run")
    assert code == 0, said
    assert "8 training and 8 test clips" in said
    assert "2 steps" in said
    assert not (root.parent / "runs/records").exists()


def test_a_fine_tuned_checkpoint_can_be_tested(run: Run, root: Path) -> None:
    assert run(root)[0] == 0
    (checkpoint,) = (root.parent / "runs").glob("*/checkpoint.pt")
    trained = load_records(root.parent / "runs/records")[0]
    code, said = run(root, "phase=test", f"weights={checkpoint}")
    assert code == 0, said
    tested = next(r for r in load_records(root.parent / "runs/records") if r.identity.weights is not None)
    assert tested.metrics == trained.metrics
    assert [phase.name for phase in tested.phases] == ["test"]


def test_only_training_leaves_a_checkpoint_and_no_record(run: Run, root: Path) -> None:
    code, said = run(root, "phase=train")
    assert code == 0, said
    assert not load_records(root.parent / "runs/records")
    code, said = run(root, "phase=test")
    assert code == 0, said
    assert load_records(root.parent / "runs/records")[0].status == "success"


def test_a_folder_of_ones_own_videos_runs(run: Run, root: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    for clip in sorted(root.glob("UCF-101/Move*/*.avi")):
        target = own / ("test" if "_g01_" in clip.name else "train") / clip.parent.name / clip.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(clip.read_bytes())
    code, said = run(own, "dataset=folder")
    assert code == 0, said
    (record,) = load_records(tmp_path / "runs/records")
    assert (record.identity.dataset.name, record.n_scored, record.identity.standard) == ("folder", 4, False)
    assert set(record.per_class) == {"MoveDown", "MoveLeft", "MoveRight", "MoveUp"}


def test_a_csv_of_ones_own_videos_runs(run: Run, root: Path, tmp_path: Path) -> None:
    lines = ["path,label,split,group"]
    for clip in sorted(root.glob("UCF-101/Zoom*/*.avi")):
        split = "test" if "_g01_" in clip.name else "train"
        lines.append(f"{clip.relative_to(tmp_path)},{clip.parent.name},{split},tape1")
    (tmp_path / "clips.csv").write_text("\n".join(lines) + "\n")
    code, said = run(tmp_path / "clips.csv", "dataset=csv", "train.batch=2")
    assert code == 0, said
    (record,) = load_records(tmp_path / "runs/records")
    assert (record.n_scored, record.metrics["top1"].n_groups) == (2, 1)


def test_a_run_that_was_not_finished_is_not_tested(run: Run, root: Path) -> None:
    assert run(root, "phase=train")[0] == 0
    (path,) = (root.parent / "runs").glob("*/checkpoint.pt")
    save_checkpoint(path, dict(read_checkpoint(path)) | {"step": 1})
    code, said = run(root, "phase=test")
    assert code == 2
    assert "is of step 1 of 2" in said
