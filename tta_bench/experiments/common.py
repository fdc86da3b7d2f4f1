"""Settings of every protocol: data, runtime, and folders of cards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tta_bench.cards.validation import Strict, optional_since_v1
from tta_bench.errors import UserError
from tta_bench.experiments.ranges import DISTINCT, Count

OWN_LAYOUTS = ("folder", "csv", "list", "videos")
"""Dataset cards that only say how files lie: data of one's own, told apart by their manifest."""
_NAME = r"^[^\s/\\\x00-\x1f]([^/\\\x00-\x1f]*[^\s/\\\x00-\x1f])?$"


class RuntimeSettings(Strict):
    """Use of the machine; nothing here changes a number."""

    workers: Annotated[int, Field(ge=0, le=1024)] | Literal["auto"] = Field(default="auto")
    """Processes that decode and augment."""
    micro_batch: Count | Literal["auto"] = Field(default="auto")
    """Clips on the device at once, of which the global batch is accumulated; auto: on a GPU, as many as fit."""
    device: str = "auto"
    """``cpu``, ``cuda`` or ``cuda:N``."""
    compile: bool = False
    """Compile the model (torch.compile): some minutes at first, then faster steps, equal but for the last digits."""
    devices: Count | Literal["all"] = Field(default=1, exclude_if=lambda devices: devices == 1)
    """Processes that share a training on this machine, one for each device; all: as many as there are GPUs."""
    threads: Count | None = optional_since_v1()
    """Threads of a process on a CPU; by default 1 with several processes or a small network, else all cores."""
    checkpointing: bool = False
    """Compute a transformer's activations twice instead of keeping them: less memory, a third more work, equal."""
    memory: str | None = Field(default=None, exclude=True, pattern=r"^[1-9][0-9]{0,6}(MB|GB|TB)$")
    """Memory of a GPU that ``--dry-run`` counts a step for, as in 80GB, with nothing tried; for plans alone."""
    deterministic: bool = Field(default=False, exclude_if=lambda wanted: not wanted)
    """Add in a fixed order on a GPU, slower: equal runs give equal bits. A CPU does so in any case."""
    checkpoint_minutes: float = Field(default=10.0, gt=0, le=1e6)
    """Time between checkpoints."""
    plots: bool = Field(default=True, exclude_if=lambda plots: plots)
    """Draw curves and confusion matrix beside the record."""
    logging: Annotated[tuple[Literal["tensorboard", "wandb", "mlflow"], ...], DISTINCT] = Field(
        default=(), exclude_if=lambda names: not names
    )
    """Send the figures of each step to these too, as in tensorboard,mlflow; each needs the extra of its name."""


class LauncherSettings(Strict):
    """The jobs that ``launcher=local`` and ``launcher=slurm`` start; nothing here changes a number."""

    partition: str | None = None
    """Partition of the cluster."""
    nodes: Count = 1
    """Machines of one job; a training here takes one."""
    time: str | None = Field(default=None, pattern=r"^[1-9][0-9]{0,4}[mhd]$")
    """Longest time of a job, as in 90m, 24h or 2d; it is saved before that and queued again."""
    parallel: Annotated[int, Field(gt=0, le=1024)] | None = None
    """Jobs at once; by default one here, and as many as SLURM lets."""
    cpus: Count | None = None
    """Processors of a job."""
    memory: str | None = Field(default=None, pattern=r"^[1-9][0-9]{0,6}(MB|GB|TB)$")
    """Memory of a job, as in 64GB."""
    account: str | None = None
    """Account that pays."""
    setup: str | None = None
    """Shell line before a job, as in: module load cuda."""
    extra: dict[str, str] = Field(default_factory=dict)
    """Further options of sbatch, as in launcher.extra.gpus-per-node=8."""


class DataSettings(Strict):
    """Folders of the data."""

    root: Path | None = None
    """Folder (or CSV file) of the run's dataset."""
    roots: dict[str, Path] = Field(default_factory=dict)
    """Folder of each dataset by name."""
    cache: Path | None = None
    """Folder on a disk of this machine into which clips are copied first, and read from; it changes no number."""
    overlap: Path | None = None
    """Findings of ``tta-bench data overlap`` between the weights' pre-training data and the test clips, for the record;
    it changes no number."""
    face_model: Path | None = None
    """Model file of a face detector that needs one."""

    def refuse_overlap(self, protocol: str) -> None:
        """Refuse findings of near-duplicates where no weights are tested that they could speak of.

        Args:
            protocol: Words for what was asked for.

        Raises:
            UserError: There are some.
        """
        if self.overlap is not None:
            raise UserError(
                f"data.overlap is about the test clips of given weights, and {protocol} has none.",
                "Leave it out, or give it to the run that tests them.",
            )


class DatasetSettings(Strict):
    """Words about the dataset; nothing here changes a number."""

    name: str | None = Field(default=None, pattern=_NAME, max_length=80)
    """Name of data of one's own, for the title of their board; by default that of their folder or file."""


class RegistrySettings(Strict):
    """Folders of the user's cards."""

    path: Path | None = None
    """A folder of one's own cards: ``backbones/NAME.yaml`` and so on, beside those in ``TTA_BENCH_REGISTRY``."""
