"""Features that a frozen backbone gave: each clip's windows go through it once, and all protocols read what it left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tta_bench.data.datasets.layout import Sample
from tta_bench.data.features.store import FeatureStore
from tta_bench.data.loading import TestClips, batches_of, test_loader
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.fine_tune import Control, EvalSettings
from tta_bench.utils.progress import Bar

_HEADERS = threading.Lock()
"""NumPy parses the header of a file as Python, which Python 3.11 cannot do in two threads at once."""
Kind = Literal["pooled", "tokens"]
"""A vector for each window of a clip ``float16 (W, D)``, or the backbone's tokens of each ``float16 (W, N, D)``."""
READERS = 8
"""Files that are read at once."""

Encode = Callable[[Tensor], Mapping[Kind, NDArray[np.float16]]]
"""Features ``(clips, W, ...)`` of windows ``uint8 (clips, W, T, H, W, 3)``, of each kind."""


@dataclass(frozen=True)
class WindowRule:
    """The windows of a clip that a backbone is shown."""

    clip: ResolvedClip
    windows: int
    """Clips spread evenly over a video, cropped in the centre."""
    control: Control = "none"
    """Change of their frames."""
    seed: int = 0
    """Seed of shuffled frames."""

    def clips(self, samples: Sequence[Sample], lengths: Mapping[str, int]) -> TestClips:
        """Return the windows of samples, each decoded when it is asked for."""
        rule = EvalSettings(segments=self.windows, crops=1, control=self.control)
        return TestClips(samples, lengths, self.clip, rule, self.seed)

    def identity(self) -> dict[str, Any]:
        """Return everything that the pixels of the windows depend on, as JSON; a seed only where frames are drawn."""
        seed = {"seed": self.seed} if self.control == "shuffled" else {}
        return {"clip": self.clip.model_dump(mode="json"), "windows": self.windows, "control": self.control} | seed


@dataclass(frozen=True)
class WindowBatch:
    """One window of each of some clips of a list."""

    rows: NDArray[np.int64]
    """Places of the clips in the list."""
    windows: NDArray[np.int64]
    """The window of each."""


class EncodedClips:
    """The features of clips by id: files of a cache, or one archive for each clip.

    Args:
        files: The file of each clip by id, for each kind that was encoded.
    """

    def __init__(self, files: Mapping[Kind, Mapping[str, Path]]) -> None:
        self.files = files

    def read(self, kind: Kind, id: str) -> NDArray[np.float16]:
        """Return a clip's features of a kind.

        Raises:
            UserError: The file is gone, or is not such a file.
        """
        path = self.files[kind][id]
        try:
            if path.suffix == ".npy":
                return _half(_mapped(path))
            with _HEADERS, np.load(path, allow_pickle=False) as content:
                return _half(content[kind])
        except (OSError, ValueError, EOFError, KeyError) as error:
            raise UserError(f"{path} holds no {kind} features: {error}.", "Remove it, and run this again.") from None

    def stacked(self, kind: Kind, ids: Sequence[str]) -> NDArray[np.float16]:
        """Return the features of several clips, ``float16 (clips, W, ...)``."""
        with ThreadPoolExecutor(READERS) as pool:
            return np.stack(list(pool.map(lambda id: self.read(kind, id), ids)))

    def window(self, kind: Kind, id: str, window: int) -> NDArray[np.float16]:
        """Return the features of one window of a clip; of a cache's file no other is read.

        Raises:
            UserError: As `read`.
        """
        path = self.files[kind][id]
        if path.suffix != ".npy":
            return _half(self.read(kind, id)[window])
        try:
            return np.array(_mapped(path)[window], np.float16)
        except (OSError, ValueError, EOFError):
            return _half(self.read(kind, id)[window])  # which says what is wrong

    def join(self, other: EncodedClips) -> EncodedClips:
        """Return the features of both; where both have a clip, the other's."""
        return EncodedClips({kind: {**self.files[kind], **other.files[kind]} for kind in self.files})


def _mapped(path: Path) -> NDArray[Any]:
    """Return the array of a file, mapped into memory."""
    with _HEADERS:
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return mapped


def _half(values: NDArray[Any]) -> NDArray[np.float16]:
    """Return values of half precision, as they are stored."""
    half: NDArray[np.float16] = values.astype(np.float16, copy=False)
    return half


def stored_clips(
    samples: Sequence[Sample], contents: Mapping[Path, str], stores: Mapping[Kind, FeatureStore]
) -> EncodedClips:
    """Return the features of samples that are all in the stores."""
    files: dict[Kind, dict[str, Path]] = {}
    for kind, store in stores.items():
        found = {sample.id: store.file(contents[sample.path]) for sample in samples}
        files[kind] = {id: file for id, file in found.items() if file is not None}
    return EncodedClips(files)


def missing(
    samples: Sequence[Sample], contents: Mapping[Path, str], stores: Mapping[Kind, FeatureStore], at_once: int = 1
) -> list[list[Sample]]:
    """Return batches of samples, one for each content, of which some are in no store, in the order of their contents.

    A batch is always of the same clips of a list, so that an interrupted encoding gives what an uninterrupted one does.

    Args:
        samples: Clips.
        contents: Digest of each file.
        stores: The store of each kind.
        at_once: Clips in a batch.
    """
    unique = {contents[sample.path]: sample for sample in sorted(samples, key=lambda sample: sample.id, reverse=True)}
    ordered = [unique[content] for content in sorted(unique)]
    batches = [ordered[first : first + at_once] for first in range(0, len(ordered), at_once)]
    return [
        batch
        for batch in batches
        if any(contents[sample.path] not in store for sample in batch for store in stores.values())
    ]


def encode_clips(
    batches: Sequence[Sequence[Sample]],
    rule: WindowRule,
    lengths: Mapping[str, int],
    encode: Encode,
    keep: Callable[[Sample, Mapping[Kind, NDArray[np.float16]]], None],
    workers: int,
    pin: bool,
    title: str,
) -> None:
    """Show a backbone the windows of clips, batch by batch, and keep each clip's features as soon as they are there.

    Args:
        batches: Clips, all batches but the last of one length.
        rule: The windows.
        lengths: Counted frames of each clip by id.
        encode: The backbone.
        keep: Writes a clip's features.
        workers: Processes that decode.
        pin: Put clips into page-locked memory.
        title: Title of the progress bar.
    """
    samples = [sample for batch in batches for sample in batch]
    if not samples:
        return
    loader = test_loader(rule.clips(samples, lengths), batches_of(len(samples), len(batches[0])), workers, pin)
    with Bar(title, len(samples), "clips") as bar:
        for batch in loader:
            made = encode(batch["clips"])
            for row, index in enumerate(batch["index"]):
                keep(samples[int(index)], {kind: values[row] for kind, values in made.items()})
            bar.advance(len(batch["clips"]))


class TokenReader:
    """Tokens of a list of clips: in memory where they fit, else read from disk one batch ahead.

    Args:
        clips: The features.
        ids: The list.
        memory: Most bytes that are kept in memory.
    """

    def __init__(self, clips: EncodedClips, ids: Sequence[str], memory: int) -> None:
        self.clips, self.ids = clips, tuple(ids)
        first = clips.read("tokens", self.ids[0])
        self.shape = first.shape
        """Windows, tokens and width."""
        self.bytes = first.nbytes * len(self.ids)
        """Bytes of the whole list."""
        self._all = clips.stacked("tokens", self.ids) if self.bytes <= memory else None

    def batches(self, wanted: Iterable[WindowBatch]) -> Iterator[Tensor]:
        """Yield the tokens ``float16 (b, N, D)`` of each batch; the next one is read meanwhile."""
        if self._all is not None:
            for batch in wanted:
                yield torch.from_numpy(self._all[batch.rows, batch.windows])
            return
        with ThreadPoolExecutor(READERS) as files, ThreadPoolExecutor(1) as ahead:
            coming = None
            for batch in wanted:
                asked = ahead.submit(self._read, batch, files)
                if coming is not None:
                    yield coming.result()
                coming = asked
            if coming is not None:
                yield coming.result()

    def _read(self, batch: WindowBatch, files: ThreadPoolExecutor) -> Tensor:
        ids = [self.ids[row] for row in batch.rows]
        parts = files.map(lambda id, window: self.clips.window("tokens", id, int(window)), ids, batch.windows)
        return torch.from_numpy(np.stack(list(parts)))
