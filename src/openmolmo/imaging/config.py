"""How pictures are cut for one vision encoder: sizes, margins, resizing and normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError
from openmolmo.imaging.policies import CROP_POLICIES

__all__ = ["NORMALIZATIONS", "CropConfig"]

# (mean, std) per channel of pixel values in [0, 1].
NORMALIZATIONS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "siglip": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@dataclass(frozen=True, kw_only=True)
class CropConfig(Config):
    """Settings of the crop plan and the crops (arXiv 2409.17146, section 2 and appendix A).

    The defaults are those of CLIP ViT-L/14-336: 24x24 patches a crop, of which 4 on each side are
    margin, so crops are laid at a stride of 16 patches = 224 pixels.

    ``crop_size``, ``patch_size`` are pixels; ``pool`` patches become one token in each direction;
    ``margins`` are patches given up at the left/top and right/bottom of a crop where it has a
    neighbour (in mode ``overlap`` alone); ``max_crops`` counts high-resolution crops, the global
    crop comes on top.

    ``mode``: ``overlap`` (global crop and overlapping crops), ``no_overlap`` (the same with margins
    0) or ``single`` (the global crop alone). ``resize``: ``clip`` keeps the aspect and pads with
    black; ``siglip`` stretches, bilinear without antialias; ``dinov2`` and ``metaclip`` stretch,
    bicubic with antialias. ``shift_patch_mask``: the released models read the padding mask one
    crop late; keep True for their weights, False gives new models a mask that fits.

    Raises ConfigError when the sizes do not fit each other.
    """

    crop_size: int = 336
    patch_size: int = 14
    pool: int = 2
    margins: tuple[int, int] = (4, 4)
    max_crops: int = 12
    mode: Literal["overlap", "no_overlap", "single"] = "overlap"
    resize: Literal["clip", "siglip", "dinov2", "metaclip"] = "clip"
    normalize: Literal["clip", "siglip", "imagenet"] = "clip"
    shift_patch_mask: bool = True
    keep: int | None = None
    policy: str = "all"
    keep_from: int | None = None

    def __post_init__(self) -> None:
        for name in ("crop_size", "patch_size", "pool", "max_crops"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}, must be at least 1")
        for name, known in (
            ("mode", ("overlap", "no_overlap", "single")),
            ("resize", ("clip", "siglip", "dinov2", "metaclip")),
            ("normalize", tuple(NORMALIZATIONS)),
        ):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} is {getattr(self, name)!r}, must be one of {', '.join(known)}")
        if self.crop_size % self.patch_size:
            raise ConfigError(
                f"crop_size {self.crop_size} is not a whole number of patches of {self.patch_size} pixels",
                fix=f"use {self.crop_size // self.patch_size * self.patch_size or self.patch_size}",
            )
        self._check_margins()
        self._check_keep()

    def _check_keep(self) -> None:
        if self.policy != "all" and self.policy not in CROP_POLICIES:
            CROP_POLICIES.get(self.policy)  # raises, with the names that are known
        if self.keep is None and self.keep_from is None:
            return
        if self.keep is None or self.policy == "all":
            raise ConfigError(
                f"crop.keep={self.keep} and keep_from={self.keep_from} with crop.policy={self.policy}: "
                + ("of how many crops?" if self.keep is None else "which crops are to be kept is not said"),
                fix=f"set crop.policy to one of {', '.join(CROP_POLICIES)}, then crop.keep, then crop.keep_from",
            )
        if self.mode == "single":
            raise ConfigError(
                f"crop.keep={self.keep} chooses among crops, and with crop.mode=single there are none",
                fix="set crop.mode=overlap or no_overlap first, or crop.keep=none",
            )
        if not 0 <= self.keep <= self.max_crops:
            raise ConfigError(
                f"crop.keep={self.keep} must be 0 or more, and not more than there are: max_crops={self.max_crops}",
                fix=f"set crop.keep to {self.max_crops} or less, or raise crop.max_crops first",
            )
        if self.keep_from is not None and not 0 <= self.keep_from <= self.keep:
            raise ConfigError(f"crop.keep_from={self.keep_from} must be at least 0 and at most crop.keep={self.keep}")

    def _check_margins(self) -> None:
        if not isinstance(self.margins, tuple) or len(self.margins) != 2 or min(self.margins) < 0:
            raise ConfigError(f"margins are {self.margins!r}, must be a tuple of two counts of patches, 0 or more")
        if self.mode != "overlap":
            return  # none are in force
        if sum(self.margins) >= self.patches_per_side:
            raise ConfigError(
                f"margins {self.margins} take {sum(self.margins)} of {self.patches_per_side} patches a side, "
                "nothing is left between them",
                fix="use smaller margins or a larger crop_size",
            )
        if self.margins[0] % self.pool:
            raise ConfigError(
                f"the left/top margin of {self.margins[0]} patches is not a multiple of pool {self.pool}",
                fix="pooled windows would straddle the margin; use a multiple",
            )

    @property
    def patches_per_side(self) -> int:
        """Patches in a row (and column) of one crop: 24 for CLIP-336."""
        return self.crop_size // self.patch_size

    @property
    def patches_per_crop(self) -> int:
        """Patches in one crop: 576 for CLIP-336."""
        return self.patches_per_side**2

    @property
    def pooled_per_side(self) -> int:
        """Pooled patches in a row of one crop, an odd last one padded: 12 for CLIP-336, 14 for 27 patches."""
        return -(-self.patches_per_side // self.pool)

    @property
    def used_margins(self) -> tuple[int, int]:
        """The margins in force: none unless crops overlap."""
        return self.margins if self.mode == "overlap" else (0, 0)

    @property
    def margin_pixels(self) -> int:
        """Pixels that both margins of a crop take together: 112 for CLIP-336."""
        return sum(self.used_margins) * self.patch_size

    @property
    def stride(self) -> int:
        """Pixels from one crop to the next: 224 for CLIP-336."""
        return self.crop_size - self.margin_pixels
