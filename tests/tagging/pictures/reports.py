"""Lab reports as Chinese hospitals print them, each from a seed."""

import random
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from tests.tagging.pictures.fonts import CHINESE, font


@dataclass(frozen=True)
class Row:
    """A printed row: analyte of pictures.yml, wording, abbreviation, value as printed, unit, range, arrow (high, low or None)."""

    analyte: str
    name: str
    short: str
    value: str
    unit: str
    low: float
    high: float
    arrow: str | None


@dataclass(frozen=True)
class DrawnReport:
    """The picture and the rows on it."""

    image: Image.Image
    rows: list[Row] = field(default_factory=list)


# analyte, printed names, abbreviation, unit, reference range, decimal places
BLOOD_COUNT = [
    ("wbc", ["白细胞计数", "白细胞", "白细胞数"], "WBC", "10^9/L", 4.0, 12.0, 2),
    ("neutrophil_share", ["中性粒细胞百分比", "中性粒细胞比率"], "NEUT%", "%", 40.0, 75.0, 1),
    ("lymphocyte_share", ["淋巴细胞百分比", "淋巴细胞比率"], "LYMPH%", "%", 20.0, 50.0, 1),
    ("monocyte_share", ["单核细胞百分比"], "MONO%", "%", 3.0, 10.0, 1),
    ("eosinophil_share", ["嗜酸性粒细胞百分比"], "EO%", "%", 0.4, 8.0, 1),
    ("neutrophils", ["中性粒细胞绝对值", "中性粒细胞计数", "中性粒细胞数"], "NEUT#", "10^9/L", 1.8, 6.3, 2),
    ("lymphocytes", ["淋巴细胞绝对值", "淋巴细胞计数"], "LYMPH#", "10^9/L", 1.1, 3.2, 2),
    ("rbc", ["红细胞计数", "红细胞"], "RBC", "10^12/L", 4.0, 5.5, 2),
    ("haemoglobin", ["血红蛋白", "血红蛋白浓度"], "HGB", "g/L", 110, 160, 0),
    ("haematocrit", ["红细胞压积", "红细胞比容"], "HCT", "%", 35.0, 49.0, 1),
    ("mcv", ["平均红细胞体积"], "MCV", "fL", 80.0, 100.0, 1),
    ("mch", ["平均红细胞血红蛋白量"], "MCH", "pg", 27.0, 34.0, 1),
    ("mchc", ["平均红细胞血红蛋白浓度"], "MCHC", "g/L", 316, 354, 0),
    ("platelets", ["血小板计数", "血小板"], "PLT", "10^9/L", 100, 380, 0),
    ("mpv", ["平均血小板体积"], "MPV", "fL", 6.5, 12.0, 1),
    ("crp", ["C反应蛋白", "超敏C反应蛋白"], "CRP", "mg/L", 0.0, 8.0, 2),
]
CHEMISTRY = [
    ("alt", ["丙氨酸氨基转移酶", "谷丙转氨酶"], "ALT", "U/L", 9, 50, 0),
    ("ast", ["天门冬氨酸氨基转移酶", "谷草转氨酶"], "AST", "U/L", 15, 40, 0),
    ("bilirubin", ["总胆红素"], "TBIL", "μmol/L", 3.4, 20.5, 1),
    ("direct_bilirubin", ["直接胆红素"], "DBIL", "μmol/L", 0.0, 6.8, 1),
    ("total_protein", ["总蛋白"], "TP", "g/L", 60.0, 80.0, 1),
    ("albumin", ["白蛋白"], "ALB", "g/L", 35.0, 55.0, 1),
    ("creatinine", ["肌酐"], "CREA", "μmol/L", 22.0, 97.0, 1),
    ("urea", ["尿素"], "UREA", "mmol/L", 1.7, 8.3, 2),
    ("uric_acid", ["尿酸"], "UA", "μmol/L", 150, 420, 0),
    ("glucose", ["葡萄糖"], "GLU", "mmol/L", 3.9, 6.1, 2),
    ("potassium", ["钾"], "K", "mmol/L", 3.5, 5.5, 2),
    ("sodium", ["钠"], "Na", "mmol/L", 135.0, 145.0, 1),
    ("calcium", ["总钙", "钙"], "Ca", "mmol/L", 2.1, 2.8, 2),
    ("ldh", ["乳酸脱氢酶"], "LDH", "U/L", 120, 300, 0),
]
UNIT_FORMS = {
    "10^9/L": ["10^9/L", "×10^9/L", "10*9/L", "10⁹/L", "×10⁹/L"],
    "10^12/L": ["10^12/L", "×10^12/L", "10*12/L", "10¹²/L"],
    "μmol/L": ["μmol/L", "umol/L"],
}
NAMES = ("王小满", "李安安", "陈一诺")
ARROWS = {"high": ["↑", "↑", "H", "高"], "low": ["↓", "↓", "L", "低"]}


def draw_report(seed: int, *, chemistry: bool | None = None) -> DrawnReport:
    """A blood count or a chemistry report; layout, wording, arrows and units vary with the seed."""
    rng = random.Random(f"report{seed}")
    panel = CHEMISTRY if (rng.random() < 0.4 if chemistry is None else chemistry) else BLOOD_COUNT
    count = rng.randint(6, len(panel))
    chosen = [entry for entry in panel if entry in rng.sample(panel, count)]
    rows = [_row(rng, entry) for entry in chosen]
    return DrawnReport(_page(rng, rows), rows)


def _row(rng: random.Random, entry: tuple[str, list[str], str, str, float, float, int]) -> Row:
    analyte, names, short, unit, low, high, places = entry
    span = high - low
    value = rng.choice(
        [rng.uniform(low, high), rng.uniform(low, high), rng.uniform(max(low - span, low * 0.2), low), rng.uniform(high, high + 2 * span)]
    )
    printed = f"{value:.{places}f}"
    number = float(printed)
    arrow = "high" if number > high else "low" if number < low else None
    return Row(analyte, rng.choice(names), short, printed, unit, low, high, arrow)


def _page(rng: random.Random, rows: list[Row]) -> Image.Image:
    size, step = rng.choice([26, 28, 30]), rng.choice([44, 50, 56])
    face = font(rng.choice(CHINESE[:2]), size)
    two_halves = len(rows) >= 10 and rng.random() < 0.3
    attached, bracketed = rng.random() < 0.4, rng.random() < 0.35
    arrows = {kind: rng.choice(signs) for kind, signs in ARROWS.items()}
    units = {unit: rng.choice(forms) for unit, forms in UNIT_FORMS.items()}
    dash = rng.choice(["-", "--", "～", "~", " - "])
    half = (len(rows) + 1) // 2 if two_halves else len(rows)
    width = 1040 * (2 if two_halves else 1) + 120
    page = Image.new("RGB", (width, 380 + half * step + 120), rng.choice([(255, 255, 255), (250, 250, 246), (244, 247, 250)]))
    draw = ImageDraw.Draw(page)
    ink = rng.choice([(20, 20, 24), (50, 50, 60), (30, 30, 80)])
    title = font(CHINESE[2], 44)
    draw.text(
        (width // 2 - 300, 30), rng.choice(["市儿童医院检验报告单", "妇幼保健院检验报告单", "人民医院检验科报告"]), font=title, fill=ink
    )
    draw.text(
        (60, 110),
        f"姓名：{rng.choice(NAMES)}    性别：{rng.choice('男女')}    年龄：{rng.randint(1, 12)}岁    科室：儿科门诊",
        font=face,
        fill=ink,
    )
    moment = f"2026-0{rng.randint(1, 9)}-{rng.randint(10, 28)} 0{rng.randint(7, 9)}:{rng.randint(10, 59)}"
    draw.text(
        (60, 160),
        f"标本：全血    采样时间：{moment}    样本号：{rng.randint(1000, 9999)}",
        font=face,
        fill=ink,
    )
    draw.line((50, 215, width - 50, 215), fill=ink, width=2)
    columns = (0, 50, 430, 590, 660, 850)
    for start in range(2 if two_halves else 1):
        left = 60 + start * 1040
        for x, word in zip(columns, ("", "项目", "结果", "", "单位", "参考范围"), strict=True):
            draw.text((left + x, 230), word, font=face, fill=ink)
        for number, row in enumerate(rows[start * half : (start + 1) * half]):
            y = 290 + number * step
            name = (
                f"{row.name}({row.short})" if bracketed else rng.choice([f"{row.short} {row.name}", row.name]) if not attached else row.name
            )
            places = len(row.value.partition(".")[2])
            span = f"{row.low:.{places}f}{dash}{row.high:.{places}f}"
            sign = arrows[row.arrow] if row.arrow else ""
            cells = [
                str(start * half + number + 1),
                name,
                row.value + (f" {sign}" if attached and sign else ""),
                "" if attached else sign,
                units.get(row.unit, row.unit),
                span,
            ]
            for x, cell in zip(columns, cells, strict=True):
                draw.text((left + x, y), cell, font=face, fill=ink)
    foot = 300 + half * step
    draw.line((50, foot, width - 50, foot), fill=ink, width=2)
    draw.text((60, foot + 20), "检验者：张敏    审核者：刘洋    此报告仅对所检测标本负责", font=face, fill=ink)
    return page
