"""Thermometers, scales, glucose meters, blood pressure monitors and oximeters, each from a seed."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from tests.tagging.pictures.fonts import CHINESE, font
from tests.tagging.pictures.segments import Colour, Look, draw_number

LCD: list[tuple[Colour, Colour]] = [
    ((168, 180, 160), (28, 34, 30)),
    ((196, 202, 192), (40, 44, 48)),
    ((150, 170, 150), (20, 26, 24)),
    ((182, 190, 198), (30, 32, 40)),
    ((120, 190, 120), (16, 30, 16)),
    ((235, 150, 70), (40, 20, 10)),
    ((225, 90, 80), (35, 10, 10)),
    ((130, 180, 225), (12, 20, 40)),
]
LED: list[tuple[Colour, Colour]] = [
    ((14, 14, 18), (240, 245, 250)),
    ((16, 10, 12), (255, 60, 50)),
    ((10, 14, 24), (90, 200, 255)),
    ((12, 18, 12), (110, 255, 130)),
]
BODIES: list[Colour] = [(244, 244, 242), (225, 232, 238), (250, 225, 230), (205, 225, 220), (60, 64, 72), (238, 238, 225)]


@dataclass(frozen=True)
class Drawn:
    """A picture and what it says: vital → value in the canonical unit of vitals.yml; `limit` for HI and LO."""

    image: Image.Image
    values: dict[str, float] = field(default_factory=dict)
    limit: str | None = None


def draw_device(kind: str, seed: int) -> Drawn:
    """One device of `kind` (a key of DEVICES)."""
    return DEVICES[kind](random.Random(f"{kind}{seed}"))


def _look(rng: random.Random) -> Look:
    return Look(
        thick=rng.uniform(0.16, 0.27),
        gap=rng.uniform(0.01, 0.06),
        slant=rng.choice([0.0, 0.0, 0.06, 0.1]),
        ghost=rng.choice([0.0, 0.0, 0.06, 0.1]),
        hooked=rng.random() < 0.4,
    )


def _screen(rng: random.Random, size: tuple[int, int], *, led: float) -> tuple[Image.Image, Colour, Colour, Look]:
    paper, ink = rng.choice(LED if rng.random() < led else LCD)
    return Image.new("RGB", size, paper), paper, ink, _look(rng)


def _device(rng: random.Random, screen: Image.Image, names: list[str]) -> Image.Image:
    """The screen in its case, with a made-up brand above."""
    border, head = rng.randint(40, 110), rng.randint(60, 140)
    body = rng.choice(BODIES)
    image = Image.new("RGB", (screen.width + 2 * border, screen.height + head + border), body)
    draw = ImageDraw.Draw(image)
    ink: Colour = (90, 95, 105) if sum(body) > 380 else (210, 210, 215)
    draw.text((border, head // 3), rng.choice(names), font=font(CHINESE[0], max(22, head // 3)), fill=ink)
    draw.rounded_rectangle((border - 10, head - 10, border + screen.width + 10, head + screen.height + 10), 14, fill=(70, 74, 80))
    image.paste(screen, (border, head))
    return image


def _text(image: Image.Image, at: tuple[int, int], words: str, size: int, ink: Colour) -> None:
    ImageDraw.Draw(image).text(at, words, font=font(CHINESE[2], size), fill=ink)


def thermometer(rng: random.Random) -> Drawn:
    """Pen or forehead thermometer."""
    value = round(rng.choice([rng.uniform(35.2, 37.4), rng.uniform(37.5, 41.2)]), rng.choice([1, 1, 1, 2]))
    digits = f"{value:.2f}" if value != round(value, 1) else f"{value:.1f}"
    height = rng.randint(110, 190)
    screen, paper, ink, look = _screen(rng, (int(height * 3.9), int(height * 1.5)), led=0.15)
    if rng.random() < 0.25:
        _text(screen, (8, 4), rng.choice(["M", "体温", "Body", "MEM"]), height // 6, ink)
    width = draw_number(screen, (int(height * 0.45), int(height * 0.28)), digits, height, ink, paper, look)
    _text(screen, (int(height * 0.5) + width, int(height * 0.2)), rng.choice(["℃", "°C", "℃"]), height // 3, ink)
    names = ["电子体温计", "红外额温计", "Digital Thermometer", "耳温枪", "MT-301", "小熊健康"]
    return Drawn(_device(rng, screen, names), {"temperature": float(digits)})


def scale(rng: random.Random) -> Drawn:
    """Baby or bathroom scale, in kg, 斤 or g."""
    unit = rng.choice(["kg", "kg", "kg", "斤", "g"])
    kilograms = rng.choice([rng.uniform(2.2, 7), rng.uniform(7, 35), rng.uniform(3, 6)])
    if unit == "g":
        kilograms = rng.uniform(2.2, 9)
        digits, value = f"{round(kilograms * 1000 / 5) * 5}", round(kilograms * 1000 / 5) * 5 / 1000
    else:
        places = rng.choice([1, 2, 2])
        shown = round(kilograms * (2 if unit == "斤" else 1), places)
        digits, value = f"{shown:.{places}f}", shown / (2 if unit == "斤" else 1)
    height = rng.randint(100, 180)
    screen, paper, ink, look = _screen(rng, (int(height * 4.2), int(height * 1.5)), led=0.5)
    width = draw_number(screen, (int(height * 0.35), int(height * 0.25)), digits, height, ink, paper, look)
    _text(screen, (int(height * 0.42) + width, int(height * 0.75)), unit, height // 3, ink)
    return Drawn(_device(rng, screen, ["婴儿秤", "电子秤", "体重秤", "Baby Scale", "Body Scale"]), {"weight": round(value, 4)})


def glucose_meter(rng: random.Random) -> Drawn:
    """Glucose meter with the time of day, in mmol/L or mg/dL; sometimes HI or LO."""
    height = rng.randint(110, 170)
    screen, paper, ink, look = _screen(rng, (int(height * 3.4), int(height * 2.4)), led=0.1)
    small = height // 4
    draw_number(
        screen, (int(height * 0.2), int(height * 0.15)), f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}", small, ink, paper, look
    )
    draw_number(screen, (int(height * 2.0), int(height * 0.15)), f"{rng.randint(1, 12)}-{rng.randint(1, 28):02d}", small, ink, paper, look)
    draw_at = (int(height * 0.4), int(height * 0.65))
    if rng.random() < 0.1:
        word = rng.choice(["HI", "LO"])
        draw_number(screen, draw_at, word, height, ink, paper, look)
        _text(screen, (int(height * 2.1), int(height * 1.85)), "mmol/L", height // 4, ink)
        return Drawn(_device(rng, screen, ["血糖仪", "Glucose Meter"]), {}, word)
    value = round(rng.choice([rng.uniform(1.8, 3.9), rng.uniform(4, 11), rng.uniform(11, 29)]), 1)
    milligrams = rng.random() < 0.15
    digits = f"{round(value / 0.055506)}" if milligrams else f"{value:.1f}"
    draw_number(screen, draw_at, digits, height, ink, paper, look)
    _text(screen, (int(height * 2.0), int(height * 1.85)), "mg/dL" if milligrams else "mmol/L", height // 4, ink)
    if rng.random() < 0.3:
        _text(screen, (int(height * 0.3), int(height * 1.9)), rng.choice(["餐前", "餐后", "空腹"]), height // 5, ink)
    glucose = round(int(digits) * 0.055506, 4) if milligrams else value
    return Drawn(_device(rng, screen, ["血糖仪", "Glucose Meter", "稳糖", "GM-550"]), {"glucose": glucose})


def blood_pressure(rng: random.Random) -> Drawn:
    """Upper-arm monitor: systolic, diastolic, pulse, each with its label."""
    systolic = rng.randint(85, 190)
    diastolic, pulse = rng.randint(45, min(systolic - 20, 120)), rng.randint(52, 150)
    height = rng.randint(90, 130)
    screen, paper, ink, look = _screen(rng, (int(height * 3.6), int(height * 4.6)), led=0.15)
    chinese = rng.random() < 0.4
    labels = (
        [("高压", "低压", "脉搏"), ("收缩压", "舒张压", "脉搏")][rng.randint(0, 1)]
        if chinese
        else ("SYS", "DIA", rng.choice(["PUL", "PULSE"]))
    )
    units = ("mmHg", "mmHg", rng.choice(["/min", "bpm", "次/分"]))
    y = int(height * 0.45)
    if rng.random() < 0.6:
        clock = f"{rng.randint(1, 12)}-{rng.randint(1, 28):02d} {rng.randint(0, 23)}:{rng.randint(0, 59):02d}"
        draw_number(screen, (int(height * 0.6), int(height * 0.1)), clock, height // 5, ink, paper, look)
    for number, label, unit, size in zip((systolic, diastolic, pulse), labels, units, (1.0, 1.0, 0.75), strict=True):
        tall = int(height * size)
        _text(screen, (10, y), label, height // 5, ink)
        _text(screen, (10, y + height // 4), unit, height // 6, ink)
        digits = f"{number:>3}"
        draw_number(screen, (int(height * 1.1), y), digits, tall, ink, paper, look)
        y += int(tall * 1.3)
    names = ["电子血压计", "Blood Pressure Monitor", "BP-200"]
    values = {"systolic_bp": float(systolic), "diastolic_bp": float(diastolic), "heart_rate": float(pulse)}
    return Drawn(_device(rng, screen, names), values)


def oximeter(rng: random.Random) -> Drawn:
    """Finger oximeter: saturation and pulse side by side or stacked."""
    saturation, pulse = rng.choice([rng.randint(94, 99), rng.randint(80, 93)]), rng.randint(55, 165)
    height = rng.randint(90, 140)
    stacked = rng.random() < 0.4
    size = (int(height * 2.4), int(height * 3.4)) if stacked else (int(height * 4.0), int(height * 1.9))
    screen, paper, ink, look = _screen(rng, size, led=0.8)
    places = [
        (int(height * 0.3), int(height * 0.4)),
        (int(height * 0.3), int(height * 2.1)) if stacked else (int(height * 1.95), int(height * 0.4)),
    ]
    for (x, y), label, digits in zip(
        places,
        (rng.choice(["%SpO2", "SpO2%", "SpO₂"]), rng.choice(["PRbpm", "PR bpm", "♥bpm"])),
        (f"{saturation}", f"{pulse}"),
        strict=True,
    ):
        _text(screen, (x, y - int(height * 0.32)), label, height // 5, ink)
        draw_number(screen, (x, y), digits, height, ink, paper, look)
    return Drawn(_device(rng, screen, ["血氧仪", "Pulse Oximeter", "指夹式"]), {"spo2": float(saturation), "heart_rate": float(pulse)})


DEVICES: dict[str, Callable[[random.Random], Drawn]] = {
    "thermometer": thermometer,
    "scale": scale,
    "glucose_meter": glucose_meter,
    "blood_pressure": blood_pressure,
    "oximeter": oximeter,
}
