"""What people marked in other programs, as examples: Label Studio, COCO, CVAT and plain CSV files.

    imported = import_file("label-studio", Path("export.json"), images=Path("pictures"), licence="CC0-1.0")
    write_imported(imported, Path("stars.jsonl"))        # or a folder, for Parquet shards

    marked.py         what one picture has in such a file, and the account of what was left out    (start here)
    label_studio.py, coco.py, cvat.py, csv_table.py      one reader a format: file -> Marked
    values.py         numbers, sizes and ids as other programs write them
    finder.py         pictures of a folder by the names that other programs give them
    merging.py        all that a file says about one picture, in percent, each mark once
    reading.py        import_file: the steps above in order
    writing.py        as JSONL with its defaults, or as shards

Every picture becomes one example, with one annotation for each label. Points become percent of width and
height. How a mark was made is taken from the file where it says so; otherwise it is what ``made`` says, and
``unknown`` (which the audit refuses) when nobody says it.

One bad entry never takes the good ones with it: it is left out, and named with its place in the file.
"""

from openmolmo.records.imports.marked import Case
from openmolmo.records.imports.reading import FORMATS, Imported, import_file
from openmolmo.records.imports.writing import write_imported

__all__ = ["FORMATS", "Case", "Imported", "import_file", "write_imported"]
