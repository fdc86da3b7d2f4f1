"""Keyed randomness: the same key gives the same draw, whoever asks, in whatever order.

A key names the draw: ``(seed, "init")`` for initial weights, ``(seed, epoch, clip, view)`` for the augmentation of a
view, ``(seed, step)`` for the noise of a step. So neither workers nor restarts change a number. The digests of records
are of the same canonical text that keys are.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces, so that equal values give equal text.

    Raises:
        ValueError: A number is not finite, which JSON cannot say.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """Return the sha256, in hex, of a JSON value's canonical text."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def key_bits(*key: int | str) -> int:
    """Return 128 bits that depend on every part of the key and on the parts' order."""
    return int.from_bytes(hashlib.blake2b(canonical_json(key).encode(), digest_size=16).digest(), "little")


def generator(*key: int | str) -> np.random.Generator:
    """Return NumPy's counter-based generator (Philox) set to a key such as ``(seed, epoch, sample_id, view)``."""
    return np.random.Generator(np.random.Philox(key=key_bits(*key)))


def torch_seed(*key: int | str) -> int:
    """Return a seed for ``torch.manual_seed`` (63 bits) that depends on the whole key."""
    return key_bits(*key) >> 65
