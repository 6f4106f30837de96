"""Writing in pictures: lines with boxes and scores, in the order of reading.

::

    from openmolmo.engine.ocr import read_text

    reading = read_text("receipt.jpg", cache=Path("ocr"))   # Reading: lines, engine, model, version
    reading.rows                                            # ["Coffee 3.50", "Total 3.50"], for a prompt

The driver ``rapidocr`` works without network; one of your own is an entry point in ``openmolmo.ocr_drivers``.
"""

from openmolmo.engine.ocr.driver import OCR_DRIVERS, OCRDriver, build_ocr, read_text
from openmolmo.engine.ocr.lines import Line, Reading, in_rows

__all__ = ["OCR_DRIVERS", "Line", "OCRDriver", "Reading", "build_ocr", "in_rows", "read_text"]
