"""Fonts of the machine, by name."""

from functools import cache

from PIL import ImageFont

CHINESE = ("NotoSansCJK-Regular.ttc", "NotoSerifCJK-Regular.ttc", "NotoSansCJK-Bold.ttc")


@cache
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font at `size` pixels. Raises OSError when the machine has none of that name."""
    return ImageFont.truetype(name, size)


def has_chinese() -> bool:
    """Whether reports and Chinese labels can be drawn here."""
    try:
        font(CHINESE[0], 20)
    except OSError:
        return False
    return True
