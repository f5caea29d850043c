"""A therapist's photo: whatever picture comes in, one small square picture without its history goes out."""

from __future__ import annotations

import struct
import warnings
from io import BytesIO
from typing import BinaryIO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps

#: Pixels of a side: twice of what is shown, for sharp screens.
SIDE = 320
#: Of the file that is sent.
MOST_BYTES = 12 * 1024 * 1024
#: Of the picture as it is decoded, at twelve bytes each. A JPEG is decoded at a size near the one that is kept, so a telephone's
#: largest is no matter; the other formats have to be decoded whole.
MOST_PIXELS = 24_000_000
FORMATS = ("JPEG", "PNG", "WEBP")
#: Where a face is in a portrait, from the top: a square cut around it keeps the hair on.
FACE_AT = (0.5, 0.35)


def portrait(file: BinaryIO, size: int) -> bytes:
    """The picture as WebP, SIDE pixels square, turned as its camera meant it and with nothing else the camera noted.

    ``size``: of the file, in bytes. Raises ValidationError for what is too large, broken or no picture of FORMATS.
    """
    if size > MOST_BYTES:
        raise ValidationError(_("This file is larger than 12 MB. Please choose a smaller one."))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MOST_PIXELS is stricter
            with Image.open(file, formats=FORMATS) as picture:
                picture.draft("RGB", (2 * SIDE, 2 * SIDE))
                if picture.width * picture.height > MOST_PIXELS:
                    raise ValidationError(_("This picture has too many pixels. Please choose a smaller one."))
                square = ImageOps.fit(ImageOps.exif_transpose(picture).convert("RGB"), (SIDE, SIDE), centering=FACE_AT)
    except (OSError, SyntaxError, TypeError, ValueError, struct.error, Image.DecompressionBombError) as fault:
        raise ValidationError(_("This is no picture we can read. JPEG, PNG and WebP work.")) from fault
    made = BytesIO()
    square.save(made, "WEBP", quality=82, method=6)
    return made.getvalue()
