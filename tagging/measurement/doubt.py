"""What speaks against a reading although the grammar made one: it is asked about then, never kept in silence.

The grammar knows what a number means where it knows the words around it. The rules here look for signs that something at a value was not
understood: a numeral cut in two, somebody who may be the one measured, a denial, a correction. One sign is enough; a question costs less
than a wrong value in the record, and a danger behind a doubtful value is still told (Readings.doubtful).
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from tagging.measurement.counts import A_DAY
from tagging.measurement.quantity import Quantity
from tagging.measurement.readers import CHANGE
from tagging.measurement.row import touches_code
from tagging.measurement.scan import Token
from tagging.measurement.scene import Scene
from tagging.measurement.scope import CLAUSE, WHOSE
from tagging.measurement.spoken import is_only_said, stands_beside
from tagging.measurement.whose import WINDOW, head_of, names_siblings, whose_it_may_be
from tagging.patient import PatientFacts

# The vital's own question of vitals.yml is asked.
AS_USUAL = ""
# Nothing is asked: it is somebody else's (我37.2，宝宝38.6), or long past.
NOT_HIS = "-"
# What goes on behind a value is no longer than this.
LONGEST_REST = 3
# So few times are no day's count that a longer while could be mistaken for (从早上到现在就尿了一次).
FEW = 2
# The ends of a range that is no change differ less.
FAR_APART = 1.5
_NOW_AND_THEN = re.compile(
    r"一会[^，。！？]{0,3}\d[^。！？]{0,6}一会[^，。！？]{0,3}\d|有时[^，。！？]{0,3}\d[^。！？]{0,6}有时[^，。！？]{0,3}\d"
)
_GREW = re.compile(r"现在|今[天年早]|长|去年|上[个次周月]|从|以前|之前|原来|出生|变|月|岁|周|号|昨|前")
# What is told in tenths, and between what bounds a number may be one.
_IN_DECIMALS = {"temperature": (35.0, 42.5), "glucose": (1.1, 33.3), "bilirubin": (3.0, 30.0), "blood_ketone": (0.0, 9.0)}
MOST_TOKENS = 400
_MEASURED_IN = {"weight": "mass", "birth_weight": "mass", "height": "length", "head_circumference": "length"}
_COUNTS = frozenset({"wet_diapers", "stool_count", "vomit_count", "feed_count"})
# 六斤三两|五, 七万|八, 三十六厘米|半: a numeral goes on where the value ended.
_GOES_ON = re.compile(r"[.·]?\d|[一二两三四五六七八九](?!\w)|半(?![天小个夜年月片包袋瓶])|[/+×*]{2,}")
# 132/84, 95 112: nothing but this stands between the parts of one reading.
_TOUCHES = re.compile(r"[/\\~～ ]{0,2}")
# 8 斤 1 两, 九斤差一两.
_JOINS = re.compile(r"\s{0,2}(?:零|又|差|还差|少|多)?\s?")
# 母乳100加奶粉50, 90+80: a part of a sum.
_ADDED = re.compile(r"[^，。！？,!?\d]{0,3}(?:加上?|[+＋]|外加|另加)[^，。！？,!?\d]{0,6}\d")
_IN_HOSPITAL = re.compile(r"(?:出院|住院|入院)(?:的?时候?|那天|当天|小结|记录|单)[^，。！？,!?\d]{0,6}$")
# 三十八度点五, 四十度零一点
_SPLIT = re.compile(r"[点零][\d一二三四五六七八九]")
_NONE_OF_IT = re.compile(r"没(?!再)|冇|木有")
_CORRECTS = re.compile(
    r"[写记看听说打输登]成了?(?![^。！？]*应该)|不对(?!劲)|[打说写发看记搞弄输按读报]错|错了|更正|(?<!早产)纠正(?!胎龄|月龄|年龄)|口误|手误|写反|搞反|颠倒|算错"
)
_RECKONED = re.compile(r"减去|减掉|减完|相减|扣掉|扣除|抱着?(?:他|她|娃|宝宝|孩子|一起)*(?:称|上秤)")
_LONGER = re.compile(r"从[昨前今早][^，。！？,!?]{0,8}到(?:现在|今天|今早|今晚|这会|刚才|目前)|这[几两三]天")
# 早上吐一次，中午吐一次: what was counted in parts of one day is no day's count.
_IN_PARTS = re.compile(
    r"(?:早上|早晨|上午|中午|下午|傍晚|晚上|夜里|夜间|半夜|凌晨|白天|夜)[^，。！？,!?\d一二两三四五六七八九十]{0,6}[\d一二两三四五六七八九十]{1,3}[次回顿泡趟片]"
)
_ANOTHER_DAY = re.compile(r"昨|前[天晚]|平时|平常|以前|之前|原来|号|周|第|变成|上[次个]")
_OF_A_DAY = re.compile(r"[一每]天")
_DENIED = re.compile(r"(?:没有?|不是|哪有|哪里有)(?:到|烧到|发到|量到|是|到过)?\s?$")
# 没量体温，估计没有38度: guessed, not measured.
_NOT_MEASURED = re.compile(
    r"没(?:有|来得及|顾上|法)?(?:给[他她])?(?:量|测|称)[^，。！？,!?\d过]{0,4}[，,、 ]"
    r"[^，。！？,!?\d]{0,4}(?:估计|感觉|觉得|应该|大概|可能|好像|摸)[^，。！？,!?\d]{0,6}$"
)
# 每次喂70，有时候60
_SOMETIMES, LONGEST_SOMETIMES = (
    re.compile(r"(?:ml|毫升)?[，, ]?(?:有时候?|偶尔|有几次|也有)(?:只|就|才|是|会|能)*(?:[喂喝吃])?(?:到)?\d"),
    12,
)
# 9点3 cut in two.
_POINT_BEFORE = re.compile(r"[\d一二三四五六七八九十]点$")
# What may stand between two values of which one is meant, and between two pressures of one reading.
_EITHER, _NO_TIME, LONGEST_LINK, LOWER_SHARE = re.compile(r"度?(?:还是|要么|或者?是?)"), re.compile(r"[^，。！？,!?；; ]{0,4}"), 6, 0.8
_HEARD = re.compile(r"(?:听说|据说|都说|交代|嘱咐|要求|规定|说明书|书上|网上|标准|预计|预测)[^，。！？,!?]{0,8}$")


def doubts(scene: Scene, kept: Sequence[Quantity], patient: PatientFacts) -> Mapping[int, str]:
    """The question, or AS_USUAL or NOT_HIS, for each of `kept` (by its place) that cannot be trusted."""
    if not kept:
        return {}
    several = names_siblings(scene.text)
    corrected = len(kept) > 1 and _CORRECTS.search(scene.text) is not None
    asked: dict[int, str] = {}
    for place, quantity in enumerate(kept):
        if quantity.question:
            continue
        if is_only_said(scene.text, quantity):
            asked[place] = NOT_HIS if stands_beside(quantity, kept) else AS_USUAL
            continue
        person = whose_it_may_be(scene.text, quantity, kept, patient)
        if several or person == "somebody":
            asked[place] = WHOSE
        elif person == "other" or _is_of_the_stay(scene.text, quantity, kept):
            asked[place] = NOT_HIS
        elif quantity.vital in _COUNTS and (_is_no_days_count(scene.text, quantity) or _is_in_parts(scene.text, quantity, kept)):
            asked[place] = A_DAY
        elif (
            _is_cut(scene, quantity, kept)
            or (corrected and sum(other.vital == quantity.vital for other in kept) > 1)
            or (quantity.vital == "weight" and _RECKONED.search(scene.text))
            or _is_talk(scene.text, quantity)
            or _is_told_otherwise(scene.text, quantity, kept)
            or _is_one_of_two(scene.text, quantity, kept)
            or (quantity.vital == "feed_volume" and _ADDED.match(scene.text, quantity.end) is not None)
            or (_SOMETIMES.match(scene.text, quantity.end) is not None and not _reads_next(quantity, kept))
        ):
            asked[place] = AS_USUAL
    return asked


def leaves_unread(scene: Scene, quantities: Sequence[Quantity]) -> bool:
    """Whether a decimal that may be a further answer to the question stands in the message and nothing was made of it."""
    if not scene.asked or scene.asked[0] not in _IN_DECIMALS:
        return False
    lowest, highest = _IN_DECIMALS[scene.asked[0]]
    for token in scene.tokens[:MOST_TOKENS]:
        amount = token.amount
        if amount is None or amount.unit is not None or not amount.decimal or not lowest <= amount.value <= highest:
            continue
        if not _is_read(token, quantities) and not CHANGE.search(scene.text, max(0, token.start - 8), token.start):
            return True
    return False


def tells_only_change(scene: Scene) -> bool:
    """比昨天高0.5度 in answer to how high: the change is no answer."""
    if scene.asked[:1] not in (("temperature",), ("weight",), ("glucose",), ("height",), ("peak_flow",)):
        return False
    return any(token.amount is not None and CHANGE.search(scene.text, max(0, token.start - 8), token.start) for token in scene.tokens[:40])


def _is_cut(scene: Scene, quantity: Quantity, kept: Sequence[Quantity]) -> bool:
    """Whether a numeral that is no value of its own touches the value."""
    first = bisect_left(scene.tokens, quantity.start - LONGEST_REST, key=lambda token: token.end)
    last = bisect_right(scene.tokens, quantity.end + LONGEST_REST, key=lambda token: token.start)
    near = scene.tokens[first:last]
    for token in near:
        between = scene.text[quantity.end : token.start] if token.start >= quantity.end else scene.text[token.end : quantity.start]
        if _is_read(token, kept):
            continue
        if _is_numeral(scene, token) and _TOUCHES.fullmatch(between):
            return True
        if _is_lesser(token, quantity) and _JOINS.fullmatch(between):
            return True
        if (
            token.kind == "moment"
            and token.end == quantity.start
            and quantity.end - quantity.start == 1
            and scene.text[token.end - 1] == "点"
        ):
            return True
    single = quantity.end - quantity.start == 1
    if touches_code(near, quantity.end) or (single and _POINT_BEFORE.search(scene.text, max(0, quantity.start - 2), quantity.start)):
        return True
    starts = [token.start for token in near] + [other.start for other in kept]
    if _SPLIT.match(scene.text, quantity.end) or _is_change(scene.text, quantity):
        return True
    rest = _GOES_ON.match(scene.text, quantity.end)
    return rest is not None and not any(quantity.end <= start < rest.end() for start in starts)


def _is_numeral(scene: Scene, token: Token) -> bool:
    """Whether a token is a bare number and no single character that may begin a word (39.5一小天)."""
    amount = token.amount
    if amount is None or amount.unit is not None:
        return False
    return not (amount.han and amount.digits == 1) or _GOES_ON.match(scene.text, token.start) is not None


def _is_change(folded: str, quantity: Quantity) -> bool:
    """从15到32 is a change told as a range where its ends are far apart."""
    return (
        quantity.low is not None
        and quantity.value > FAR_APART * quantity.low
        and folded[max(0, quantity.start - 1) : quantity.start] in ("从", "由")
    )


def _is_lesser(token: Token, quantity: Quantity) -> bool:
    """Whether a token is an amount of the same kind behind the value (8 斤 1 两)."""
    dimension = _MEASURED_IN.get(quantity.vital)
    return token.start >= quantity.end and token.amount is not None and dimension is not None and token.amount.dimension == dimension


def _is_read(token: Token, kept: Sequence[Quantity]) -> bool:
    return any(quantity.start <= token.start < quantity.end for quantity in kept)


def _is_of_the_stay(folded: str, quantity: Quantity, kept: Sequence[Quantity]) -> bool:
    """12.6，出院时14.1: what was measured in hospital is no value of now where another one is told."""
    told = _IN_HOSPITAL.search(folded, max(0, quantity.start - 12), quantity.start)
    return told is not None and any(o is not quantity and o.vital == quantity.vital for o in kept)


def _is_no_days_count(folded: str, quantity: Quantity) -> bool:
    """一次都没有 counts nothing, 从昨晚到现在八次 no day."""
    clause = (
        CLAUSE.split(folded[max(0, quantity.start - WINDOW) : quantity.start])[-1]
        + CLAUSE.split(folded[quantity.start : quantity.end + WINDOW])[0]
    )
    longer = _LONGER.search(clause) is not None and _OF_A_DAY.search(clause) is None
    return (quantity.value == 1 and _NONE_OF_IT.search(clause) is not None) or (quantity.value > FEW and longer)


def _is_in_parts(folded: str, quantity: Quantity, kept: Sequence[Quantity]) -> bool:
    """Whether a vital is counted more than once on one day (白天6次，夜里2次); feeds of two kinds may stand together."""
    if _OF_A_DAY.search(folded) is not None or _ANOTHER_DAY.search(folded) is not None:
        return False
    same = {other.value for other in kept if other.vital == quantity.vital}
    return len(_IN_PARTS.findall(folded)) > 1 or (len(same) > 1 and quantity.vital != "feed_count")


def _is_told_otherwise(folded: str, quantity: Quantity, kept: Sequence[Quantity]) -> bool:
    """Two weights at birth, two heights of one day (坐着量68，躺着量71); 一会4点几一会9点几, of which one was read."""
    others = [other for other in kept if other.vital == quantity.vital and other is not quantity]
    if not others and _NOW_AND_THEN.search(folded):
        return True
    if quantity.vital == "birth_weight" or (quantity.vital in ("height", "head_circumference") and not _GREW.search(folded)):
        return any(other.value != quantity.value for other in others)
    return False


def _is_one_of_two(folded: str, quantity: Quantity, kept: Sequence[Quantity]) -> bool:
    """38度还是39度来着: one of two, and nobody says which; two upper pressures at once (142横88) are one reading."""
    for other in kept:
        first, second = (quantity, other) if quantity.start < other.start else (other, quantity)
        if other is quantity or other.vital != quantity.vital or second.start - first.end > LONGEST_LINK:
            continue
        if _EITHER.fullmatch(folded, first.end, second.start):
            return True
        if (
            quantity.vital == "systolic_bp"
            and second.value < LOWER_SHARE * first.value
            and _NO_TIME.fullmatch(folded, first.end, second.start)
        ):
            return True
    return False


def _reads_next(quantity: Quantity, kept: Sequence[Quantity]) -> bool:
    """Whether a further value of the vital stands close behind this one."""
    return any(other.vital == quantity.vital and 0 <= other.start - quantity.end <= LONGEST_SOMETIMES for other in kept)


def _is_talk(folded: str, quantity: Quantity) -> bool:
    """听说40度, 没有38度: a value that is heard of or denied."""
    head = head_of(folded, quantity)
    if _HEARD.search(head) or _NOT_MEASURED.search(head):
        return True
    return quantity.precision == "exact" and _DENIED.search(head) is not None
