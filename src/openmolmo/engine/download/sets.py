"""The published sets whose pictures are URLs: where their rows are, and which columns matter here.

Columns as on the data cards of arXiv 2409.17146's release, section 3 of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from openmolmo.core.errors import RunError
from openmolmo.core.files import disk_full_as_error
from openmolmo.engine.download.tables import Columns

__all__ = ["SETS", "PublishedSet", "fetch_rows"]


@dataclass(frozen=True, kw_only=True)
class PublishedSet:
    """A repository of the hub and its columns."""

    repository: str
    columns: Columns


def _pixmo(name: str, *labels: str, hashed: bool = True) -> PublishedSet:
    columns = Columns(url="image_url", sha256="image_sha256" if hashed else None, labels=labels)
    return PublishedSet(repository=f"allenai/{name}", columns=columns)


SETS: dict[str, PublishedSet] = {
    "pixmo-ask-model-anything": _pixmo("pixmo-ask-model-anything"),
    "pixmo-cap": _pixmo("pixmo-cap", hashed=False),
    "pixmo-cap-qa": _pixmo("pixmo-cap-qa"),
    "pixmo-count": _pixmo("pixmo-count", "label", "count"),
    "pixmo-point-explanations": _pixmo("pixmo-point-explanations"),
    "pixmo-points": _pixmo("pixmo-points", "label", "count", "collection_method"),
    "pixmo-points-eval": _pixmo("pixmo-points-eval", "label"),
}
"""By the names that ``openmolmo download`` takes. PixMo-Docs holds its pictures; PixMo-Clocks has none."""


def fetch_rows(published: PublishedSet) -> Path:
    """The folder of a set's parquet files, from the hub or its local cache; RunError if neither has them."""
    # Imported here because it takes a while, and because it reads its settings (offline, cache) then.
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        with disk_full_as_error(Path(constants.HF_HUB_CACHE)):
            return Path(snapshot_download(published.repository, repo_type="dataset", allow_patterns=["*.parquet"]))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise RunError(
            f"the rows of {published.repository} cannot be had: the hub did not answer and the cache "
            f"{constants.HF_HUB_CACHE} does not have them",
            fix=f"fetch them where there is a network (hf download {published.repository} --repo-type dataset) "
            "and name their folder: --rows FOLDER",
        ) from error
