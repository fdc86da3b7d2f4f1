"""Keys that do not exist: what was meant, from other programs' names, parts of a key, and keys of other protocols."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tta_bench.errors import UserError, did_you_mean, nearest, shorten

ELSEWHERE = {
    "learning_rate": "train.lr",
    "base_lr": "train.lr",
    "batch_size": "train.batch",
    "bs": "train.batch",
    "batchsize": "train.batch",
    "wd": "train.weight_decay",
    "num_epochs": "train.epochs",
    "max_epochs": "train.epochs",
    "epoch": "train.epochs",
    "max_steps": "train.steps",
    "iters": "train.steps",
    "warmup_epochs": "train.warmup",
    "grad_clip": "train.clip_grad",
    "label_smoothing": "train.smoothing",
    "optim": "train.optimizer",
    "num_frames": "clip.frames",
    "img_size": "clip.size",
    "input_size": "clip.size",
    "resolution": "clip.size",
    "num_workers": "runtime.workers",
    "gpu": "runtime.device",
    "gpus": "runtime.device",
    "amp": "precision",
    "dtype": "precision",
    "model": "backbone",
    "arch": "backbone",
    "pretrained": "weights",
    "checkpoint": "weights",
    "ckpt": "weights",
    "data_root": "data.root",
    "data_path": "data.root",
    "data_dir": "data.root",
    "root": "data.root",
    "fold": "split",
    "random_seed": "seed",
    "task": "protocol",
}
"""Names that other programs have for keys of the suite."""


def require_word(word: str, known: Collection[str]) -> tuple[str, str]:
    """Return key and text of a ``key=value`` word.

    Raises:
        UserError: There is no ``=`` in it, or nothing before it; says what was meant.
    """
    key, equals, text = word.partition("=")
    if equals and key.strip():
        return key, text
    if equals or not word.strip():
        raise UserError(f"'{word}' has no key.", "Words are KEY=VALUE, without blanks around =.")
    if word.startswith("-"):
        raise UserError(f"'{word}' is neither an option nor key=value.", "The options are in --help.")
    near = nearest(word, known)
    raise UserError(f"'{word}' is not key=value.", f"Did you mean {near}=VALUE?" if near else "Words are KEY=VALUE.")


def unknown_key(key: str, known: Collection[str], others: Mapping[str, Collection[str]] | None = None) -> UserError:
    """Return the error for a key that does not exist.

    Args:
        key: What was written.
        known: The keys that exist.
        others: Keys of other protocols, by protocol.
    """
    plain = key.lstrip("+~").strip()
    if plain != key and plain in known:
        return UserError(
            f"unknown key '{key}'.",
            f"Say {plain}=VALUE: no + is needed, and no blanks. Lists are split=1,2 and seed=0,1.",
        )
    if plain == "launcher.extra":
        return UserError(f"unknown key '{key}': it is a section.", "Say launcher.extra.OPTION=VALUE, as sbatch has it.")
    if plain == "data.roots":
        return UserError(f"unknown key '{key}': it is a section.", "Say data.roots.NAME=DIR, with a dataset's name.")
    below = [name for name in known if name.startswith(f"{plain}.")]
    if below:
        return UserError(f"unknown key '{key}': it is a section.", f"Its keys: {shorten(below, 12)}.")
    if of := [protocol for protocol, keys in (others or {}).items() if plain in keys]:
        return UserError(f"unknown key '{key}': only {shorten(of, 3)} {'has' if len(of) == 1 else 'have'} it.")
    plus = "" if plain == key else " No + is needed: lists are split=1,2 and seed=0,1."
    return UserError(f"unknown key '{key}'.", _meant(plain, known) + plus)


def _meant(key: str, known: Collection[str]) -> str:
    """Return a sentence with the key that was meant: by its last part, by another program's name, else the nearest."""
    last = key.replace("-", "_").lower().rpartition(".")[2]
    same = [name for name in known if name.rpartition(".")[2] == last]
    if not same and ELSEWHERE.get(last) in known:
        same = [ELSEWHERE[last]]
    if same:
        return f"Did you mean {' or '.join(repr(name) for name in same)}?"
    near = nearest(key, known)
    if near is not None:
        return f"Did you mean '{near}'?"
    if any("." in name for name in known):
        return "`tta-bench show PROTOCOL --keys` lists them all."
    return did_you_mean(key, known)
