from __future__ import annotations

import csv
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tta_bench.cards.catalog import dataset_card
from tta_bench.data.datasets.hume_reaction import EMOTIONS, HumeReaction, ListedReaction
from tta_bench.errors import UserError

Rows = list[dict[str, str]]
IDS = {"train": ("00001", "00002", "00003"), "val": ("10001", "10002"), "test": ("20001", "20002")}
PUBLISHED = {"train": "Train", "val": "Val", "test": "Test"}


def value(id: str, place: int) -> float:
    """A number that tells clip and column."""
    return round(int(id[-1]) / 10 + int(id[0]) / 100 + place / 1000, 4)


def expected(id: str) -> tuple[float, ...]:
    return tuple(value(id, place) for place in range(7))


def abaw5_rows() -> Rows:
    return [
        {"File_ID": f"[{id}]", "Split": PUBLISHED[part]}
        | {name: "" if part == "test" else str(value(id, place)) for place, name in enumerate(EMOTIONS)}
        | {"Age": "30.0", "Country": "South Africa"}
        for part in IDS
        for id in IDS[part]
    ]


def write(file: Path, rows: Rows, columns: Sequence[str] | None = None) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns or list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def touch(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """ABAW5's form, with empty files as clips; the layout opens none."""
    write(tmp_path / "data_info.csv", abaw5_rows())
    for part, ids in IDS.items():
        for id in ids:
            touch(tmp_path / part / "mp4" / f"{id}.mp4")
            touch(tmp_path / part / "wav" / f"{id}.wav")
    return tmp_path


def write_muse(folder: Path) -> Path:
    rows = abaw5_rows()
    write(
        folder / "labels.csv",
        [{name: row[name] or "nan" for name in ("File_ID", *EMOTIONS)} for row in rows],
    )
    words = {"Train": "train", "Val": "devel", "Test": "test"}
    write(folder / "partition.csv", [{"Id": row["File_ID"], "Proposal": words[row["Split"]]} for row in rows])
    for row in rows:
        touch(folder / "feats" / "eGeMAPS" / f"{row['File_ID'][1:-1]}.csv")
    return folder


def test_abaw5s_form(root: Path) -> None:
    dataset = HumeReaction(root)
    assert dataset.targets == EMOTIONS
    train = dataset.part("train")
    assert train[1] == ListedReaction(
        "00002", root / "train/mp4/00002.mp4", root / "train/wav/00002.wav", expected("00002"), None
    )
    assert [clip.id for clip in dataset.part("val")] == ["10001", "10002"]
    assert [clip.targets for clip in dataset.part("val")] == [expected("10001"), expected("10002")]
    assert [clip.targets for clip in dataset.part("test")] == [None, None]
    assert dataset.written_id("00002") == "[00002]"


def test_muses_form_says_the_same(root: Path, tmp_path: Path) -> None:
    for folder in (tmp_path / "muse", tmp_path / "outer" / "c2_muse_reaction"):
        write_muse(folder)
        dataset = HumeReaction(tmp_path / "muse" if folder.name == "muse" else tmp_path / "outer")
        assert dataset.identity() == HumeReaction(root).identity()
        assert [clip.video for clip in dataset.part("train")] == [None] * 3
        found = dataset.features("eGeMAPS", ["00001", "99999"])
        assert found == {"00001": folder / "feats" / "eGeMAPS" / "00001.csv", "99999": None}
        with pytest.raises(UserError, match="eGeMAPS"):
            dataset.features("egemap", ["00001"])
        with pytest.raises(UserError, match="file for none of 1 clips"):
            dataset.features("eGeMAPS", ["99999"])


def test_muses_test_clips_may_stand_in_the_partition_alone(tmp_path: Path) -> None:
    folder = write_muse(tmp_path)
    lines = (folder / "labels.csv").read_text().splitlines()
    (folder / "labels.csv").write_text("\n".join(line for line in lines if not line.startswith("[2")))
    assert [clip.targets for clip in HumeReaction(folder).part("test")] == [None, None]


def test_muses_partition_may_call_its_columns_otherwise(tmp_path: Path) -> None:
    folder = write_muse(tmp_path)
    text = (folder / "partition.csv").read_text()
    (folder / "partition.csv").write_text(text.replace("Id,Proposal", "clip,what"))
    assert HumeReaction(folder).ids("val") == IDS["val"]


@pytest.mark.parametrize("seed", range(3))
def test_rows_columns_and_brackets_come_in_any_order(root: Path, seed: int) -> None:
    plain = HumeReaction(root)
    shuffle = random.Random(seed)
    rows = abaw5_rows()
    columns = list(rows[0])
    shuffle.shuffle(rows)
    shuffle.shuffle(columns)
    for row in rows[::2]:
        row["File_ID"] = row["File_ID"].strip("[]")
    write(root / "data_info.csv", rows, columns)
    assert HumeReaction(root).identity() == plain.identity()
    assert HumeReaction(root).part("train") == plain.part("train")


def test_age_and_country_are_optional_and_subjects_are_groups(root: Path) -> None:
    rows = abaw5_rows()
    for row in rows:
        del row["Age"], row["Country"]
        row["subject"] = f"S{row['File_ID'][5]}"
    write(root / "data_info.csv", rows)
    assert [clip.group for clip in HumeReaction(root).part("train")] == ["S1", "S2", "S3"]


def test_another_challenge_is_other_arguments(root: Path) -> None:
    emotions = ["Joy", "Determination"]
    rows = [
        {"File_ID": f"{id}.mp4", "Split": word, "Joy": "1", "Determination": "0"}
        for id, word in (("a", "learn"), ("b", "judge"))
    ]
    write(root / "data_info.csv", rows)
    dataset = HumeReaction(root, emotions, "{id}", {"train": ["learn"], "val": ["judge"]})
    assert dataset.ids("val") == ("b.mp4",)
    assert dataset.written_id("b.mp4") == "b.mp4"
    with pytest.raises(UserError, match="unknown part 'test'"):
        dataset.part("test")


def test_a_part_goes_on_without_the_clips_that_have_no_file_and_not_without_all(root: Path) -> None:
    for id in IDS["val"]:
        (root / "val/mp4" / f"{id}.mp4").unlink()
        (root / "val/wav" / f"{id}.wav").unlink()
    (root / "train/mp4/00003.mp4").unlink()
    assert [clip.id for clip in HumeReaction(root).part("train")] == ["00001", "00002"]
    assert len(HumeReaction(root).ids("train")) == 3
    with pytest.raises(UserError, match="2 of 2 clips of the part val"):
        HumeReaction(root).part("val")
    assert len(HumeReaction(root).part("test")) == 2


def test_clips_are_found_anywhere_by_their_id(root: Path) -> None:
    (root / "train").rename(root / "elsewhere")
    clips = HumeReaction(root).part("train")
    assert clips[0].video == root / "elsewhere/mp4/00001.mp4"
    assert clips[0].audio == clips[0].video


def test_ready_crops_stand_before_the_video(root: Path) -> None:
    touch(root / "frames/00002/1.jpg")
    clips = HumeReaction(root).part("train")
    assert [clip.video for clip in clips][1:] == [root / "frames/00002", root / "train/mp4/00003.mp4"]
    assert clips[1].audio == root / "train/wav/00002.wav"


def test_ready_crops_alone_may_lack_a_clip(tmp_path: Path) -> None:
    write(tmp_path / "data_info.csv", abaw5_rows())
    for id in ("00001", "00003"):
        touch(tmp_path / "frames" / id / "1.jpg")
    assert [clip.video is None for clip in HumeReaction(tmp_path).part("train")] == [False, True, False]


Change = Callable[[Rows], object]


def with_value(column: str, value: str, row: int = 1) -> Change:
    return lambda rows: rows[row].update({column: value})


def rename(column: str, name: str) -> Change:
    return lambda rows: [row.update({name: row.pop(column)}) for row in rows]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_value("File_ID", "[00001]"), r"1 ids more than once: 00001"),
        (with_value("File_ID", "00001"), r"1 ids more than once: 00001"),
        (with_value("File_ID", ""), r"1 rows without File_ID: line 3"),
        (with_value("Split", "Training"), r"unknown parts: 'Training' in 1 rows \(first 00002\)"),
        (rename("Fear", "Feer"), r"1 columns are missing: Fear; 1 columns are unknown: Feer"),
        (rename("Age", "Joy"), r"1 columns are unknown: Joy"),
        (lambda rows: [row.pop("Disgust") for row in rows], r"1 columns are missing: Disgust\."),
        (rename("Age", "fear"), r"columns more than once: fear"),
        (with_value("Fear", ""), r"empty or NaN values in 1 rows that need all: 00002"),
        (with_value("Fear", "NaN"), r"empty or NaN values in 1 rows that need all: 00002"),
        (with_value("Fear", "0,5"), r"texts that are no numbers in 1 rows: 00002 \('0,5'\)"),
        (with_value("Fear", "57"), r"values outside 0 to 1 in 1 rows: 00002 \(57\)"),
        (with_value("Fear", "-0.1"), r"values outside 0 to 1 in 1 rows: 00002 \(-0.1\)"),
        (with_value("Fear", "inf"), r"values outside 0 to 1 in 1 rows: 00002 \(inf\)"),
        (with_value("Fear", ".5", row=5), r"empty or NaN values in 1 rows that need all: 20001"),
        (lambda rows: rows.__delitem__(slice(1, None)), r"lists no clips of the part val"),
    ],
)
def test_bad_input_is_named(root: Path, change: Change, message: str) -> None:
    rows = abaw5_rows()
    change(rows)
    write(root / "data_info.csv", rows)
    with pytest.raises(UserError, match=message):
        HumeReaction(root).part("val")


def test_a_file_of_the_scale_to_100_is_told_by_its_count(root: Path) -> None:
    rows = abaw5_rows()
    for row in rows[:5]:
        row["Fear"] = "80"
    write(root / "data_info.csv", rows)
    with pytest.raises(UserError, match="in 5 rows: 00001"):
        HumeReaction(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: nothing"),
        ("File_ID,Split\n", "is empty: only its first line"),
        ("File_ID:Split\n[1]:Train\n", r"columns are missing: File_ID, Split"),
        ("File_ID,Split\n[1],Train,0.5\n", "1 lines of another length: line 2"),
        ("\x00\x01", "empty|cannot be read"),
    ],
)
def test_a_file_that_is_no_table(root: Path, text: str, message: str) -> None:
    (root / "data_info.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        HumeReaction(root)


def test_a_folder_without_the_files_shows_what_is_expected(tmp_path: Path) -> None:
    touch(tmp_path / "labels.csv")
    for folder in (tmp_path, tmp_path / "no"):
        with pytest.raises(UserError, match=r"labels.csv|no such folder") as error:
            HumeReaction(folder)
        assert "data_info.csv" in error.value.hint


def test_muses_files_must_name_the_same_clips(tmp_path: Path) -> None:
    folder = write_muse(tmp_path)
    whole = {name: (folder / name).read_text() for name in ("labels.csv", "partition.csv")}
    for name, message in (
        ("labels.csv", r"labels.csv lacks 1 ids of partition.csv: 00002"),
        ("partition.csv", r"partition.csv lacks 1 ids of labels.csv: 00002"),
    ):
        for file, text in whole.items():
            (folder / file).write_text(text)
        (folder / name).write_text("\n".join(line for line in whole[name].splitlines() if "[00002]" not in line))
        with pytest.raises(UserError, match=message):
            HumeReaction(folder)


@pytest.mark.parametrize("name", ["hume_reaction", "hume_reaction_sample"])
def test_the_cards_arguments_are_the_components(root: Path, name: str) -> None:
    card = dataset_card(name)
    assert card.component == "HumeReaction"
    assert HumeReaction(root, **card.arguments).identity() == HumeReaction(root).identity()


@pytest.mark.parametrize("inside", [[], ["Thumbs.db"], ["@eaDir/1.jpg"]])
def test_folders_of_crops_without_images_do_not_hide_the_video(root: Path, inside: list[str]) -> None:
    (root / "frames/00002").mkdir(parents=True)
    for name in inside:
        touch(root / "frames/00002" / name)
    videos = {clip.id: clip.video for clip in HumeReaction(root).part("train")}
    assert videos["00002"] == root / "train/mp4/00002.mp4"


@pytest.mark.parametrize("form", ["{:d}", "{:d}.0"])
def test_ids_that_a_spreadsheet_made_numbers_are_told_with_those_that_are_there(root: Path, form: str) -> None:
    rows = abaw5_rows()
    for row in rows:
        row["File_ID"] = form.format(int(row["File_ID"].strip("[]")))
    write(root / "data_info.csv", rows)
    with pytest.raises(UserError, match=r"have lost leading zeros or became decimals: .* for 0000\d"):
        HumeReaction(root).part("train")


def test_ids_may_have_a_suffix(root: Path) -> None:
    rows = abaw5_rows()
    for row in rows:
        row["File_ID"] = row["File_ID"].strip("[]") + ".mp4"
    write(root / "data_info.csv", rows)
    assert all(clip.video is not None for clip in HumeReaction(root).part("train"))


@pytest.mark.parametrize(("second", "told"), [(b"", 0), (b"other", 1)])
def test_a_clip_at_several_places_is_taken_once_and_both_are_named(root: Path, second: bytes, told: int) -> None:
    (root / "val" / "mp4" / "10001.mp4").unlink()
    for folder, content in (("Validation/mp4", b""), ("zzz", second)):
        (root / folder).mkdir(parents=True)
        (root / folder / "10001.mp4").write_bytes(content)
    dataset = HumeReaction(root)
    assert dataset.part("val")[0].video == root / "Validation" / "mp4" / "10001.mp4"
    words = {"10001": "Validation/mp4/10001.mp4 (also zzz/10001.mp4)"}
    assert dataset.several["val"] == (words if told else {})


@pytest.mark.parametrize("name", ["Filename", "filename", "File_Name"])
@pytest.mark.parametrize("form", ["{}", "{}.mp4", "[{}]"])
def test_the_column_of_ids_may_be_called_filename(root: Path, tmp_path: Path, name: str, form: str) -> None:
    muse = write_muse(tmp_path / "muse")
    rows = [{name: form.format(row.pop("File_ID")[1:-1]), **row} for row in abaw5_rows()]
    write(root / "data_info.csv", rows)
    write(muse / "labels.csv", [{name: row[name], **{e: row[e] or "nan" for e in EMOTIONS}} for row in rows])
    write(muse / "partition.csv", [{name: row[name], "Partition": row["Split"]} for row in rows])
    for folder in (root, muse):
        dataset = HumeReaction(folder)
        assert [id.removesuffix(".mp4") for id in dataset.ids("train")] == list(IDS["train"])
    assert [clip.video for clip in HumeReaction(root).part("train")] == [
        root / "train" / "mp4" / f"{id}.mp4" for id in IDS["train"]
    ]


MIMICRY = ("Admiration", "Amusement", "Determination", "Empathic Pain", "Excitement", "Joy")


def write_lists(
    folder: Path, emotions: Sequence[str], form: str = "{}", valid: str = "valid", test: bool = True
) -> Path:
    """Write the form of later challenges: a list of each part, that of test with ids alone, and raw/ID.mp4."""
    for part, word in (("train", "train"), ("val", valid), ("test", "test")):
        rows = [
            {"Filename": form.format(id)}
            | ({} if part == "test" else {name: str(value(id, place)) for place, name in enumerate(emotions)})
            for id in IDS[part]
        ]
        if part != "test" or test:
            write(folder / f"{word}_split.csv", rows)
            for id in IDS[part]:
                touch(folder / "raw" / f"{id}.mp4")
                touch(folder / "audio" / f"{id}.mp3")
                touch(folder / "face_images" / id / "1.jpg")
    return folder


@pytest.mark.parametrize(("form", "valid"), [("{}", "valid"), ("{}.mp4", "val"), ("[{}]", "Devel")])
@pytest.mark.parametrize("emotions", [MIMICRY, EMOTIONS])
def test_a_list_of_each_part(tmp_path: Path, emotions: Sequence[str], form: str, valid: str) -> None:
    dataset = HumeReaction(write_lists(tmp_path, emotions, form, valid), emotions)
    for part, ids in IDS.items():
        clips = dataset.part(part)
        assert [clip.id for clip in clips] == [form.strip("[]").format(id) for id in ids]
        assert [clip.video for clip in clips] == [tmp_path / "raw" / f"{id}.mp4" for id in ids]
        assert [clip.audio for clip in clips] == [tmp_path / "audio" / f"{id}.mp3" for id in ids]
        known = [None if part == "test" else tuple(value(id, k) for k in range(len(emotions))) for id in ids]
        assert [clip.targets for clip in clips] == known
    (tmp_path / "test_split.csv").unlink()
    assert HumeReaction(tmp_path, emotions).ids("test") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Filename,Joy\n10001,1\n", r"valid_split\.csv: 5 columns are missing"),
        ("Filename,{}\n10001,1,1,1,1,1\n", "lines of another length: line 2"),
        ("Filename,{}\n10001,1,1,1,1,1,57\n", r"values outside 0 to 1 in 1 rows: 10001 \(57\)"),
        ("Filename,{}\n00001,1,1,1,1,1,1\n", r"1 ids that are in another part's list: 00001"),
        ("Filename,{}\n00002.mp4,1,1,1,1,1,1\n", r"1 ids that are in another part's list: 00002\.mp4"),
    ],
)
def test_wrong_lists_of_parts_are_named(tmp_path: Path, text: str, message: str) -> None:
    write_lists(tmp_path, MIMICRY)
    (tmp_path / "valid_split.csv").write_text(text.format(",".join(MIMICRY)))
    with pytest.raises(UserError, match=message):
        HumeReaction(tmp_path, MIMICRY)


def test_lists_of_another_challenge_are_called_what_they_are(tmp_path: Path) -> None:
    write_lists(tmp_path, MIMICRY)
    with pytest.raises(UserError, match=r"train_split\.csv has the 6 intensities of Hume-Vidmimic2 .*Determination"):
        HumeReaction(tmp_path)
    write_muse(tmp_path / "muse")
    with pytest.raises(UserError, match=r"labels\.csv has the 7 intensities of Hume-Reaction .*Adoration"):
        HumeReaction(tmp_path / "muse", MIMICRY)
