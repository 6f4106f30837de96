"""The one reader of picture files: whatever a command says of a file, and shows of it, comes from here.

::

    from openmolmo.pictures import open_image, verify

    facts = verify("street.jpg")          # decoded to its end: Facts(format="JPEG", width=768, height=1024, ...)
    image = open_image("street.jpg")      # (1024, 768, 3) uint8 RGB, upright; or ImageError

What the model sees is decided here once: the format by content (``formats``), one limit on pixels, EXIF
orientation, transparency dropped and not composed (``decoding``), 16-bit, float and signed numbers
(``depth``). ``thumbnails`` makes small ones of the same pixels, ``addresses`` reads ``data:`` and ``file:``,
``folders`` finds pictures. Odd metadata never loses a readable picture. No torch.
"""

from openmolmo.pictures.decoding import MAX_PIXELS
from openmolmo.pictures.folders import FolderPictures, pictures_in
from openmolmo.pictures.formats import FORMATS, format_of
from openmolmo.pictures.reading import Facts, ImageSource, header_size, open_image, verify
from openmolmo.pictures.thumbnails import reduced, thumbnail

__all__ = [
    "FORMATS",
    "Facts",
    "FolderPictures",
    "ImageSource",
    "MAX_PIXELS",
    "format_of",
    "header_size",
    "open_image",
    "pictures_in",
    "reduced",
    "thumbnail",
    "verify",
]
