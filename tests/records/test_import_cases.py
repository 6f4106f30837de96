"""Files that people have: each becomes the right points, or a sentence that names what is left out."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from openmolmo.core.errors import DataError
from openmolmo.records import JsonlDataset
from openmolmo.records.check import check_dataset
from openmolmo.records.commands import data
from openmolmo.records.example import Example, NotPresent, Pointing
from openmolmo.records.imports import Imported, import_file

CASES = Path(__file__).parents[1] / "fixtures/records"

Places = dict[str, dict[str, list[tuple[float, float]]]]


def load(case: str, form: str, file: str, images: str = "pictures", config: Path | None = None) -> Imported:
    return import_file(form, CASES / case / file, images=CASES / case / images, config=config)


def places(examples: tuple[Example, ...]) -> Places:
    """Picture, label, points in percent; a label that is not there has none."""
    found: Places = {}
    for one in examples:
        labels = found.setdefault(one.id, {})
        for item in one.annotations:
            assert isinstance(item, (Pointing, NotPresent))
            labels[item.label] = [(point.x, point.y) for point in getattr(item, "points", ())]
    return found


BERRY = {"a.png": {"berry": [(10.0, 20.0)]}}


@pytest.mark.parametrize(
    ("case", "form", "file", "right", "left_out"),
    [
        ("ls-rotated-box", "label-studio", "export.json", {"bar.png": {"bar": [(45.0, 50.0)]}}, {}),
        (
            "cvat-skeleton-outside",
            "cvat",
            "annotations.xml",
            {"hand.png": {"thumb": [(10.0, 10.0)], "wrist": [(50.0, 50.0)]}},
            {"marks that are said to be outside the picture": ["line 7: little finger"]},
        ),
        ("csv-pandas", "csv", "floats.csv", {**BERRY, "b.png": {"berry": []}}, {}),
        ("csv-pandas", "csv", "tab.csv", BERRY, {}),
        ("csv-pandas", "csv", "european.csv", {"a.png": {"berry": [(10.25, 20.0)]}}, {}),
        (
            "csv-pandas",
            "csv",
            "nan.csv",
            BERRY,
            {
                "lines that cannot be read": [
                    "line 3: x is NaN, not a finite number",
                    "line 4: x is nan, not a finite number",
                ]
            },
        ),
        (
            "line-per-point",
            "csv",
            "case.csv",
            {"a.png": {"berry": [(10.0, 20.0), (50.0, 50.0), (90.0, 80.0)]}},
            {},
        ),
        (
            "ls-renamed",
            "label-studio",
            "export.json",
            {"my photo (1).png": {"berry": [(10.0, 20.0)]}, "b.png": {"berry": [(10.0, 20.0)]}},
            {
                "marks of a label that an earlier entry for the same picture has": [
                    "task 2 (id 1) result berry1020: 'berry' of /data/upload/1/22ab34cd-b.png"
                ]
            },
        ),
        ("coco-odd-fields", "coco", "string-ids.json", BERRY, {}),
        (
            "coco-odd-fields",
            "coco",
            "no-bbox.json",
            BERRY,
            {"boxes that cannot be read": ["annotations[1]: lacks 'bbox'"]},
        ),
        (
            "coco-odd-fields",
            "coco",
            "empty-bbox.json",
            BERRY,
            {"boxes that cannot be read": ["annotations[1]: bbox is [], not 4 numbers"]},
        ),
        (
            "coco-odd-fields",
            "coco",
            "keypoints.json",
            {"a.png": {"hand": [(10.0, 20.0)]}},
            {"key points of boxes, of which the centre is taken": ["annotations[0]: hand"]},
        ),
        (
            "ls-twice",
            "label-studio",
            "export.json",
            {"a.png": {"berry": [(10.0, 20.0), (50.0, 50.0)]}},
            {
                "marks of a label that an earlier entry for the same picture has": [
                    "task 1 (id 2) result berry10.419.6: 'berry' of s3://farm/a.png",
                    "task 1 (id 2) result berry49.550.6: 'berry' of s3://farm/a.png",
                ]
            },
        ),
        (
            "ls-ground-truth",
            "label-studio",
            "export.json",
            BERRY,
            {"further annotations of the same task": ["task 0 (id 1): annotation 1"]},
        ),
    ],
)
def test_the_right_points_and_the_names_of_the_rest(
    case: str, form: str, file: str, right: Places, left_out: dict[str, list[str]]
) -> None:
    imported = load(case, form, file)
    assert places(imported.examples) == right
    named: dict[str, list[str]] = {}
    for one in imported.cases:
        named.setdefault(one.reason, []).append(str(one))
    assert named == left_out
    assert imported.left_out == {reason: len(cases) for reason, cases in left_out.items()}


def test_a_mark_belongs_to_the_picture_that_its_name_is_bound_to(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="pictures image, image2: give the labelling interface with --config"):
        load("ls-two-images", "label-studio", "export.json")
    config = tmp_path / "interface.xml"
    config.write_text('<View>\n<Image name="left" value="$image"/><Image value="$image2" name="right"/></View>')
    imported = load("ls-two-images", "label-studio", "export.json", config=config)
    assert places(imported.examples) == {
        "before.png": {"berry": [(10.0, 20.0)]},
        "after.png": {"berry": [(90.0, 80.0)]},
    }
    config.write_text("<View/>")
    with pytest.raises(DataError, match="has no <Image"):
        load("ls-two-images", "label-studio", "export.json", config=config)


def test_ids_that_stand_for_two_things_are_all_named() -> None:
    with pytest.raises(DataError) as error:
        load("coco-merged-ids", "coco", "coco.json")
    assert "images id 1 is 'first.png' and 'second.png'" in str(error.value)
    assert "categories id 1 is 'berry' and 'coin'" in str(error.value)


def test_a_box_without_a_place_is_no_point() -> None:
    with pytest.raises(DataError, match=r"annotations\[0\]: bbox\[0\] is nan, not a finite number"):
        load("coco-odd-fields", "coco", "nan.json")


def test_spellings_of_one_label_are_said() -> None:
    (note,) = load("line-per-point", "csv", "case.csv").notes
    assert str(note) == "'berry': also Berry, BERRY"


def test_a_picture_matched_by_its_last_name_alone_is_said() -> None:
    imported = load("same-name-folders", "coco", "coco.json", images="all/train")
    assert [str(note) for note in imported.notes] == ["val/0001.png: taken to be 0001.png"]
    exact = load("same-name-folders", "coco", "coco.json", images="all")
    assert (exact.examples[0].id, exact.notes) == ("val/0001.png", ())


def test_two_names_never_share_a_picture(tmp_path: Path) -> None:
    values = json.loads((CASES / "same-name-folders/coco.json").read_text())
    values["images"].append({"id": 2, "file_name": "train/0001.png"})
    values["annotations"].append({"id": 2, "image_id": 2, "category_id": 1, "bbox": [12, 12, 16, 16]})
    file = tmp_path / "coco.json"
    file.write_text(json.dumps(values))
    imported = import_file("coco", file, images=CASES / "same-name-folders/all/train")
    assert places(imported.examples) == {"0001.png": {"berry": [(10.0, 20.0)]}}
    assert imported.left_out == {"pictures matched by name alone, as others are": 1}


def green(folder: Path, *names: str, size: tuple[int, int] = (200, 100)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", size, "darkgreen").save(folder / name)
    return folder


ODD = ("plain.png", "shelf #3.png", "50% off.png", "what?.png", "cat%20dog.png", "a;b.png")


@pytest.mark.parametrize(("form", "file"), [("csv", "odd.csv"), ("coco", "coco.json")])
def test_names_that_look_like_addresses_are_names(tmp_path: Path, form: str, file: str) -> None:
    pictures = green(tmp_path / "pictures", *ODD)
    imported = import_file(form, CASES / "names" / file, images=pictures)
    assert places(imported.examples) == {name: {"berry": [(10.0, 20.0)]} for name in ODD}
    assert not imported.cases and not imported.notes


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_are_found_in_any_unicode_form(tmp_path: Path, form: str) -> None:
    names = [unicodedata.normalize(form, name) for name in ("Müsli.png", "café.png", "학점.png")]
    pictures = green(tmp_path / "pictures", *names)
    imported = import_file("csv", CASES / "names/unicode.csv", images=pictures)
    assert [one.id for one in imported.examples] == names
    (tmp_path / "rows.jsonl").write_bytes((CASES / "names/rows.jsonl").read_bytes())
    report = check_dataset(tmp_path)
    assert report.ok, report.faults
    for one in JsonlDataset(tmp_path):
        assert one.image is not None and Path(one.image.path or "").is_file()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("https://x.org/a/dog.png?size=2", "dog.png"),
        ("file:///home/u/cat%20dog.png", "cat%20dog.png"),
        ("file:///home/u/red%20dog%20(x+1).png", "red dog (x+1).png"),
        ("C:\\data\\deep\\fox.png", "deep/fox.png"),
        ("./deep/fox.png", "deep/fox.png"),
        ("/data/local-files/?d=deep%2Ffox.png", "deep/fox.png"),
        ("/data/upload/9/0a1b2c3d-dog.png", "dog.png"),
        ("/data/upload/9/0a1b2c3d-red_dog_x1.png", "red dog (x+1).png"),
    ],
)
def test_ways_in_which_programs_write_a_path(tmp_path: Path, name: str, found: str) -> None:
    pictures = green(tmp_path / "pictures", "dog.png", "cat%20dog.png", "red dog (x+1).png")
    green(pictures / "deep", "fox.png")
    file = tmp_path / "export.json"
    value = {"x": 1, "y": 2, "keypointlabels": ["a"]}
    result = {"id": "r", "type": "keypointlabels", "from_name": "k", "to_name": "image", "value": value}
    file.write_text(json.dumps([{"data": {"image": name}, "annotations": [{"result": [result]}]}]))
    assert [one.id for one in import_file("label-studio", file, images=pictures).examples] == [found]


def csv(tmp_path: Path, lines: str, name: str = "points.csv") -> Imported:
    file = tmp_path / name
    file.write_text(lines)
    return import_file("csv", file, images=tmp_path / "pictures")


def test_a_size_that_is_not_the_pictures_refuses_its_marks(tmp_path: Path) -> None:
    pictures = green(tmp_path / "pictures", "a.png", "b.png", "c.png", "d.png")
    turned = Image.new("RGB", (200, 100))
    exif = turned.getexif()
    exif[0x0112] = 6  # shown upright it is 100 x 200
    turned.save(pictures / "turned.jpg", exif=exif)
    lines = (
        "image,label,x,y,width,height\na.png,x,100,50,400,200\nb.png,x,50,50,100,200\nc.png,x,1,1,nan,100\n"
        "d.png,x,1,1,100.5,50\nturned.jpg,x,50,50,200,100\nturned.jpg,y,50,50,100,200\n"
    )
    imported = csv(tmp_path, lines)
    assert places(imported.examples) == {"a.png": {"x": [(25.0, 25.0)]}, "turned.jpg": {"y": [(50.0, 25.0)]}}
    assert [str(case) for case in imported.cases] == [
        "line 4: width is nan, not a finite number",
        "line 5: width is 100.5, not a whole number above zero",
        "line 3: b.png is 200 x 100, the file says 100 x 200; the sides are exchanged, as EXIF data does it",
        "line 6: turned.jpg is 100 x 200, the file says 200 x 100; the sides are exchanged, as EXIF data does it",
    ]


def test_marks_outside_and_marks_that_stand_there_twice_go_alone(tmp_path: Path) -> None:
    green(tmp_path / "pictures", "a.png")
    lines = "image,label,x,y\na.png,x,10,10\na.png,x,10,10\na.png,x,208.4,50\na.png,x,200.05,100\na.png,x,-1e300,1\n"
    imported = csv(tmp_path, lines)
    assert places(imported.examples) == {"a.png": {"x": [(5.0, 10.0), (100.0, 100.0)]}}
    assert [(case.reason, str(case)) for case in imported.cases] == [
        ("marks that stand there twice", "line 3: 'x' of a.png"),
        ("marks outside the picture", "line 4: 'x' of a.png: x 104.2 %, y 50 %"),
        ("marks outside the picture", "line 6: 'x' of a.png: x -5e+299 %, y 1 %"),
    ]


def test_boxes_with_one_centre_and_other_sizes_are_two_things(tmp_path: Path) -> None:
    green(tmp_path / "pictures", "a.png")
    values = {
        "images": [{"id": 1, "file_name": "a.png", "width": 200.0, "height": "100"}],
        "categories": [{"id": "7", "name": "ring"}],
        "annotations": [
            {"image_id": "1", "category_id": 7.0, "bbox": box} for box in ([40, 40, 20, 20], [45, 45, 10, 10])
        ],
    }
    values["annotations"].append(dict(values["annotations"][0]))
    file = tmp_path / "coco.json"
    file.write_text(json.dumps(values))
    imported = import_file("coco", file, images=tmp_path / "pictures")
    assert places(imported.examples) == {"a.png": {"ring": [(25.0, 50.0), (25.0, 50.0)]}}
    assert imported.left_out == {"marks that stand there twice": 1}


def test_all_faults_of_a_file_are_said_at_once(tmp_path: Path) -> None:
    green(tmp_path / "pictures", "a.png")
    file = tmp_path / "coco.json"
    values = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2}, "b.png"],
        "categories": [{"id": 1, "name": "x"}, {"name": "y"}],
        "annotations": [
            {"image_id": 9, "category_id": 1, "bbox": [1, 1, 1, 1]},
            {"image_id": 1, "category_id": 5, "bbox": [1, 1, 1, 1]},
            {"image_id": 1, "category_id": 1, "bbox": [1, 1, -1, 1]},
            {"image_id": 1, "category_id": 1, "bbox": "1 1 1 1"},
            {"image_id": 1, "category_id": 1, "bbox": [2, 2, 2, 2]},
        ],
    }
    file.write_text(json.dumps(values))
    imported = import_file("coco", file, images=tmp_path / "pictures")
    assert places(imported.examples) == {"a.png": {"x": [(1.5, 3.0)]}}
    assert [str(case) for case in imported.cases] == [
        "categories[1]: lacks 'id'",
        "images[1]: lacks 'file_name'",
        "images[2]: images[2] is 'b.png', not an object with fields",
        "annotations[0]: image_id is 9: the file has no such picture",
        "annotations[1]: category_id is 5: the file has no such category",
        "annotations[2]: bbox is -1 wide and 1 high",
        "annotations[3]: bbox is '1 1 1 1', not 4 numbers",
    ]


def test_places_between_0_and_1_are_asked_about(tmp_path: Path) -> None:
    green(tmp_path / "pictures", "a.png")
    lines = "image,label,x,y\na.png,x,0.2,0.3\na.png,x,0.8,0.7\na.png,x,0.5,1\n"
    (note,) = csv(tmp_path, lines).notes
    assert "are these fractions, not pixel?" in note.reason and "x_fraction" in note.what
    fractions = csv(tmp_path, lines.replace("x,y", "x_fraction,y_fraction"))
    assert not fractions.notes
    assert places(fractions.examples) == {"a.png": {"x": [(20.0, 30.0), (80.0, 70.0), (50.0, 100.0)]}}


def test_half_a_character_goes_alone(tmp_path: Path) -> None:
    green(tmp_path / "pictures", "a.png")
    file = tmp_path / "export.json"
    result = [
        {"id": label, "type": "keypointlabels", "from_name": "k", "value": {"x": 1, "y": 2, "keypointlabels": [label]}}
        for label in ("good", "\ud83d")
    ]
    result.append({"id": "t", "type": "textarea", "from_name": "caption", "value": {"text": ["cut \udce9"]}})
    file.write_text(json.dumps([{"data": {"image": "a.png"}, "annotations": [{"result": result}]}]))
    imported = import_file("label-studio", file, images=tmp_path / "pictures")
    assert places(imported.examples) == {"a.png": {"good": [(1.0, 2.0)]}}
    assert imported.left_out == {"labels that are no text": 1, "texts that are no text": 1}


def test_a_picture_whose_name_is_no_text_is_left_out(tmp_path: Path) -> None:
    pictures = green(tmp_path / "pictures", "a.png")
    (pictures / "a.png").rename(pictures / "caf\udce9.png")
    green(pictures, "b.png")
    file = tmp_path / "coco.json"
    values = {
        "images": [{"id": 1, "file_name": "caf\udce9.png"}, {"id": 2, "file_name": "b.png"}],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": [{"image_id": number, "category_id": 1, "bbox": [1, 1, 2, 2]} for number in (1, 2)],
    }
    file.write_text(json.dumps(values))
    imported = import_file("coco", file, images=pictures)
    assert [one.id for one in imported.examples] == ["b.png"]
    assert imported.left_out == {"pictures that are not in the folder": 1}


def run(*words: object) -> Result:
    return CliRunner().invoke(data, [str(word) for word in words])


@pytest.mark.parametrize("made", ["person-clicked", "CLICKED", "clicked"])
def test_how_marks_were_made_in_either_spelling(tmp_path: Path, made: str) -> None:
    case = CASES / "csv-pandas"
    out = tmp_path / "rows.jsonl"
    done = run("import", "csv", case / "tab.csv", "--images", case / "pictures", "--out", out, "--made", made)
    assert done.exit_code == 0, done.output
    assert json.loads(out.read_text())["provenance"] == {"made": {"pointing": ["person-clicked"]}}
    wrong = run(
        "import", "csv", case / "tab.csv", "--images", case / "pictures", "--out", tmp_path / "x", "--made", "me"
    )
    assert wrong.exit_code == 2 and "person-clicked" in wrong.output


def test_the_command_names_what_it_left_out_and_writes_all_of_it(tmp_path: Path) -> None:
    green(tmp_path / "pictures", "a.png")
    (tmp_path / "points.csv").write_text("image,label,x,y\na.png,x,1,1\n" + "a.png,x,,3\n" * 7)
    out, why = tmp_path / "o/rows.jsonl", tmp_path / "why.jsonl"
    words = ("import", "csv", tmp_path / "points.csv", "--images", tmp_path / "pictures", "--out", out)
    done = run(*words, "--why", why)
    assert "left out: lines that cannot be read: 7 (line 3: x is '', not a number; line 4" in done.output
    assert "and 4 more" in done.output
    rows = [json.loads(line) for line in why.read_text().splitlines()]
    assert len(rows) == 7
    assert rows[6] == {
        "kind": "left_out", "reason": "lines that cannot be read", "where": "line 9", "what": "x is '', not a number",
    }  # fmt: skip


def test_all_reasons_are_written_when_nothing_is_left(tmp_path: Path) -> None:
    green(tmp_path / "pictures", "a.png")
    (tmp_path / "points.csv").write_text("image,label,x,y\n" + "b.png,x,1,1\n" + "a.png,x,inf,3\n" * 5)
    words = ("import", "csv", tmp_path / "points.csv", "--images", tmp_path / "pictures", "--out", tmp_path / "o.jsonl")
    done = run(*words, "--why", tmp_path / "why.jsonl")
    assert isinstance(done.exception, DataError) and "lines that cannot be read: 5 (line 3: x is inf" in str(
        done.exception
    )
    assert len((tmp_path / "why.jsonl").read_text().splitlines()) == 6
    assert not (tmp_path / "o.jsonl").exists()


def test_two_imports_into_one_folder_keep_their_own_pictures_and_licence(tmp_path: Path) -> None:
    for number, licence in ((1, "CC0-1.0"), (2, "CC-BY-4.0")):
        green(tmp_path / f"pictures{number}", "a.png", size=(200 * number, 100 * number))
        (tmp_path / "points.csv").write_text("image,label,x,y\na.png,x,1,1\n")
        words = ("import", "csv", tmp_path / "points.csv", "--images", tmp_path / f"pictures{number}")
        done = run(*words, "--out", tmp_path / f"k/set{number}.jsonl", "--licence", licence, "--name", f"set{number}")
        assert done.exit_code == 0, done.output
    (tmp_path / "k/set3.dataset.json").write_text("{}")
    refused = run(*words, "--out", tmp_path / "k/set3.jsonl")
    assert refused.exit_code == 2 and "set3.dataset.json exists" in refused.output
    for number, licence in ((1, "CC0-1.0"), (2, "CC-BY-4.0")):
        path = tmp_path / f"k/set{number}.jsonl"
        (one,) = JsonlDataset(path)
        assert (one.provenance.dataset, one.provenance.licence) == (f"set{number}", licence)
        assert one.image is not None and Image.open(one.image.path or "").width == 200 * number
        assert check_dataset(path).ok
