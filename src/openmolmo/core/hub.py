"""Models and tables of the Hugging Face hub, by name: fetched once, then read from the local cache.

Only settings, tokenizer files, weights and Parquet files are fetched: never code, which this library does not run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from openmolmo.core.errors import CheckpointError, DataError
from openmolmo.core.files import disk_full_as_error
from openmolmo.core.progress import say

__all__ = ["fetch_model", "fetch_tables", "fetch_tokenizer", "is_repository"]

_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)
_MODEL = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "known_world.json",
    "crop_policy.npz",
    "*.safetensors",
    "*.safetensors.index.json",
    *_TOKENIZER,
)

_NAME = r"[A-Za-z0-9][\w.-]{0,95}"
_REPOSITORY = re.compile(rf"{_NAME}/{_NAME}(?:@[\w./-]+)?")


def is_repository(name: str) -> bool:
    """Whether ``name`` has the form OWNER/NAME or OWNER/NAME@REVISION, and its first part is no folder here."""
    return bool(_REPOSITORY.fullmatch(name)) and not Path(name.partition("/")[0]).exists()


def fetch_model(repository: str) -> Path:
    """The local folder of a model of the hub; ``repository`` is OWNER/NAME or OWNER/NAME@REVISION.

    Raises:
        CheckpointError: there is no such repository, it is not open to this user, or the hub cannot be reached
            and the cache does not have it.
    """
    return _fetch(repository, _MODEL, "model")


def fetch_tokenizer(repository: str) -> Path:
    """The local folder of the tokenizer files of a repository; errors as in :func:`fetch_model`."""
    return _fetch(repository, _TOKENIZER, "tokenizer")


def fetch_tables(repository: str) -> Path:
    """The local folder of the Parquet files of a data set of the hub.

    Raises:
        DataError: as CheckpointError in :func:`fetch_model`.
    """
    return _fetch(repository, ("*.parquet",), "data set")


def _fetch(repository: str, patterns: tuple[str, ...], what: Literal["model", "tokenizer", "data set"]) -> Path:
    # Imported here because it takes a while, and because it reads its settings (offline, cache) then.
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from huggingface_hub.file_download import repo_folder_name

    name, _, revision = repository.partition("@")
    data = what == "data set"
    kind, page, option = ("dataset", "datasets/", " --repo-type dataset") if data else ("model", "", "")
    instead = "name the folder of its files: --rows FOLDER" if data else "give the path of a folder"
    problem = DataError if data else CheckpointError
    cached = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type=kind) / "snapshots"
    if not cached.is_dir() and not constants.HF_HUB_OFFLINE:
        say(f"fetching the {what} {repository} from the hub")  # the library's own bars are switched off
    try:
        with disk_full_as_error(Path(constants.HF_HUB_CACHE)):
            return Path(
                snapshot_download(name, repo_type=kind, revision=revision or None, allow_patterns=list(patterns))
            )
    except GatedRepoError as error:
        raise problem(
            f"the {what} {name!r} at the hub is open only to those who accepted its terms",
            fix=f"accept them at https://huggingface.co/{page}{name} and log in: hf auth login",
        ) from error
    except RevisionNotFoundError as error:
        raise problem(
            f"the repository {name!r} at the hub has no revision {revision!r}", fix="give a branch, tag or commit of it"
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise problem(
            f"there is no {what} {name!r}: neither a folder here nor a repository at the hub that you may read",
            fix="check the name; for a private repository, log in first: hf auth login",
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        offline = "the hub is switched off (HF_HUB_OFFLINE=1)" if constants.HF_HUB_OFFLINE else "the hub did not answer"
        raise problem(
            f"there is no {what} {repository!r}: no folder of that name here, {offline}, "
            f"and the cache {constants.HF_HUB_CACHE} does not have it",
            fix=f"fetch it where there is a network: hf download {name}{option}; or {instead}",
        ) from error
