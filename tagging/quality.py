"""How strong a sign is told to be, which way it goes, and whether it keeps coming back, from the words around its mention."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from tagging.text import JUDGED, clause_bounds

Severity = Literal["mild", "severe"]
Trend = Literal["better", "worse", "same"]

_MILD_BEFORE = re.compile(
    r"(?:有点儿?|有一点点?|有些|稍微?|稍稍|略微?|轻微的?|轻度|微微|一点点?|偶尔|不怎么|不太|不大|不咋|没怎么|就一两声|少量|些许)(?:的|会|有|地|在|爱|能)*$"
)
_MILD_AFTER = re.compile(
    r"(?:得|的|也|都|倒|还|但|，|是)*(?:不(?:算|是|太|怎么|是很|是特别|大)?(?:厉害|严重|频繁|多|明显|重)|没那么(?:厉害|严重)|很轻|比较轻|一两声|几声|一点点|一点$|一点[，。])"
)
_SEVERE_BEFORE = re.compile(
    r"(?:很|特别|非常|太|好|剧烈的?|严重的?|拼命|使劲|一直不停地?|不停地?|不断地?|猛|狠|大量|重度|极|十分|超级?|贼|老)$"
)
_SEVERE_AFTER = re.compile(
    r"(?:得|的|地|也|都|还)*(?:很|特别|非常|好|挺|真|太|比较|越来越|更|越发)?(?:厉害|严重|凶|不行|要命|受不了|难受|狠|频繁|不停|不止|停不下来|睡不着|睡不了|打滚|直哭)"
    r"|(?:得|的)(?:很|慌|不得了)(?![好少轻])"
)
_MILD_INSIDE = re.compile(r"有点|有些|有一点|稍|轻微|略|轻度|低[烧热]|微|一点|不怎么|不太|不是很|不大")
_SEVERE_INSIDE = re.compile(r"很|特别|非常|太|剧烈|严重|重度|高[烧热]|极|大量|十分|好几")

_BETTER = re.compile(
    r"(?:好(?:多了|一?些了?|一点了?|转)|减轻|轻(?:了|多了|一些|一点)|少(?:了|多了|一些|一点)|缓解|有所|控制住|降(?:了|下)|退(?:了|下)|不怎么.{0,6}了|没那么.{0,6}了|见好|见轻)"
)
_WORSE = re.compile(
    r"加重|加剧|越来越|更(?:厉害|严重|重|频繁|加|多)|恶化|又(?:厉害|严重|重)了|变(?:多|重|严重)|严重了|厉害了|多了起来|比(?:昨天|之前|前两天|早上|上午).{0,4}(?:多|重|厉害|高)|升高|反弹"
)
_SAME = re.compile(
    r"(?:没有?|不)(?:见|怎么|太|明显|什么)?(?:好转|见好|见效|减轻|缓解|变化|改善|起色)|还是(?:那样|一样|老样子)|跟(?:昨天|之前).{0,3}一样|一直不好|总不好|老不好|不见好"
)
_RECURRENT = re.compile(
    r"反反?复|又|再次|经常|总是?|老是?|断断续续|时好时坏|每次|每天都|复发|时不时|隔三差五|一会.{0,4}一会|动不动|常常|三天两头|好了又|反弹"
)


@dataclass(frozen=True)
class Quality:
    """What is told of a sign besides its being there."""

    severity: Severity | None = None
    trend: Trend | None = None
    recurrent: bool = False


@lru_cache(maxsize=JUDGED)
def quality(folded: str, start: int, end: int) -> Quality:
    """Strength, direction and recurrence of the mention [start, end) of folded text; nothing beyond the clause behind it is read."""
    left, right = clause_bounds(folded, start)
    before = folded[max(left, start - 10) : start]
    inside = folded[start:end]
    after = folded[end : min(max(right, end), end + 12)]
    later = folded[end : end + 24]
    return Quality(_severity(before, inside, after), _trend(before + inside, later), bool(_RECURRENT.search(before + inside)))


def _severity(before: str, inside: str, after: str) -> Severity | None:
    if _MILD_AFTER.match(after) or _MILD_BEFORE.search(before):
        return "mild"
    if _SEVERE_AFTER.match(after):
        return "severe"
    if _MILD_INSIDE.search(inside):
        return "mild"
    return "severe" if _SEVERE_BEFORE.search(before) or _SEVERE_INSIDE.search(inside) else None


def _trend(before: str, later: str) -> Trend | None:
    near = re.split(r"[。！？!?\n；;]", later)[0]
    if _SAME.search(near):
        return "same"
    if _WORSE.search(before) or _WORSE.search(near):
        return "worse"
    first = re.split(r"[，,]", near)[0]
    return "better" if _BETTER.search(first) or (re.search(r"不怎么$|没那么$", before) and "了" in first) else None
