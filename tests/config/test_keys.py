from __future__ import annotations

import pytest

from tta_bench.config.keys import ELSEWHERE, require_word, unknown_key
from tta_bench.config.overrides import known_keys
from tta_bench.errors import UserError
from tta_bench.experiments.fine_tune import FineTuneCard

KNOWN = known_keys(FineTuneCard)


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("lr", "Did you mean 'train.lr'?"),
        ("optim.lr", "Did you mean 'train.lr'?"),
        ("batch_size", "Did you mean 'train.batch'?"),
        ("learning-rate", "Did you mean 'train.lr'?"),
        ("num_workers", "Did you mean 'runtime.workers'?"),
        ("model", "Did you mean 'backbone'?"),
        ("flip", "Did you mean 'train.augment.flip'?"),
        ("Seed", "Did you mean 'seed'?"),
        ("train", "it is a section.\nIts keys: train.batch, "),
        ("train.augment", "it is a section.\nIts keys: train.augment.rand_augment, "),
        ("data.roots", "Say data.roots.NAME=DIR"),
        ("+train.lr", "Say train.lr=VALUE: no + is needed"),
        ("+train.foo", "No + is needed"),
        ("zzzzzz", "`tta-bench show PROTOCOL --keys` lists them all."),
    ],
)
def test_the_key_that_was_meant_is_named(key: str, answer: str) -> None:
    assert answer in str(unknown_key(key, KNOWN))


def test_a_key_of_another_protocol_is_said_to_be_its() -> None:
    others = {"abaw_eri": ["eval.split"], "ucf101_ft": KNOWN}
    assert "unknown key 'eval.split': only abaw_eri has it." in str(unknown_key("eval.split", KNOWN, others))


def test_other_programs_names_lead_to_keys_that_exist() -> None:
    assert set(ELSEWHERE.values()) <= set(known_keys())


@pytest.mark.parametrize(
    ("word", "message"),
    [("protocl", "Did you mean protocol=VALUE"), ("=", "has no key"), ("", "has no key"), ("-x", "neither an option")],
)
def test_a_word_without_key_or_value_is_named(word: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        require_word(word, KNOWN)
    assert require_word("a=b=c", KNOWN) == ("a", "b=c")
