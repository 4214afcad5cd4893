"""Medicines named in a message, with the dose as typed. A list of names; nothing is advised from it."""

import re
from dataclasses import dataclass

from tagging.numeral import HAN
from tagging.text import fold

_NAMES = (
    "布洛芬|美林|恬倩|托恩|对乙酰氨基酚|泰诺林|泰诺|扑热息痛|百服宁|退烧药|退热药|退烧栓|退热贴|阿奇霉素|头孢克肟|头孢克洛|头孢曲松|头孢地尼|头孢|阿莫西林克拉维酸钾|阿莫西林|红霉素|青霉素|利巴韦林|奥司他韦"
    "|可威|达菲|孟鲁司特钠?|顺尔宁|西替利嗪|氯雷他定|开瑞坦|仙特明|沙丁胺醇|万托林|布地奈德|普米克令舒|普米克|舒利迭|信必可|氨溴索|沐舒坦|易坦静|氨溴特罗|愈酚|右美沙芬|小儿豉翘|豉翘|蒲地蓝|连花清瘟"
    "|蒙脱石散|思密达|妈咪爱|益生菌|布拉氏|培菲康|口服补液盐|补液盐|消旋卡多曲|多潘立酮|吗丁啉|西甲硅油|开塞露|乳果糖|茵栀黄|蓝光|维生素d3?|维d|维生素ad|ad|钙剂|铁剂|葡萄糖酸锌|锌剂"
    "|泼尼松|强的松|甲泼尼龙|美卓乐|甲强龙|地塞米松|氢化可的松|甲氨蝶呤|mtx|叶酸|环磷酰胺|吗替麦考酚酯|mmf|环孢素|他克莫司|羟氯喹|英夫利昔|益赛普|阿达木单抗|托珠单抗|丙球|丙种球蛋白|阿司匹林"
    "|6-?mp|巯嘌呤|长春新碱|培门冬酶|升白针|昂丹司琼|止吐药|止咳药|消炎药|抗生素|感冒药|胰岛素|二甲双胍|降压药|氨氯地平|激素|凝血因子|八因子|九因子|华法林|肝素|丙戊酸钠?|左乙拉西坦|开浦兰|奥卡西平|德巴金"
    "|舍曲林|氟西汀|阿立哌唑|利培酮|哌甲酯|专注达|托莫西汀|安眠药|褪黑素"
)
_NAME = re.compile(_NAMES)
_DOSE = rf"(?:\d+(?:\.\d+)?|{HAN}|半)\s*(?:毫升|ml|毫克|mg|片|粒|颗|袋|包|滴|支|喷|单位|g|克|万单位)"
_DOSE_BEFORE = re.compile(rf"({_DOSE})(?:的)?$")
_DOSE_AFTER = re.compile(rf"[^，。！？;；]{{0,4}}?({_DOSE})")


@dataclass(frozen=True)
class MedicineMention:
    """A medicine: offsets and text as typed, and the dose next to it as typed (5毫升)."""

    start: int
    end: int
    text: str
    dose: str | None


def find_medicines(text: str) -> list[MedicineMention]:
    """Every medicine of the list named in `text`, in order."""
    folded = fold(text)
    found = []
    for match in _NAME.finditer(folded):
        if match.group() == "ad" and re.search(
            r"[a-z]", folded[max(0, match.start() - 1) : match.start()] + folded[match.end() : match.end() + 1]
        ):
            continue
        dose = _DOSE_BEFORE.search(folded, max(0, match.start() - 10), match.start()) or _DOSE_AFTER.match(folded, match.end())
        found.append(MedicineMention(match.start(), match.end(), text[match.start() : match.end()], dose[1] if dose else None))
    return found
