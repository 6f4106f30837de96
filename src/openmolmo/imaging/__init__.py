"""Image file -> crop plan -> crops -> which patches become tokens.

::

    from openmolmo.imaging import CropConfig, cut_crops, make_plan, open_image

    config = CropConfig()                               # CLIP ViT-L/14-336, 12 crops
    image = open_image("street.jpg")                    # (768, 1024, 3) uint8, or ImageError
    plan = make_plan(image.shape[1], image.shape[0], config)
    plan.grid, plan.n_crops, plan.n_tokens              # (3, 4), 13, 1152: from the size alone
    crops = cut_crops(image, plan, config)
    crops.pixels.shape                                  # (13, 3, 336, 336) float32, global crop first
    plan.pooled_patches[0]                              # the 4 patches behind the first <im_patch>

The plan (``plan``) needs no pixels, so packing counts tokens without decoding. The pictures room refuses
hostile files; ``resize`` holds the arithmetic; ``crops`` cuts, normalises and says how much of
each patch is real; ``policies`` and ``keeping`` leave crops out where there is a budget of them.
Source: arXiv 2409.17146, section 2 and the released models.
"""

from openmolmo.imaging.config import CropConfig
from openmolmo.imaging.crops import Crops, cut_crops
from openmolmo.imaging.keeping import Grids, count_tokens, keep_crops, regions_of
from openmolmo.imaging.plan import CropPlan, Resize, make_plan
from openmolmo.imaging.policies import CROP_POLICIES, View
from openmolmo.pictures import MAX_PIXELS, open_image

__all__ = [
    "CROP_POLICIES",
    "CropConfig",
    "CropPlan",
    "Crops",
    "Grids",
    "MAX_PIXELS",
    "Resize",
    "View",
    "count_tokens",
    "cut_crops",
    "keep_crops",
    "make_plan",
    "open_image",
    "regions_of",
]
