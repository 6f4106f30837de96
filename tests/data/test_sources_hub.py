"""Reading through the hub's library, from a folder that stands for a repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from published_cases import PUBLISHED, declared

from openmolmo.core import optional
from openmolmo.core.errors import DataError, MissingDependencyError

datasets = pytest.importorskip("datasets")


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("chart_qa", {}),
        ("science_qa", {}),
        ("pixmo_points", {"images": str(PUBLISHED / "pictures")}),
        ("android_control", {}),
    ],
)
def test_the_hub_gives_what_a_local_copy_gives(name: str, how: dict[str, str], tmp_path: Path) -> None:
    local = declared(name)(path=str(PUBLISHED / name), **how)
    hub = declared(name)(repo=str(PUBLISHED / name), cache=str(tmp_path), **how)
    assert list(hub) == list(local) and hub.dropped == local.dropped
    again = declared(name)(repo=str(PUBLISHED / name), cache=str(tmp_path), **how)
    assert hub.fingerprint == again.fingerprint


def test_the_hub_streams() -> None:
    for name in ("chart_qa", "st_vqa"):
        streamed = list(declared(name).stream(repo=str(PUBLISHED / name)))
        assert streamed == list(declared(name)(path=str(PUBLISHED / name)))


def test_a_repository_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be loaded from the hub") as caught:
        declared("chart_qa")(repo=str(tmp_path / "absent"))
    assert "path=FOLDER" in (caught.value.fix or "")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(optional.importlib, "import_module", missing)
    with pytest.raises(MissingDependencyError, match="datasets") as caught:
        declared("chart_qa")()
    assert caught.value.fix == 'pip install "openmolmo[hub]"'
