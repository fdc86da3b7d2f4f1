"""Write ``finetune_recipe.npz``: what the official fine-tuning code of VideoMAE computes on formula inputs.

Usage: python tests/conformance/make_figures.py CHECKOUT

CHECKOUT is a clone of github.com/MCG-NJU/VideoMAE (the figures here are of commit 14ef8d8). Its code is imported and
run as it is; packages that it imports and that do not matter here (decord, pandas, old places in timm) are replaced
while it runs, and so is the source of its random numbers.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import recipe_inputs as given
import torch
import torch._dynamo
import torchvision  # noqa: F401  (before pandas is replaced, which it looks for)
from PIL import Image

OLD_OPTIMIZERS = (
    *("adafactor", "adahessian", "adamp", "lookahead", "nadam"),
    *("novograd", "nvnovograd", "radam", "rmsprop_tf", "sgdp"),
)
REPLACED = (
    *("decord", "deepspeed", "pandas", "tensorboardX", "numpy.lib.function_base", "torch._six"),
    *(f"timm.optim.{name}" for name in OLD_OPTIMIZERS),
)
MODULES = (
    *("kinetics", "video_transforms", "functional", "rand_augment", "random_erasing", "mixup"),
    *("utils", "optim_factory", "modeling_finetune", "engine_for_finetuning"),
)
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

Figures = dict[str, np.ndarray]


@contextlib.contextmanager
def official_code(checkout: Path) -> Iterator[SimpleNamespace]:
    """Import the official modules, with replacements for what they need and do not matter."""
    replaced = {name: mock.MagicMock() for name in REPLACED}
    replaced["pandas"].read_csv = lambda *_, **__: SimpleNamespace(values=np.array([[__file__, 0]], dtype=object))
    with (
        mock.patch.dict(sys.modules, replaced),
        mock.patch.object(sys, "path", [str(checkout), *sys.path]),
        mock.patch.object(np, "float", float, create=True),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})


@contextlib.contextmanager
def drawing_from(draws: given.Draws) -> Iterator[None]:
    """Let the official code draw from a formula. A NumPy uniform only ever decides what is switched off here."""
    patches: list[tuple[ModuleType, str, Any]] = [
        (random, "random", draws.random),
        (random, "uniform", draws.uniform),
        (random, "gauss", draws.normal),
        (random, "randint", lambda low, high: draws.integers(low, high + 1)),
        (np.random, "uniform", lambda: 1.0),
        (np.random, "beta", draws.beta),
        (np.random, "randint", lambda low, high, size=None: draws.integers(low, high)),
        (np.random, "choice", lambda items, n, **_: [items[k] for k in draws.integers(len(items), size=n)]),
    ]
    with contextlib.ExitStack() as stack:
        for module, name, replacement in patches:
            stack.enter_context(mock.patch.object(module, name, replacement))
        yield


class Reader:
    """A decoded video in decord's manner."""

    def __init__(self, video: np.ndarray) -> None:
        self.video = video

    def __len__(self) -> int:
        return len(self.video)

    def seek(self, _: int) -> None:
        pass

    def get_batch(self, indices: list[int]) -> SimpleNamespace:
        return SimpleNamespace(asnumpy=lambda: self.video[indices])


def dataset(official: SimpleNamespace, mode: str, sampling: tuple[int, int, int], size: int, crops: int) -> Any:
    frames, stride, segments = sampling
    return official.kinetics.VideoClsDataset(
        anno_path="", data_path="", mode=mode, clip_len=frames, frame_sample_rate=stride, crop_size=size,
        short_side_size=size, test_num_segment=segments, test_num_crop=crops, args=SimpleNamespace(reprob=0),
    )  # fmt: skip


def official_view(official: SimpleNamespace, data: Any, video: np.ndarray, segment: int, crop: int) -> np.ndarray:
    """Return one test view of a video as the official class makes it, back in grey levels: (T, H, W, 3)."""
    with mock.patch.object(official.kinetics, "VideoReader", return_value=Reader(video)):
        clip = data[segment * data.test_num_crop + crop][0]
    return ((clip.permute(1, 2, 3, 0).numpy() * STD + MEAN) * 255).round().astype(np.int64)


def schedules(official: SimpleNamespace) -> Figures:
    tables = {}
    for name, s in given.SCHEDULES.items():
        scale = s["batch"] / 256
        table = official.utils.cosine_scheduler(
            s["lr"] * scale, s["min_lr"] * scale, s["epochs"], s["per_epoch"], warmup_epochs=s["warmup"]
        )
        tables[f"lr_{name}"] = table.astype(np.float32)
    return tables


def layer_decay(official: SimpleNamespace) -> Figures:
    model = official.modeling_finetune.vit_base_patch16_224(num_classes=101)
    layers = model.get_num_layers()
    assigner = official.optim_factory.LayerDecayValueAssigner([0.7 ** (layers + 1 - i) for i in range(layers + 2)])
    groups = official.optim_factory.get_parameter_groups(
        model, 0.05, model.no_weight_decay(), assigner.get_layer_id, assigner.get_scale
    )
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rows = [(names[id(p)], g["lr_scale"], g["weight_decay"]) for g in groups for p in g["params"]]
    columns = zip(*rows, strict=True)
    return dict(zip(("layer_names", "layer_scales", "layer_weight_decays"), map(np.array, columns), strict=True))


def frame_indices(official: SimpleNamespace) -> Figures:
    figures = {}
    for name, sampling in given.SAMPLINGS.items():
        frames, _, segments = sampling
        tests, trains = dataset(official, "test", sampling, 2, 3), dataset(official, "train", sampling, 2, 3)
        test = np.empty((len(given.LENGTHS), segments, frames), np.int16)
        train = np.empty((len(given.LENGTHS), frames), np.int16)
        for row, length in enumerate(given.LENGTHS):
            number = np.arange(length)
            video = np.stack([number % 256, number // 256, 0 * number], -1)[:, None, None]
            video = np.broadcast_to(video.astype(np.uint8), (length, 2, 2, 3))
            for segment in range(segments):
                view = official_view(official, tests, video, segment, 0)
                test[row, segment] = view[:, 0, 0, 0] + 256 * view[:, 0, 0, 1]
            with (
                mock.patch.object(official.kinetics, "VideoReader", return_value=Reader(video)),
                drawing_from(given.Draws(length)),
            ):
                clip = trains.loadvideo_decord(__file__).astype(np.int64)
            train[row] = clip[:, 0, 0, 0] + 256 * clip[:, 0, 0, 1]
        figures |= {f"test_indices_{name}": test, f"train_indices_{name}": train}
    return figures


def crops_and_views(official: SimpleNamespace) -> Figures:
    resized = [official.functional.get_resize_sizes(*shape, given.SIZE) for shape in given.FRAME_SHAPES]
    data = dataset(official, "test", (1, 1, 2), given.SIZE, given.CROPS)
    offsets = np.empty((len(resized), given.CROPS, 2), np.int16)
    for row, (height, width) in enumerate(resized):
        places = np.indices((height, width))
        coded = np.stack([places[0] // 16, places[1] // 16, places[0] % 16 * 16 + places[1] % 16], -1)
        for crop in range(given.CROPS):
            first, second, third = official_view(official, data, coded[None].astype(np.uint8), 0, crop)[0, 0, 0]
            offsets[row, crop] = first * 16 + third // 16, second * 16 + third % 16
    v = given.VIEWS
    data = dataset(official, "test", (v["frames"], v["stride"], v["segments"]), v["size"], v["crops"])
    video = given.pixels(v["length"], *v["shape"], 3)
    views = [official_view(official, data, video, s, c) for s in range(v["segments"]) for c in range(v["crops"])]
    return {
        "resized_shapes": np.array(resized, np.int16),
        "crop_offsets": offsets,
        "test_views": np.stack(views).astype(np.uint8),
    }


def operations(official: SimpleNamespace) -> Figures:
    """The strength of each operation at some levels, its pixels, and the operations drawn by a policy."""
    ra = official.rand_augment
    names = ra._RAND_INCREASING_TRANSFORMS
    image = Image.fromarray(given.pixels(*given.IMAGE_SHAPE, 3))
    keywords = {"fillcolor": ra._FILL, "resample": Image.BICUBIC}
    strengths = np.zeros((len(names), len(given.LEVELS), 2))
    images = np.zeros((len(names), len(given.IMAGE_LEVELS), 2, *given.IMAGE_SHAPE, 3), np.uint8)
    for row, name in enumerate(names):
        rule = ra.LEVEL_TO_ARG[name]
        for column, sign in enumerate((1, -1)):
            with mock.patch.object(ra, "_randomly_negate", lambda value, sign=sign: sign * value):
                if rule is not None:
                    strengths[row, :, column] = [rule(level, {})[0] for level in given.LEVELS]
                for k, level in enumerate(given.IMAGE_LEVELS):
                    arguments = rule(level, {}) if rule is not None else ()
                    images[row, k, column] = np.asarray(ra.NAME_TO_OP[name](image, *arguments, **dict(keywords)))
    drawn = []
    for seed in given.SEEDS:
        policy = ra.rand_augment_transform(given.POLICY, {"interpolation": Image.BICUBIC})
        done: list[tuple[int, float]] = []
        for index, op in enumerate(policy.ops):
            op.aug_fn = lambda image, *arguments, index=index, done=done, **_: done.append((index, *arguments, 0.0)[:2])
        with drawing_from(given.Draws(seed)):
            policy(None)
        drawn.append(done + [(-1, 0.0)] * (policy.num_layers - len(done)))
    return {
        "operation_strengths": strengths,
        "operation_images": images,
        "drawn_operations": np.array(drawn)[..., 0].astype(np.int8),
        "drawn_strengths": np.array(drawn)[..., 1],
    }


def windows(official: SimpleNamespace) -> Figures:
    """The windows drawn by the random resized crop and by random erasing: top, left, height, width."""
    crops = np.empty((len(given.CROP_SHAPES), len(given.SEEDS), 4), np.int16)
    erased = np.zeros((len(given.SEEDS), 4), np.int16)
    for column, seed in enumerate(given.SEEDS):
        for row, shape in enumerate(given.CROP_SHAPES):
            with drawing_from(given.Draws(seed)):
                crops[row, column] = official.video_transforms._get_param_spatial_crop(
                    (0.08, 1.0), (0.75, 1.3333), *shape
                )
        erasing = official.random_erasing.RandomErasing(1.0, mode="pixel", max_count=1, num_splits=1, device="cpu")
        clip = torch.full((2, 3, given.SIZE, given.SIZE), torch.nan)
        draws = given.Draws(seed)
        with drawing_from(draws), mock.patch.object(random, "random", return_value=0.0):
            erasing(clip)
        rows, columns = (torch.isfinite(clip[0, 0]).any(axis).nonzero().flatten() for axis in (1, 0))
        assert torch.equal(torch.isfinite(clip[0]), torch.isfinite(clip[1]))
        assert not torch.equal(clip[0][torch.isfinite(clip[0])], clip[1][torch.isfinite(clip[1])])
        erased[column] = rows[0], columns[0], len(rows), len(columns)
    return {"crop_windows": crops, "erased_windows": erased}


def mixing(official: SimpleNamespace) -> Figures:
    """Targets and clips mixed under the draws of some seeds, and the boxes of cutmix at the size of the recipe."""
    x = torch.from_numpy(given.pixels(*given.MIX_SHAPE)).float()
    clips, targets, boxes = [], [], []
    for seed in given.MIX_SEEDS:
        mixer = official.mixup.Mixup(0.8, 1.0, label_smoothing=given.MIX_SMOOTHING, num_classes=given.MIX_CLASSES)
        draws = given.Draws(seed)
        # The first draw decides whether to mix at all, which has probability 1.
        rand = itertools.chain([0.0], iter(draws.random, None)).__next__
        with drawing_from(draws), mock.patch.object(np.random, "rand", rand):
            mixed, target = mixer(x.clone(), torch.tensor(given.MIX_LABELS))
        clips.append(mixed.numpy())
        targets.append(target.numpy())
    for seed in given.SEEDS:
        draws = given.Draws(seed)
        lam = draws.random()
        with drawing_from(draws):
            (top, bottom, left, right), lam = official.mixup.cutmix_bbox_and_lam((1, 1, *given.MIX_SIZE), lam)
        boxes.append((top, bottom, left, right, lam))
    return {
        "mixed_clips": np.stack(clips),
        "mixed_targets": np.stack(targets),
        "cutmix_boxes": np.array(boxes)[:, :4].astype(np.int16),
        "cutmix_lams": np.array(boxes)[:, 4],
    }


def merged_scores(official: SimpleNamespace) -> Figures:
    """Write the scores of views as the official test does, and keep the means that it ranks videos by."""
    logits = given.scores(*given.SCORES)
    lines = [
        f"video{video} {logits[video, view].tolist()} 0 {view // given.CROPS} {view % given.CROPS}\n"
        for view in range(given.SCORES[1])
        for video in range(given.SCORES[0])
    ]
    means: list[np.ndarray] = []
    one_process = SimpleNamespace(map=lambda function, items: [function(item) for item in items])
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch("multiprocessing.Pool", return_value=one_process),
        mock.patch.object(np, "argmax", lambda mean: means.append(mean) or 0),
    ):
        Path(folder, "0.txt").write_text("".join(["0, 0\n", *lines]))
        official.engine_for_finetuning.merge(folder, 1)
    return {"merged_scores": np.stack(means)}


def main() -> None:
    """Write the figures beside this script."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    parts = (schedules, layer_decay, frame_indices, crops_and_views, operations, windows, mixing, merged_scores)
    figures: Figures = {}
    with official_code(Path(sys.argv[1]).resolve()) as official:
        for part in parts:
            figures |= part(official)
    np.savez_compressed(Path(__file__).with_name("finetune_recipe.npz"), **figures)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
