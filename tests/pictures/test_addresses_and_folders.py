"""Pictures by ``data:`` and ``file:`` addresses, and those of a folder."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from odd_pictures import ODD
from openmolmo.core.errors import ImageError
from openmolmo.pictures import open_image, pictures_in
from openmolmo.pictures.addresses import beside, from_address, from_base64

PNG = ODD["really-png.jpg"].data
TEXT = base64.b64encode(PNG).decode()


def in_lines(text: str) -> str:
    return "\r\n".join(text[start : start + 76] for start in range(0, len(text), 76)) + "\n"


@pytest.mark.parametrize(
    "text",
    [TEXT, in_lines(TEXT), f"  {TEXT}\n", TEXT.rstrip("="), TEXT.replace("+", "-").replace("/", "_")],
    ids=["plain", "lines of 76", "blanks", "no padding", "for URLs"],
)
def test_base64_in_all_its_forms(text: str) -> None:
    assert from_base64(text) == PNG
    assert open_image(f"data:image/png;base64,{text}").shape == (20, 30, 3)
    assert open_image(f"DATA:;base64,{quote(text)}").shape == (20, 30, 3)


def test_base64_that_is_none() -> None:
    for text in ("!!!", "abcde", "data:image/png;base64,?", "é"):
        with pytest.raises(ImageError, match="base64"):
            from_base64(text)
    with pytest.raises(ImageError, match="no comma"):
        open_image("data:image/png")
    with pytest.raises(ImageError, match="is empty"):
        open_image("data:,")


def test_file_addresses(tmp_path: Path) -> None:
    spaced = tmp_path / "my photo é.png"
    spaced.write_bytes(PNG)
    for address in (spaced.as_uri(), f"file://localhost{quote(str(spaced))}", f"file:{quote(str(spaced))}"):
        assert "%20" in address
        assert open_image(address).shape == (20, 30, 3)
    assert open_image(f"file://{spaced}").shape == (20, 30, 3)
    literal = tmp_path / "a%20b.png"  # a file may really be called so
    literal.write_bytes(PNG)
    assert from_address(f"file://{literal}") == str(literal)
    with pytest.raises(ImageError, match="not on this machine"):
        open_image("file://server/share/a.png")
    with pytest.raises(ImageError, match="there is no picture"):
        open_image((tmp_path / "none here.png").as_uri())


def test_beside() -> None:
    folder = Path("/pictures")
    assert beside(folder, "a b.png") == "/pictures/a b.png"
    assert beside(folder, "file:///x/a%20b.png") == "file:///x/a%20b.png"
    assert beside(folder, "data:image/png;base64,AA==").startswith("data:")


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "deep" / ".cache").mkdir(parents=True)
    for name in ("two.jfif", "three.JPE", "four", "deep/five.dat", ".six.png", "._two.jfif", "deep/.cache/seven.png"):
        (tmp_path / name).write_bytes(PNG)
    (tmp_path / "list.txt").write_text("x")
    (tmp_path / "damaged.PNG").write_text("x")  # its name says that it is one: whoever opens it hears why not
    found = pictures_in(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in found.paths]
    assert names == ["damaged.PNG", "deep/five.dat", "four", "three.JPE", "two.jfif"]
    assert (found.hidden, dict(found.passed_over)) == (3, {".txt": 1})
    assert found.said() == "3 hidden files, 1 that is no picture (.txt 1)"
    assert pictures_in(tmp_path / "deep").said() == "1 hidden file"
    (tmp_path / "clean").mkdir()
    assert pictures_in(tmp_path / "clean").said() is None
