from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.some_copies import encode, write_lines
from tests.cli.conftest import Done
from tests.contract.broken import plugin
from tta_bench.data.synthetic.ucf101 import CLASSES, SampleSettings, generate_ucf101_sample
from tta_bench.records.store import load_records

PROTOCOL = """
from tta_bench import PROTOCOLS
from tta_bench.protocols.base.protocol_run import Findings, ProtocolRun

@PROTOCOLS.register_module()
class Mine(ProtocolRun):
    def plan(self): return f"the plan of seed {self.experiment.seed}"
    def run(self): return []
    def findings(self): return Findings(f"# Seed {self.experiment.seed}", {"seed": self.experiment.seed})
"""


def mine(folder: Path, code: str = PROTOCOL) -> Path:
    file = plugin(folder, code, "mine")
    file.with_suffix(".yaml").write_text("_base_: ucf101_ft\nname: mine\ncomponent: Mine\n")
    return file


def test_a_dry_run_prints_the_plan_of_every_run(tmp_path: Path, command: Callable[..., Done]) -> None:
    done = command("run", "protocol=mine", "seed=0,1", "--plugin", mine(tmp_path), "--dry-run")
    assert done.code == 0, done.err
    assert done.out == "the plan of seed 0\nthe plan of seed 1\n"
    assert "runs on the embedded sample ucf101_sample" in done.err.replace("\n", " ")


def test_several_runs_are_announced_and_their_findings_printed(tmp_path: Path, command: Callable[..., Done]) -> None:
    words = ("run", "protocol=mine", "tier=sample", "seed=0,1", "--plugin", mine(tmp_path))
    done = command(*words, "--work-dir", tmp_path / "runs")
    assert done.code == 0, done.err
    assert "split 1, seed 1:" in done.err
    assert "embedded sample" not in done.err
    assert "Seed 0" in done.out
    assert "Seed 1" in done.out


def test_a_submission_is_one_file_of_a_protocol_that_has_such_a_part(
    tmp_path: Path, command: Callable[..., Done]
) -> None:
    words = ("run", "protocol=mine", "--plugin", mine(tmp_path), "--submission", tmp_path / "file.csv")
    done = command(*words, "seed=0,1")
    assert (done.code, "--submission is one file, and 2 runs were asked for" in done.err) == (2, True)
    done = command(*words, "runtime.devices=2")
    assert (done.code, "--submission runs on one process" in done.err) == (2, True)
    done = command(*words)
    assert (done.code, "mine has no test part without labels" in done.err) == (2, True)


def test_a_protocol_that_lacks_a_method_is_named_before_anything_is_spent(
    tmp_path: Path, command: Callable[..., Done]
) -> None:
    code = PROTOCOL.replace("    def run(self): return []\n", "")
    done = command("run", "protocol=mine", "--plugin", mine(tmp_path, code), "--work-dir", tmp_path / "runs")
    assert done.code == 2
    assert "protocol component Mine lacks run()." in done.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("options", "said"), [([], True), (["-q"], False), (["--quiet"], False), (["-v"], True)])
def test_quiet_says_the_result_and_no_more(
    tmp_path: Path, command: Callable[..., Done], options: list[str], said: bool
) -> None:
    words = ("run", "protocol=mine", "tier=sample", "seed=0,1", "--plugin", mine(tmp_path))
    done = command(*words, "--work-dir", tmp_path / "runs", *options)
    assert (done.code, "split 1, seed 1:" in done.err) == (0, said), done.err
    assert "Seed 1" in done.out


@pytest.mark.parametrize("words", [("run", "protocol=ucf101_ft"), ("suite", "sample")])
def test_quiet_and_verbose_exclude_each_other(words: tuple[str, str], command: Callable[..., Done]) -> None:
    done = command(*words, "-q", "-v")
    assert (done.code, "--quiet and --verbose exclude each other" in done.err) == (2, True)


SMALL = ("backbone=timm/test_resnet", "weights=none", "clip.size=32", "clip.frames=2", "train.steps=1", "train.batch=4")
OFFICIAL = ("Archery/v_Archery_g01_c01", "Archery/v_Archery_g01_c02", "Biking/v_Biking_g01_c01")
"""Three clips of the official test list of UCF101."""


def ucf101_copy(root: Path, test: tuple[str, ...] = OFFICIAL) -> Path:
    """Write a small copy of UCF101 in official names: four clips to train on, and a list of three to test on."""
    train = [f"{name}/v_{name}_g08_c0{clip}" for name in ("Archery", "Biking") for clip in (1, 2)]
    for number, entry in enumerate((*train, *test)):
        encode(root / "UCF-101" / f"{entry}.avi", CLASSES[number % 8], number % 5 + 1, 1)
    lists = root / "ucfTrainTestlist"
    write_lines(lists / "classInd.txt", ["1 Archery", "2 Biking"])
    write_lines(lists / "trainlist01.txt", [f"{entry}.avi {1 if 'Arch' in entry else 2}" for entry in train])
    write_lines(lists / "testlist01.txt", [f"{entry}.avi" for entry in test])
    return root


def missing(root: Path) -> str:
    ucf101_copy(root)
    (root / "UCF-101" / f"{OFFICIAL[0]}.avi").unlink()
    return "2 of 3,783 official test clips; 3,781 missing: "


def doubled(root: Path) -> str:
    write_lines(
        ucf101_copy(root) / "ucfTrainTestlist" / "testlist01.txt",
        [f"{entry}.avi" for entry in (*OFFICIAL, OFFICIAL[0])],
    )
    return "; 1 named twice: v_Archery_g01_c01; digest "


def renamed(root: Path) -> str:
    ucf101_copy(root, ("Archery/v_Archery_g99_c01", *OFFICIAL[1:]))
    return "; 1 not official: v_Archery_g99_c01; digest "


def with_another_label(root: Path) -> str:
    ucf101_copy(root, ("Biking/v_Archery_g01_c01", *OFFICIAL[1:]))
    return "; 1 with another label: v_Archery_g01_c01; digest "


def at_several_places(root: Path) -> str:
    ucf101_copy(root)
    (path := root / "UCF-101" / f"{OFFICIAL[0]}.avi").rename(moved := root / path.name)
    encode(root / "old" / path.name, CLASSES[5], 2, 1)
    return (
        f"; 1 found at several places with different bytes: {path.stem}: {moved.name} (also old/{path.name}); digest "
    )


def lists_of_ones_own_with_a_missing_file(root: Path) -> str:
    rows = ["path,label,group,split"]
    for number in range(8):
        name, part = ("pour", "stir")[number % 2], "test" if number < 4 else "train"
        encode(root / f"{number}.avi", CLASSES[number % 8], number % 5 + 1, 1)
        rows.append(f"{number}.avi,{name},g{number},{part}")
    write_lines(root / "clips.csv", rows)
    (root / "1.avi").unlink()
    return "not standard: not all of csv: 1 of 4 listed test clips have no file: 1"


@pytest.mark.parametrize(
    "fault",
    [
        *(pytest.param(fault, marks=pytest.mark.acceptance) for fault in (missing, doubled, renamed)),
        *(with_another_label, at_several_places, lists_of_ones_own_with_a_missing_file),
    ],
)
def test_a_copy_that_differs_runs_and_says_so_in_the_last_line(
    tmp_path: Path, command: Callable[..., Done], fault: Callable[[Path], str]
) -> None:
    words = fault(tmp_path / "copy")
    own = tmp_path / "copy" / "clips.csv"
    data = ("dataset=csv", f"data.root={own}") if own.exists() else (f"data.root={tmp_path / 'copy'}",)
    work = ("--work-dir", tmp_path / "runs")
    done = command("run", "protocol=ucf101_ft", *data, *SMALL, "runtime.workers=0", *work)
    assert done.code == 0, done.err
    (record,) = load_records(tmp_path / "runs" / "records")
    assert (record.status, record.identity.standard) == ("success", False)
    last = done.out.splitlines()[-1]
    assert last.startswith("not standard: ")
    assert words in last
    assert last == f"not standard: {record.identity.dataset.differs}."


def few_clips(root: Path, groups: list[str], *gone: str) -> tuple[str, ...]:
    """Write a list of two classes, six clips of six groups and one for each given group; then remove some files."""
    rows = [f"pour{number}.avi,pour,p{number},{'train' if number < 4 else 'test'}" for number in range(6)]
    rows += [f"stir{number}.avi,stir,{group},train" for number, group in enumerate(groups)]
    for number, row in enumerate(rows):
        encode(root / row.split(",")[0], CLASSES[number % 8], number % 5 + 1, 1)
    write_lines(root / "clips.csv", ["path,label,group,split", *rows])
    for name in gone:
        (root / name).unlink()
    return "dataset=csv", f"data.root={root / 'clips.csv'}"


def few_groups(root: Path) -> tuple[str, ...]:
    settings = SampleSettings(groups=2, test_groups=1, clips=2, frames=4, width=16, height=16)
    return (f"data.root={generate_ucf101_sample(root, settings)}",)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            lambda root: few_clips(root, ["s", "s", "s"]),
            "one group, so 2 shots would show one source: stir. Say train.shots=1.",
        ),
        (few_groups, "all training clips of 8 classes are of one group"),
        (lambda root: few_clips(root, ["s"]), "stir (1). Say at most train.shots=1."),
        (lambda root: few_clips(root, ["s", "t"], "stir1.avi"), "stir (1). Say at most train.shots=1."),
    ],
)
def test_shots_that_classes_do_not_have_are_refused_in_a_line(
    tmp_path: Path, command: Callable[..., Done], data: Callable[[Path], tuple[str, ...]], said: str
) -> None:
    words = (*data(tmp_path / "data"), *SMALL[:4], "train.shots=2", "runtime.workers=0")
    done = command("run", "protocol=ucf101_linear", *words, "--work-dir", tmp_path / "runs")
    assert done.code == 2, done.err
    assert said in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert not list((tmp_path / "runs").glob("records/*"))


@pytest.mark.parametrize("data", [few_groups, lambda root: few_clips(root, ["s", "s"])])
def test_a_grid_for_which_groups_are_too_few_is_refused_and_one_point_runs(
    tmp_path: Path, command: Callable[..., Done], data: Callable[[Path], tuple[str, ...]]
) -> None:
    words = (*data(tmp_path / "data"), *SMALL[:4], "linear.max_iter=5", "runtime.workers=0")
    if data is not few_groups:
        for number in range(6):  # then the first class is of one group too
            lists = tmp_path / "data" / "clips.csv"
            lists.write_text(lists.read_text().replace(f",p{number},train", ",p,train"))
    many = command("run", "protocol=ucf101_linear", *words, "linear.points=4", "--work-dir", tmp_path / "runs")
    assert (many.code, "too few groups to choose a grid point" in " ".join(many.err.split())) == (2, True), many.err
    assert "Traceback" not in many.err
    one = command("run", "protocol=ucf101_linear", *words, "linear.points=1", "--work-dir", tmp_path / "one")
    assert one.code == 0, one.err
    (record,) = load_records(tmp_path / "one" / "records")
    assert record.selection is not None
    assert [point.held_out for point in record.selection.points] == [None]
