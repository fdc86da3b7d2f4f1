"""The digests on the cards against the official lists, where they are at hand, and against the samples' generators."""

from __future__ import annotations

import random
import shutil
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.cards.catalog import dataset_card
from tta_bench.cards.kinds import OfficialPart
from tta_bench.data.datasets.corpus import Corpus
from tta_bench.data.datasets.find_clips import read_lines
from tta_bench.data.datasets.hume_reaction import HumeReaction
from tta_bench.data.datasets.official import (
    Pair,
    class_pairs,
    compare_part,
    compare_split,
    corpus_pairs,
    official_names,
    pairs_digest,
    reaction_pairs,
)
from tta_bench.data.datasets.open import open_dataset
from tta_bench.data.synthetic.cache import GENERATORS

PAIRS = st.lists(
    st.tuples(st.text(max_size=5), st.none() | st.sampled_from("ab")), max_size=8, unique_by=lambda p: p[0]
)
LISTED: list[Pair] = [(f"v_{n:02}", "ab"[n % 2]) for n in range(20)]
CARD = OfficialPart(clips=20, sha256=pairs_digest(LISTED))


def ucf101_lists(root: Path) -> dict[tuple[int, str], list[Pair]]:
    """Return the pairs of the official lists of UCF101, read without the suite's layout."""
    entries = {
        (split, part): [Path(line.split()[0]) for line in read_lines(root / f"{part}list0{split}.txt")]
        for split in (1, 2, 3)
        for part in ("train", "test")
    }
    return {key: [(path.stem, path.parent.name) for path in paths] for key, paths in entries.items()}


def hmdb51_lists(root: Path) -> dict[tuple[int, str], list[Pair]]:
    """Return the pairs of the official lists of HMDB51, read without the suite's layout."""
    found: dict[tuple[int, str], list[Pair]] = {}
    for file in root.iterdir():
        name, _, split = file.stem.rpartition("_test_split")
        for line in read_lines(file):
            clip, flag = line.split()
            if flag != "0":
                found.setdefault((int(split), "train" if flag == "1" else "test"), []).append((Path(clip).stem, name))
    return found


@pytest.mark.parametrize(
    ("dataset", "folder", "read"),
    [("ucf101", "ucfTrainTestlist", ucf101_lists), ("hmdb51", "testTrainMulti_7030_splits", hmdb51_lists)],
)
def test_cards_and_names_are_those_of_the_official_lists(dataset: str, folder: str, read: object, shared: Path) -> None:
    root = shared / dataset / folder
    lists, card, names = read(root), dataset_card(dataset), official_names(dataset)  # type: ignore[operator]
    assert {(split, part) for split, parts in card.official.items() for part in parts} == lists.keys() == names.keys()
    for (split, part), pairs in lists.items():
        stated = card.official[split][part]  # type: ignore[index]
        assert (stated.clips, stated.sha256) == (len(pairs), pairs_digest(pairs))
        assert names[split, part] == dict(pairs)


@pytest.mark.parametrize("name", ["ucf101_sample", "hmdb51_sample", "tiktok_actions_sample", "hume_reaction_sample"])
def test_cards_of_samples_are_those_of_their_generators(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = dataset_card(name)
    module, made = import_module(f"tta_bench.data.synthetic.{name.removesuffix('_sample')}"), GENERATORS[card.component]
    monkeypatch.setattr(module, "write_video", lambda path, *_: path.touch())  # lists and names are made as ever
    for draw in {"render", "render_clip"} & vars(module).keys():
        monkeypatch.setattr(module, draw, lambda *_: (None, None))
    assert card.generator is not None
    dataset = open_dataset(card, made.write(tmp_path / "sample", made.read(card.generator)))
    for split, parts in card.official.items():
        if isinstance(dataset, HumeReaction):
            found = {part: reaction_pairs(dataset.listed(part)) for part in ("train", "val", "test")}
        elif isinstance(dataset, Corpus):
            found = {"train": corpus_pairs(dataset.clips())}
        else:
            lists = dataset.split(split)
            found = {"train": class_pairs(lists.train, dataset.classes)}
            found["test"] = class_pairs(lists.test, dataset.classes)
        compared = compare_split(card, split, found, {})
        assert {part.part for part in compared} == set(parts)
        assert all(part.agrees and part.sha256_expected for part in compared)


def test_published_counts_have_a_source_and_none_is_invented() -> None:
    corpus, reactions = dataset_card("tiktok_actions"), dataset_card("hume_reaction")
    assert corpus.official[1]["train"].clips == 283_582
    assert corpus.official[1]["train"].sha256 is None
    assert "2402.08875" in corpus.official_source
    assert {name: part.clips for name, part in reactions.official[1].items()} == {
        "train": 15_806,
        "val": 4_657,
        "test": 4_604,
    }
    assert all(part.sha256 is None for part in reactions.official[1].values())
    assert "commit 61818f0" in reactions.official_source


@given(PAIRS, st.randoms())
def test_the_digest_does_not_depend_on_the_order(pairs: list[Pair], order: random.Random) -> None:
    shuffled = order.sample(pairs, len(pairs))
    assert pairs_digest(shuffled) == pairs_digest(pairs)


@given(PAIRS, PAIRS)
def test_other_ids_or_labels_have_another_digest(one: list[Pair], other: list[Pair]) -> None:
    assert (pairs_digest(one) == pairs_digest(other)) == (sorted(one, key=repr) == sorted(other, key=repr))


def test_a_whole_list_agrees_in_any_order() -> None:
    found = compare_part("test", LISTED[::-1], CARD, dict(LISTED))
    assert found.agrees
    assert str(found) == "20 of 20 official test clips"


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (LISTED[3:], "17 of 20 official test clips; 3 missing: v_00, v_01, v_02; digest "),
        ([*LISTED, LISTED[4]], "20 of 20 official test clips; 1 named twice: v_04; digest "),
        ([("mine", "a"), *LISTED[1:]], "19 of 20 official test clips; 1 missing: v_00; 1 not official: mine; digest "),
        ([("v_00", "b"), *LISTED[1:]], "19 of 20 official test clips; 1 with another label: v_00; digest "),
        ([], "0 of 20 official test clips; 20 missing: v_00, v_01, v_02, v_03, v_04 and 15 more; digest "),
    ],
)
def test_differences_are_counted_and_named(pairs: list[Pair], said: str) -> None:
    found = compare_part("test", pairs, CARD, dict(LISTED))
    assert not found.agrees
    assert str(found).startswith(said)
    assert str(found).endswith(f"{pairs_digest(pairs)[:12]} where {pairs_digest(LISTED)[:12]} is official")


@given(st.sets(st.integers(0, 19)), st.sets(st.integers(0, 19)), st.sets(st.integers(20, 30)))
def test_every_kind_of_difference_is_found(gone: set[int], relabelled: set[int], added: set[int]) -> None:
    pairs: list[Pair] = [
        (id, "c" if n in relabelled else label) for n, (id, label) in enumerate(LISTED) if n not in gone
    ]
    pairs += [(f"v_{n:02}", "a") for n in sorted(added)]
    found = compare_part("test", pairs, CARD, dict(LISTED))
    assert found.agrees == (not (gone or relabelled or added))
    assert found.missing == tuple(f"v_{n:02}" for n in sorted(gone))
    assert found.relabelled == tuple(f"v_{n:02}" for n in sorted(relabelled - gone))
    assert found.others == tuple(f"v_{n:02}" for n in sorted(added))


def test_without_names_the_counts_and_digests_are_said() -> None:
    assert str(compare_part("test", LISTED[3:], CARD)).startswith("17 test clips, and 20 are official; digest ")
    count_only = OfficialPart(clips=20)
    assert compare_part("val", [(f"mine{n}", None) for n in range(20)], count_only).agrees
    assert str(compare_part("val", LISTED[:4], count_only)) == "4 val clips, and 20 are official"
    unknown = compare_part("val", LISTED[:4], None)
    assert not unknown.agrees
    assert str(unknown) == "4 val clips, of which the card states nothing"
    holes = compare_part("val", [("mine", None)] * 20, count_only, lost=["b", "a"])
    assert not holes.agrees
    assert str(holes) == "20 val clips, and 20 are official; 2 missing: a, b; 1 named twice: mine"
    assert str(compare_part("val", LISTED[:4], None, lost=["a"])).endswith("states nothing; 1 missing: a")


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("dataset", "folder"), [("ucf101", "ucfTrainTestlist"), ("hmdb51", "testTrainMulti_7030_splits")]
)
def test_a_whole_copy_is_official_as_the_suite_reads_it(
    dataset: str, folder: str, shared: Path, tmp_path: Path
) -> None:
    shutil.copytree(shared / dataset / folder, tmp_path / folder)
    home = tmp_path / "UCF-101" if dataset == "ucf101" else tmp_path
    for (_, _), clips in official_names(dataset).items():
        for id, label in clips.items():
            (home / str(label)).mkdir(parents=True, exist_ok=True)
            (home / str(label) / f"{id}.avi").touch()
    card = dataset_card(dataset)
    layout = open_dataset(card, tmp_path)
    for split in card.splits:
        lists = layout.split(split)
        found = {"train": class_pairs(lists.train, layout.classes), "test": class_pairs(lists.test, layout.classes)}
        assert all(part.agrees and part.sha256_expected for part in compare_split(card, split, found, {}))
