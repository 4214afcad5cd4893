"""Seven-segment digits as an LCD or LED shows them."""

from dataclasses import dataclass

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]

#   a        Segments lit for each sign.
# f   b
#   g
# e   c
#   d
LIT = {
    "0": "abcdef", "1": "bc", "2": "abged", "3": "abgcd", "4": "fgbc", "5": "afgcd", "6": "afgedc", "7": "abc", "8": "abcdefg",
    "9": "abfgcd", "-": "g", "H": "fbgec", "I": "bc", "i": "c", "L": "fed", "o": "gced", "O": "abcdef", "E": "afged", "r": "ge", " ": "",
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """How the digits are made. `thick` and `gap` are shares of the width, `slant` is the shift of the top over the height."""

    thick: float = 0.2
    gap: float = 0.03
    slant: float = 0.0
    ghost: float = 0.0
    hooked: bool = True


def draw_number(image: Image.Image, at: tuple[int, int], text: str, height: int, ink: Colour, paper: Colour, look: Look) -> int:
    """Draw `text` (digits, HI, LO, a point or colon between them) with its top left corner at `at`; the width that it took."""
    draw = ImageDraw.Draw(image)
    width, left, top = height * 0.52, float(at[0]), at[1]
    pitch = width * 1.28
    for sign in text:
        if sign in ".:":
            dot = height * 0.06
            middle = left - (pitch - width) / 2 + look.slant * height * 0.05
            rows = [height - dot * 1.2] if sign == "." else [height * 0.3, height * 0.7]
            if sign == ":":
                middle += width * 0.12
            for row in rows:
                draw.ellipse((middle - dot, top + row - dot, middle + dot, top + row + dot), fill=ink)
            left += width * (0.3 if sign == ":" else 0.06)
            continue
        for segment in "abcdefg":
            lit = segment in LIT[sign] or (look.hooked and (sign, segment) in {("7", "f")})
            colour = ink if lit else _between(paper, ink, look.ghost)
            if lit or look.ghost:
                draw.polygon(_shape(segment, left, top, width, height, look), fill=colour)
        left += pitch
    return int(left - at[0])


def _shape(segment: str, left: float, top: float, width: float, height: float, look: Look) -> list[tuple[float, float]]:
    t, g, half = look.thick * width, look.gap * width, height / 2
    flat = {"a": t / 2, "g": half, "d": height - t / 2}
    if segment in flat:
        y = flat[segment]
        x0, x1 = t / 2 + g, width - t / 2 - g
        corners = [(x0, y), (x0 + t / 2, y - t / 2), (x1 - t / 2, y - t / 2), (x1, y), (x1 - t / 2, y + t / 2), (x0 + t / 2, y + t / 2)]
    else:
        x = t / 2 if segment in "fe" else width - t / 2
        y0, y1 = (t / 2 + g, half - g) if segment in "fb" else (half + g, height - t / 2 - g)
        corners = [(x, y0), (x + t / 2, y0 + t / 2), (x + t / 2, y1 - t / 2), (x, y1), (x - t / 2, y1 - t / 2), (x - t / 2, y0 + t / 2)]
    return [(left + x + look.slant * (height - y), top + y) for x, y in corners]


def _between(paper: Colour, ink: Colour, share: float) -> Colour:
    red, green, blue = (round(p + (i - p) * share) for p, i in zip(paper, ink, strict=True))
    return red, green, blue
