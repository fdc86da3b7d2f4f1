"""The record: result, data, code and environment of one experiment. One strict JSON document, without paths."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from tta_bench.metrics.intervals import Draws
from tta_bench.records.identity import Digest, FileName, Identity, Name, Part, Timestamp
from tta_bench.records.overlap import Overlap
from tta_bench.records.redact import text_with_path, without_paths
from tta_bench.records.selection import Curve, Selection
from tta_bench.records.views import Viewed

LARGEST_PUBLISHED = 50_000_000
"""Bytes of the largest predictions that are fetched; those of a test list of UCF101 have 764,000."""
ADDRESS = r"^https://[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+$"
"""Pattern of an address: encrypted, and without signs that end a link."""
SCHEMA_VERSION = 1
"""The newest layout that this version reads."""

Status = Literal["started", "success", "error", "cancelled"]
IntervalRule = Literal["percentile", "expanded"]
TieRule = Literal["missed", "shared"]
LabelSource = Literal["data.root", "labels"]
"""Source of the labels of a record whose own may not be published: the dataset's folder, or a file of labels."""


class Metric(Part):
    """A figure (accuracies as fractions), with its 95 % interval from resampling groups."""

    value: float
    """The figure."""
    low: float | None
    """Lower end; null where there are no two groups to resample."""
    high: float | None
    """Upper end."""
    n: int = Field(gt=0)
    """Samples."""
    n_groups: int = Field(gt=0)
    """Groups they come from."""
    resampled: Literal["groups", "samples"] = Field(default="groups", exclude_if=lambda unit: unit == "groups")
    """``samples`` where groups are not known: the true interval is at least as wide, as one group's resemble."""
    interval: IntervalRule = Field(default="percentile", exclude_if=lambda rule: rule == "percentile")
    """Rule of the interval; records of before have the percentiles of the bootstrap, too narrow near 0 and 1."""
    draws: Draws = Field(default="philox", exclude_if=lambda draws: draws == "philox")
    """Generator that the groups were drawn with; Philox in records of before numerics 5."""
    ties: TieRule = Field(default="missed", exclude_if=lambda rule: rule == "missed")
    """Rule of ties: ``shared``, a tie of k classes counts 1/k; ``missed``, of records of before, a tie is a miss."""


class FileRef(Part):
    """A file kept beside the record."""

    name: FileName
    """Its name."""
    sha256: Digest
    """Digest of its bytes."""
    address: str | None = Field(default=None, pattern=ADDRESS, max_length=500, exclude_if=lambda at: at is None)
    """Address where it is published, if it is too large to lie beside the record."""
    bytes: int | None = Field(default=None, gt=0, le=LARGEST_PUBLISHED, exclude_if=lambda size: size is None)
    """Its size, if it is published."""


class Excluded(Part):
    """Training clips that could not be read and were left out."""

    count: int = Field(ge=0)
    """Number of clips."""
    names: tuple[str, ...] = Field(max_length=20)
    """The first few."""


class Plugin(Part):
    """Code from outside the suite that took part."""

    name: Name
    """Name of the package or file."""
    version: str | None
    """Version of the package."""
    sha256: Digest | None
    """Digest of the file."""


class PublicCode(Part):
    """Code that anybody can read: an address and a commit."""

    address: str = Field(pattern=ADDRESS, max_length=500)
    """Address of the repository."""
    commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    """The commit."""


class Environment(Part):
    """The software and the device."""

    suite_version: str
    """Version of tta-bench."""
    commit: str | None = Field(pattern=r"^[0-9a-f]{40}$")
    """Commit of the suite's checkout; null when installed from a package."""
    dirty: bool | None
    """The checkout's code had been changed since."""
    python: str
    """Version of Python."""
    platform: str
    """Operating system and processor architecture."""
    packages: dict[str, str]
    """Version of each package that numbers may depend on."""
    plugins: tuple[Plugin, ...]
    """Plug-ins that took part."""
    device: str
    """Name of the accelerator or processor."""
    driver: str | None
    """CUDA, cuDNN and driver, for an accelerator."""
    decoder: str | None
    """Video decoder and its version."""
    precision: str
    """Arithmetic of the model."""
    numerics: int | None = Field(default=None, gt=0, exclude_if=lambda version: version is None)
    """Version of the suite's numerics; null in records from before it was written down."""
    deterministic: bool = Field(default=False, exclude_if=lambda fixed: not fixed)
    """A GPU's operations added in a fixed order, so that equal runs give equal bits."""


class Phase(Part):
    """One phase of a run."""

    name: Literal["extract", "pretrain", "train", "test"]
    """Kind of work."""
    seconds: float = Field(ge=0)
    """Wall-clock time."""
    samples: int = Field(ge=0)
    """Videos that went through."""
    throughput: float = Field(ge=0)
    """Videos a second."""
    waiting: float = Field(ge=0, le=1)
    """Share of the time spent waiting for data."""
    peak_memory_bytes: int | None = Field(ge=0)
    """Most memory used on the device, or by the process on a CPU."""
    joules: float | None = Field(default=None, ge=0, exclude_if=lambda joules: joules is None)
    """Energy of the GPU (NVML) or of the processors (RAPL), others' use included; null where they do not tell."""


MOST_NAMES = 20
"""Names that an entry of a load keeps of each kind."""


class Load(Part):
    """Tensors that were taken from a file of weights, and those that were not."""

    tensors: int = Field(ge=0)
    """The backbone's tensors that were in the file."""
    copy_of: str | None = None
    """The copy of the network that was chosen, where the file holds several."""
    head: str | None = None
    """Name of the classifier in the file, where it was taken too."""
    fresh: tuple[str, ...] = Field(default=(), max_length=MOST_NAMES)
    """The first few of the backbone's tensors that the file lacks and that started anew."""
    resampled: tuple[str, ...] = Field(default=(), max_length=MOST_NAMES)
    """The first few positions that were resampled to another input size, with both shapes."""
    left_over: tuple[str, ...] = Field(default=(), max_length=MOST_NAMES)
    """The first few of the file's tensors that were not taken."""


class Cost(Part):
    """Size and cost of the model."""

    parameters: int | None = Field(ge=0)
    """Parameters, head included."""
    trained: int | None = Field(default=None, ge=0, exclude_if=lambda count: count is None)
    """Parameters that were trained, where the others stayed as they started; null where all were, and untrained."""
    gmacs_per_view: float | None = Field(ge=0)
    """Billions of multiply-adds for a view (what the field prints as GFLOPs)."""
    views: int = Field(gt=0)
    """Views of a video whose scores are averaged."""


class Input(Part):
    """Extent of one view."""

    frames: int = Field(gt=0)
    """Frames."""
    stride: int | None = Field(gt=0)
    """Video frames from one to the next; null where they are spread over the clip."""
    size: int = Field(gt=0)
    """Height and width in pixels."""


class Record(Viewed, Part):
    """The result of one experiment."""

    schema_version: Literal[1] = 1
    """Version of this layout."""
    origin: Literal["run", "scored"]
    """Run by this suite, or scored from somebody's file."""
    party: FileName | None = Field(default=None, exclude_if=lambda party: party is None)
    """Party that measured it, named at submission; null for this project. Its runs replace nobody else's."""
    identity: Identity
    """The experiment."""
    given: tuple[str, ...]
    """The ``key=value`` words as typed, data roots replaced by ``<data.root>``."""
    resolved: dict[str, JsonValue]
    """The settings they led to, the same for every split and seed; ``runtime`` among them changes no number."""
    status: Status
    """State of the run."""
    cause: Annotated[str, BeforeValidator(without_paths)] | None = None
    """Reason of an ``error``; absolute paths are taken out."""
    created: Timestamp
    """Time of its start."""
    heartbeat: Timestamp
    """Time of its last sign of life."""
    finished: Timestamp | None = None
    """Time of its end."""
    metrics: dict[str, Metric] = Field(default_factory=dict)
    """``top1``, ``top5`` (of more than five classes), ``mean_class``, ``pearson``, ...; empty until the end."""
    per_class: dict[str, float] = Field(default_factory=dict)
    """Accuracy on each class that has samples, or r of each emotion that has one."""
    undefined: tuple[str, ...] | None = Field(default=None, exclude_if=lambda names: names is None)
    """Emotions whose r is undefined (constant predictions or labels) and counts 0; null for classes."""
    n_expected: int = Field(ge=0)
    """Samples of the split."""
    n_scored: int = Field(ge=0)
    """Samples that have scores."""
    excluded: Excluded = Excluded(count=0, names=())
    """Training clips left out."""
    predictions: FileRef | None = None
    """Every sample's scores."""
    outcomes: FileRef | None = None
    """A few bytes of every sample, for boards; null where labels may not be published."""
    verifiable_with: LabelSource | None = Field(default=None, exclude_if=lambda source: source is None)
    """Source of labels that recomputes the figures, where labels may not be published."""
    environment: Environment | None
    """Software and device; null for scores from outside."""
    plugin_code: PublicCode | None = Field(default=None, exclude_if=lambda code: code is None)
    """Public code of its plug-ins, named at submission; null where it is not public."""
    phases: tuple[Phase, ...] = ()
    """Its phases, in order."""
    cost: Cost | None
    """Cost of the model, where known."""
    input: Input | None
    """Extent of a view, where known."""
    load: Load | None = Field(default=None, exclude_if=lambda load: load is None)
    """Tensors taken from a file of weights; null without one, and in records of before."""
    overlap: Overlap | None = Field(default=None, exclude_if=lambda overlap: overlap is None)
    """Test clips that are near-duplicates of the pre-training data, where these were looked over."""
    selection: Selection | None = Field(default=None, exclude_if=lambda selection: selection is None)
    """Choice of the training settings, where a grid was trained; ``verify`` has no scores to recompute it from."""
    curve: Curve | None = Field(default=None, exclude_if=lambda curve: curve is None)
    """Figures of the encoder during pre-training, where they were asked for; no board ranks them."""
    content_sha256: Digest | None = None
    """Digest of the rest of this document; set when it is written."""

    @model_validator(mode="after")
    def _consistent(self) -> Record:
        if self.status == "success":
            if self.n_scored != self.n_expected:
                raise ValueError(f"a success must score all samples: {self.n_scored} of {self.n_expected} were")
            if self.finished is None or self.identity.protocol.score not in self.metrics:
                raise ValueError(f"a success needs the time it finished and its score '{self.identity.protocol.score}'")
        elif self.metrics:
            raise ValueError(f"status '{self.status}' has no metrics")
        if self.status == "error" and not self.cause:
            raise ValueError("an error needs its cause")
        return self

    @model_validator(mode="after")
    def _no_paths(self) -> Record:
        if (text := text_with_path(self.model_dump_json(exclude={"metrics", "per_class"}))) is not None:
            raise ValueError(f"records hold no absolute path, and this looks like one: {text!r}")
        return self
