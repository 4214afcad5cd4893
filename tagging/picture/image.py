"""Bytes from outside become pixels, or a clear refusal: size, pixel and type limits come before decoding."""

import io
import warnings
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tagging.errors import TaggingError

# WeCom passes pictures of up to 10 MB on; a CLI user may have the camera's original.
MAX_BYTES = 20_000_000
# The best telephones make 50 megapixels; a bomb of the same size still decodes into 150 MB, once.
MAX_PIXELS = 52_000_000
MIN_SIDE = 24
# A lab report's lines are 12 pixels high at this width, which is what the recogniser needs.
LONG_SIDE = 2000
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")

Pixels = Any
"""A numpy array, height × width × 3, uint8, in OpenCV's order blue, green, red."""


class PictureError(TaggingError):
    """A file that is no picture we can open. Codes: `picture_type`, `picture_broken`, `picture_size`, `picture_small`."""


def open_picture(data: bytes) -> Pixels:
    """The picture upright as the camera held it, at most LONG_SIDE pixels long. Raises PictureError.

    The pixel count is read from the header; nothing larger than MAX_PIXELS is decoded. JPEGs are decoded at reduced size.
    """
    if not data:
        raise PictureError("picture_broken", "the file is empty")
    if len(data) > MAX_BYTES:
        raise PictureError("picture_size", f"the file has {len(data)} bytes; up to {MAX_BYTES} are read")
    try:
        with warnings.catch_warnings():
            # Our own limit is stricter than the one that Pillow warns of.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return _pixels(image)
    except UnidentifiedImageError as err:
        raise PictureError("picture_type", "this is not a JPEG, PNG, WebP, GIF or BMP picture") from err
    except PictureError:
        raise
    except Image.DecompressionBombError as err:
        raise PictureError("picture_size", f"the picture claims more than {MAX_PIXELS} pixels") from err
    # A hostile file can make a decoder raise nearly anything; whatever it is, the file is what is wrong.
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        MemoryError,
        ArithmeticError,
        LookupError,
        TypeError,
    ) as err:
        raise PictureError("picture_broken", f"the picture cannot be decoded ({type(err).__name__})") from err


def _pixels(image: Image.Image) -> Pixels:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError("picture_size", f"the picture has {width} × {height} pixels; up to {MAX_PIXELS} are read")
    if min(width, height) < MIN_SIDE:
        raise PictureError("picture_small", f"a picture of {width} × {height} pixels shows nothing")
    image.draft("RGB", (LONG_SIDE, LONG_SIDE))
    turned = ImageOps.exif_transpose(image)
    if turned.mode in ("RGBA", "LA", "P", "PA"):
        # What shows through a transparent picture is white, as WeChat shows it.
        turned = turned.convert("RGBA")
        paper = Image.new("RGBA", turned.size, "white")
        paper.alpha_composite(turned)
        turned = paper
    if turned.mode.startswith(("I;16", "I", "F")):
        turned = turned.convert("L")
    turned = turned.convert("RGB")
    turned.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    if min(turned.size) < MIN_SIDE:
        raise PictureError("picture_small", f"a picture of {width} × {height} pixels is a mere line")
    return np.ascontiguousarray(np.asarray(turned)[..., ::-1])
