"""Whether an amount is a reading of this child: not another's, not a limit that is talked about, not long past, not taken back."""

import re
from collections.abc import Sequence
from dataclasses import replace

from tagging.assertion import Assertion, Span, assess
from tagging.measurement.amount import Precision
from tagging.measurement.quantity import Quantity
from tagging.patient import PatientFacts

# How much text before and after decides; more would make long texts slow.
BEFORE, AFTER = 90, 50
# Vitals of which a number is asked about (心率58正常吗) only once it was measured.
_LEVELS = frozenset(
    {"heart_rate", "respiratory_rate", "systolic_bp", "diastolic_bp", "glucose", "blood_ketone", "spo2", "bilirubin", "weight"}
)
# Under this age it is the parent who writes, and 我血压 is the parent's (R).
WRITES_FOR_HIMSELF = 10 * 365
# Asked when the values of a message may be several people's.
WHOSE = "这是哪个孩子的、还是您自己的？"
_SIBLING = re.compile(r"(哥哥|弟弟|姐姐|妹妹|老大|老二|老三|大宝|二宝|大的|小的)[^，。！？,!?\d]{0,6}$")
_MY_OWN = re.compile(
    r"我(?:的|最近|今天|昨天|现在|这)?(?:血压|血糖|体重|身高|心率|血氧|体温)(?:(?!孩子|宝宝|娃|他|她|小孩|儿子|女儿)[^。！？]){0,20}$"
)
# 爷爷心率56，我的73
_MINE = re.compile(r"^(?:而|那)?我(?:自己|本人)?的?(?:是|有|才|只有|今天|现在|刚才|就|也|量的?|测的?|[:：])*\s?(?:\d{2,3}/)?$")
# 糖妈妈宝宝血糖2.3: the mother only tells whose child.
_REPORTER = re.compile(
    r"(?:爸爸|妈妈)的?(?=宝宝|宝贝|孩子|娃)|(?:(?:[他她我]|孩子|宝宝|娃)?(?:爸爸?|妈妈?|爷爷|奶奶|外婆|外公|姥姥|姥爷|姑姑|阿姨)|老人家?|家里人|老师|护士|医生|大夫|保姆|月嫂)"
    r"(?=(?:给(?:他|她|孩子|宝宝|娃)?|帮(?:他|她|孩子|宝宝|娃)?|刚|又|早上|晚上|中午|下午|昨天|今天|打电话|来电话)?(?:说|讲|觉得|感觉|告诉|量|测|称|数|摸|发现|喊|报))"
)
_COMPARED = re.compile(
    r"比(?:别的|其他|同龄的?|同班的?|人家的?|[他她])?(?:同学|孩子|小孩|小朋友|宝宝|人|哥哥|姐姐|弟弟|妹妹|哥|姐|弟|妹|老大|老二)(?:们|都|还|要)*[高矮重轻胖瘦大小长]|"
    r"(?:我们|我家|咱们?家?)小朋友|怕[有是](?=[\d一二两三四五六七八九十])|[比较跟和](?:上个?(?:月|周|星期|礼拜|次|回)|去年|以前|之前|昨天|前天|上上次)"
)
RELATIVE = (
    r"(?:爸爸?|妈妈?|爷爷|奶奶|外婆|外公|姥姥|姥爷|老伴儿?|老公|老婆|老头子?|老太太|爱人|丈夫|媳妇儿?|婆婆|公公|岳父|岳母|丈母娘|老丈人"
    r"|叔叔|阿姨|舅舅|姑姑|嫂子|姐夫|妹夫|室友|舍友|同学|同桌|工友|邻居|闺蜜|(?<!小)朋友|同事|领导)"
)
_VITAL = r"(?:血压|血糖|体温|体重|身高|心率|心跳|脉搏|血氧|高压|低压)"
# 我妈血压…, 我妈空腹血糖…, 我爱人150/95: between the relative and the number stands nothing but the vital and its circumstances.
_RELATIVES_OWN = re.compile(
    rf"{RELATIVE}(?:的|他|她)?(?:自己|本人)?的?(?:{_VITAL}[^，。！？,!?]{{0,8}}"
    rf"|(?:早上|早晨|中午|晚上|今天|今早|昨天|昨晚|最近|现在|平时|体检|空腹|餐后|饭后|睡前|随机|指尖|末梢|腋下){{1,3}}的?{_VITAL}[^，。！？,!?]{{0,8}}"
    r"|(?:的|也|都|才|有|是|就|快|到|达|今天|昨天|现在|最近|早上|晚上){0,3}\s?(?:\d{2,3}/)?)$"
)
# 我是七床小明的妈妈: who writes is not who is ill.
_WRITER = re.compile(rf"(?<!不)(?<!说)(?:我是|这里是|这是)[^，。！？,!?]{{0,12}}?(?:的|家)?(?:{RELATIVE}|家长)")
# 3床的阿姨说她血糖9.2
_NEIGHBOUR = re.compile(
    r"(?:床|隔壁|对面|邻床|病房里?)的?(?:那个|一个|有个)?(?:阿姨|大爷|大妈|大姐|大哥|大叔|叔叔|奶奶|爷爷|老太太?|老头|病友|家属|病人|小朋友|小孩)"
    r"[^，。！？,!?]{0,14}$"
    r"|(?:隔壁床?|楼[上下]|对门|邻居家?|同事家?|朋友家?|亲戚家?|邻床|[对旁]边床|同房间?|同病房|\d{1,2}床|[一二三四五六七八九十]{1,3}床)的?(?:那个|那家|一个|有个|家)?的?(?:娃娃?|孩子|小孩|小朋友|宝宝|宝贝|男孩|女孩)(?:(?!我)[^，。！？,!?]){0,14}$"
)
# 听说40度会烧坏脑子; 没发过40度的烧.
# 姥姥测的血糖11，宝宝没测
_CHILD_NOT_MEASURED = re.compile(r"[^，。！？,!?]{0,3}[，,](?:宝宝|孩子|娃儿?|小孩|他|她|小宝)(?:的|自己)?(?:还|都|倒)?没(?:有)?[量测称查]")
# 奶奶说摸着有38度，一量才37.3: what a hand guessed is over once it was measured.
_BY_HAND = re.compile(r"(?:摸着|摸起来|摸上去|估摸着?)(?:好像|大概|估计|怎么也|得|有|像|是|快|应该)*\s?$")
_MEASURED_THEN = re.compile(r"一[量测]|[量测](?:了|出来|下来|的)")
_HEARSAY = re.compile(r"(?:听说|据说|(?:邻居|别人|人家|朋友|同事|亲戚)(?:们|都)?说|都说|网上说|书上说|书上写|说明书)[^，。！？,!?]{0,8}$")
_NEVER = re.compile(r"没有?再?(?:发|出现|有)过\s?$")
_USUALLY = re.compile(
    r"(?:(?:预计值|预测值|参考值|预计|个人最好|(?<=[速值])最好|最好(?:那次|那回|的?时候|时|成绩|记录|纪录)|个人最佳|最佳|基线|基础)(?:值|成绩)?|(?:平时|往常|以往|平常|一般)[^，。！？\d]{0,6})(?:是|的|在|都)?\s?$"
    r"|(?:峰|吹|pef)[^。！？]{0,30}最好(?:的?一次)?是\s?$"
)
_SOMEBODY = re.compile(
    r"(?:(?:别的|其他|别人家的?|人家的?|同班的?|其余)(?:孩子|小孩|小朋友|宝宝|娃|同学|病人)|(?<![给跟和])[他她我](?:姐|哥|弟|妹|爷|奶|姥|舅|叔|姑|婶)(?!们?说)|(?:群里|群友|网上|网友|论坛|小红书|抖音|帖子)(?:的|里|上)?(?:有|说)?|(?:班里|班上|同班|幼儿园|学校|小区|病房|隔壁|邻居|同事|朋友|亲戚)(?:里|的|家)?有)[^，。！？]{0,10}$"
)
CLAUSE = re.compile(r"[，。！？!?,\n\r；;]")
_RIGHT_NOW = re.compile(r"现在|目前|今天|今早|今晚|今年|刚刚|刚量|刚测|这次|这会")
# 刚生下来的宝宝血糖2.3: in the first days that is now.
FIRST_DAYS, _JUST_BORN = 7, re.compile(r"刚刚?(?:出?生|落地)")
_SUPPOSED = re.compile(r"如果|要是|万一|假如|一旦|的话|怕|担心|会不会|多少|几度|去年|以前|之前|上次")
SENTENCE = re.compile(r"[。！？!?\n\r；;]")
# 38.5度以上才吃退烧药, 39度再去医院: what one would do, not what was measured. 39度就喂了美林 was.
_LIMIT_AFTER = re.compile(
    r"(?:度|℃)?(?:以上|以下|以内|左右)?(?:的?时候|的话|时)?[^，。,！？了]{0,2}"
    r"(?:才(?!刚|[量测退降]|\s?\d)|再(?!次|一|量|测|加)|就(?:可以|要|得|该|能)(?![^，。]{0,4}了)|就(?:吃|喂|给|用|去)(?![^，。]{0,5}[了过])|(?<![才刚换预])算|属于|是不是|会不会|叫)"
)
# 1米4以下半价: a rule for everybody.
_RULE_AFTER = re.compile(
    r"\s?的?(?:儿童|孩子|小孩|小朋友|宝宝|婴儿|人|都)?(?:免|半价|不收|(?:就|都|也)?(?:要|得|需要?|不用|不)(?:买|付|交|补)|不要钱|不让|不能坐|才能|禁止|不准|不许|限|收费|全价|全票|算大人)"
)
_ASKED_AFTER = re.compile(
    r"(?:度|℃)?(?:了)?(?:要不要|需不需要|需要|能不能|可不可以|可以吃|要吃|用不用|是不是|正常吗|算|属于|怎么办|严重吗|要紧吗)"
)
_LIMIT_BEFORE = re.compile(r"(?:(?:超过|高于|大于|达到|到了?|过了?|低于|满|≥|>)[^，。了]{0,2}(?=$))$")
_LIMIT_FOLLOWS = re.compile(
    r"(?:吃|喂|用)(?![^，。]{0,6}[了过])|[^，。,！？了]{0,3}[^。！？]{0,8}?(?:才(?!刚)|再(?!次)|就(?:可以|要|得|该|去|吃|喂|打|给|用)(?![^，。]{0,5}了)|的话|要(?:吃|去|喂|用|就医|送)|应该|不用|不需要|不必|不吃|吃药$|吃退|需要|时吃|时候吃|可以(?:吃|喂|用|吧|吗)|行吗|好吗)"
)
_QUESTION_FOLLOWS = re.compile(
    r"(?!了)[^，。！!？?]{1,12}(?:[吗么嘛吧]|[？?])|[^，。！!？?了]{0,6}(?:要不要|用不用|需不需要|是不是|该不该|能不能|怎么)"
)
# 多少度要去医院，39度吗？ asks for the limit; 38以下就不用吃药了吧 for leave.
_HOW_MUCH = re.compile(r"(?:多少|几)度?[^。！？]{0,8}(?:要|才|算|需|该|正常|危险|去)[^。！？]*$")
_NORMAL_HOW_MUCH = re.compile(r"(?:正常|标准)[^。！？]{0,12}(?:多少|几)[^。！？\d]{0,4}$")
_IS_IT = re.compile(r"[^，。！!？?]{0,4}(?:[吗么呢吧]|[？?])")
_NO_NEED = re.compile(r"[^，。！!？?]{0,3}就?(?:不用|不需要|不必|可以|能|没事)[^。！!]{0,10}(?:[吗么吧]|[？?]|对不|是不)")
_NAMED_AFTER = re.compile(r"(?:度|℃)?[^，。！？]{0,3}(?:算|属于|是不是|叫|正常[吗么不])")
_WOULD = re.compile(r"会[^，。！？]{0,12}$")
_TOLD_TO = re.compile(
    r"(?:说(?:是|了)?|告诉|嘱咐|交代|建议|让|要求|叫|规定|说明书|书上|网上|一般|通常|正常(?:是|值|范围|应该|体温|情况)|标准|参考(?:值|范围)|才能|必须|至少要|目标|控制在|多少度|几度|不是)[^。！？\n]{0,16}$"
)
# 医生让每顿喝到150ml: an order, however exact; 医生让量了体温 is none.
_ORDERED = re.compile(r"(?:医生|大夫|护士|主任|营养师|医院)(?:是)?(?:让|叫|要求|建议|嘱咐|交代)(?:(?![量测称查])[^，。！？\n]){0,10}$")
_NORMAL_BEFORE = re.compile(
    r"(?:正常(?:值|范围|是|应该|体温|血糖|心率|呼吸|血压|血氧|不是|情况|的话)|参考(?:值|范围)|标准|范围|目标|控制在|保持在|上限|下限|警戒线|阈值)[^，。！？\n]{0,8}$"
)
_WISH_AFTER = re.compile(r"(?:度|℃)?[^，。]{0,3}(?:是(?:不是)?(?:发烧|高烧|低烧|发热)[吗么]|正常吗|算正常|正常不|是正常|为正常|都?正常吧)")
_OVER = re.compile(r"\s*[^，。]{0,3}[降升涨退掉跌飙]?[到至]")
# 血小板54，比上次31升了: what is only compared with is no value of now.
_COMPARED_WITH = re.compile(
    r"比(?:上[周次回]|上个?(?:月|星期|礼拜)|昨[天晚]|前[天晚]|前几天|之前|以前|原来|早上|刚才|那[天次]|[出住入]院(?:时|的时候)?|出生时?)(?:那?次|测)?的?(?:是)?\s?(?:\d{2,3}/)?$"
)
_LOWER_ONE = re.compile(r"^\s?[/／]\s?\d{2,3}")
_WRONG = re.compile(
    r"不对|打错|说错|写错|发错|看错|记错|搞错|弄错|输错|按错|错了|更正|纠正|应该是|口误|手误|少打|多打|漏打|哦不|啊不|不是|噢不|额不|呃不|是我?眼花|重新[量测]"
)
_ONLY = re.compile(r"度?[，, ]?(?:也)?(?:就|才|只有|只|是|量的是?|测的是?|大概|最高|最多|到)+\s?")
_THEN = re.compile(r"度?(?:呢|吧)?[，,、]\s?")
_BOUND_AFTER = re.compile(
    r"度?(?:左右|上下)?(?:吧|呢|的?样子|好像){0,2}[，, ]+"
    r"(?:都|也|还|就|并|一直|最高|最多|肯定|应该|反正)*(?:没|不|未)[^，。！？,!?\d一二三四五六七八九]{0,3}"
)
_NO_CORRECTION = re.compile(r"是不是|不是[很太]|不是一直")
# 上次血小板23，这次61: the one before is over where the one of now stands behind it.
_LAST_TIME = re.compile(r"上[次回][^，。！？,!?\d]{0,8}$")
_THIS_TIME = re.compile(r"[^。！？!?\d]{0,6}(?:这[次回]|今[天早]|现在|刚才)")
# 三十七度啊三十七度五: begun, and begun anew.
_BEGUN_ANEW = re.compile(r"[啊呃额嗯哦呀噢诶唉]{1,3}[，,]?")
# 39呃，38.9吧: hesitation takes the value before it back.
_HESITATED = re.compile(r"度?[，,]?(?:呃|额|嗯|唔|哦|噢|诶)+[，,]?")
_NOT_THAT = re.compile(r"不是(?:说|我说的?|[拉吐尿吃喝喂泻]了?)?\s?$")


def of_several(folded: str, quantities: Sequence[Quantity], patient: PatientFacts) -> bool:
    """Whether the values may be the patient's or another's: told of two children (哥哥39度，弟弟38.4), or of "me" by nobody knows who."""
    if patient.age_days is None and any(_MY_OWN.search(folded, max(0, q.start - 30), q.start) for q in quantities[:4]):
        return True
    named = [_SIBLING.search(folded, max(0, quantity.start - 10), quantity.start) for quantity in quantities[:4]]
    return len({match[1] for match in named if match}) > 1


def of_the_patient(window: str) -> str:
    """`window` without people who only report, other children that are the family's own, and what is only compared with."""
    for pattern in (_WRITER, _REPORTER, _COMPARED):
        window = pattern.sub(lambda match: "＿" * len(match.group()), window)
    return window


def is_reading(folded: str, quantity: Quantity, patient: PatientFacts) -> bool:
    """Whether the amount is this patient's, measured, and not long ago."""
    left = max(0, quantity.start - BEFORE)
    window = folded[left : quantity.end + AFTER]
    # 他爸说量了39度: who reports or measures is not the one who is ill.
    assertion = assess(of_the_patient(window), [Span(quantity.start - left, quantity.end - left)])[0]
    himself = assertion.whose == "parent" and patient.age_days is not None and patient.age_days >= WRITES_FOR_HIMSELF
    clause = CLAUSE.split(folded[left : quantity.start])[-1]
    just_born = patient.age_days is not None and patient.age_days < FIRST_DAYS and _JUST_BORN.search(clause)
    if (just_born or _RIGHT_NOW.search(clause)) and not _SUPPOSED.search(clause):
        # 去年108，今年115; 超过38.5才喂，现在38.2: what the clause before supposed or remembered is over.
        assertion = replace(assertion, when="now")
    if assertion.whose != "patient" and (patient.age_days or 0) >= WRITES_FOR_HIMSELF and _MINE.match(clause):
        assertion = replace(assertion, whose="patient")
    if (assertion.whose != "patient" and not himself) or (
        assertion.when == "past" and not assertion.resolved and quantity.vital != "birth_weight"
    ):
        return False
    head = SENTENCE.split(folded[left : quantity.start])[-1]
    after = folded[quantity.end : quantity.end + 16]
    if quantity.vital == "systolic_bp":
        # 从160/100降到140/90
        after = _LOWER_ONE.sub("", after)
    if (patient.age_days or 0) < WRITES_FOR_HIMSELF and _MY_OWN.search(head):
        return False
    if (
        (_USUALLY.search(head) and quantity.unit != "%")
        or _SOMEBODY.search(of_the_patient(head))
        or _RELATIVES_OWN.search(head)
        or _NEIGHBOUR.search(head)
    ):
        return False
    if quantity.vital != "temperature" and _COMPARED_WITH.search(head):
        return False
    if _CHILD_NOT_MEASURED.match(after) or (_BY_HAND.search(head) and _MEASURED_THEN.search(folded, quantity.end)):
        return False
    if _HEARSAY.search(head) or (quantity.precision == "exact" and _NEVER.search(head)):
        return False
    if folded[quantity.start].isalpha() and folded[quantity.start].isascii():
        # A word on the display of a meter (HI) is no limit.
        return True
    # 从340降到190: the first value is over; a fever that has gone down was one (从39.2退到38).
    if head.endswith(("从", "由")) and _OVER.match(after) and quantity.vital != "temperature":
        return False
    return not _is_limit(head, after, assertion, quantity.precision, own=quantity.vital in _LEVELS or quantity.value != int(quantity.value))


def _is_limit(head: str, after: str, assertion: Assertion, precision: Precision, *, own: bool) -> bool:
    happened = re.search(r"[烧量测飙升](?:到|了|的|出|着)|现在|今天|昨[天晚]|刚|宝宝|孩子|已经|早上|晚上|半夜|一直", head)
    if assertion.when == "hypothetical" and not (
        (happened or (precision == "exact" and own and _NAMED_AFTER.match(after)))
        and not re.search(r"如果|要是|万一|假如|一旦|的话|怕|担心|以防|防止|避免|以免|免得|预防|多少度|会.{0,6}[吗么]", head + after)
    ):
        return True
    if not re.search(r"现在|今天|昨|刚", head) and _WOULD.search(head) and re.match(r"[^，。！？]{0,6}[吗么嘛]", after):
        return True
    bound = precision in ("more_than", "less_than")
    if bound and _RULE_AFTER.match(after):
        return True
    if not happened and bound and _QUESTION_FOLLOWS.match(after):
        return True
    if _NORMAL_HOW_MUCH.search(head) and _IS_IT.match(after):
        return True
    if (_HOW_MUCH.search(head) and _IS_IT.match(after)) or (bound and _NO_NEED.match(after)):
        return True
    if own and precision == "exact" and not _NORMAL_BEFORE.search(head) and _NAMED_AFTER.match(after):
        # 37.5算不算发烧: so exact a number has been measured.
        return False
    if _NORMAL_BEFORE.search(head) or _WISH_AFTER.match(after):
        return _WISH_AFTER.match(after) is None or not happened
    if _LIMIT_AFTER.match(after) and not (happened and precision in ("exact", "about", "range")):
        return True
    if precision in ("more_than", "less_than") and _LIMIT_FOLLOWS.match(after) and not re.search(r"了", after[:10]):
        return True
    return (not happened and _ASKED_AFTER.match(after) is not None and precision in ("more_than", "less_than")) or _told(head, precision)


def _told(head: str, precision: Precision) -> bool:
    """医生说超过38.5吃药: an instruction."""
    return _ORDERED.search(head) is not None or (precision in ("more_than", "less_than") and _TOLD_TO.search(head) is not None)


def _below_bound(folded: str, before: Quantity, bound: Quantity) -> bool:
    """37.5左右，没上38: a bound right behind the value itself adds nothing."""
    return (
        before.vital == bound.vital
        and before.precision in ("exact", "about", "range", "more_than")
        and before.value < bound.value
        and _BOUND_AFTER.fullmatch(folded, before.end, bound.start) is not None
    )


def _is_last_times(folded: str, first: Quantity, second: Quantity) -> bool:
    told = _LAST_TIME.search(folded, max(0, first.start - 12), first.start)
    return told is not None and _THIS_TIME.match(folded, first.end, second.start) is not None


def _is_begun_anew(folded: str, first: Quantity, second: Quantity) -> bool:
    """Whether the second value is the first, said once more in full, or told after a hesitation."""
    if _HESITATED.fullmatch(folded, first.end, second.start):
        return True
    said = folded[first.start : first.end]
    return _BEGUN_ANEW.fullmatch(folded, first.end, second.start) is not None and folded.startswith(said, second.start)


def without_corrected(folded: str, quantities: Sequence[Quantity]) -> list[Quantity]:
    """Without the values that the message itself takes back (38.7，不对，是37.8)."""
    kept: list[Quantity] = []
    for place, quantity in enumerate(quantities):
        if _NOT_THAT.search(folded, max(0, quantity.start - 8), quantity.start):
            continue
        following = next((later for later in quantities[place + 1 : place + 4] if later.vital == quantity.vital), None)
        if following is not None and _NOT_THAT.search(folded, max(0, following.start - 8), following.start):
            # 是38.2不是39.2: the second is taken back, not this one.
            following = None
        bound = following is not None and quantity.precision == "less_than" and following.precision in ("exact", "about")
        if bound and following is not None and following.value < quantity.value and _THEN.fullmatch(folded, quantity.end, following.start):
            # 不到三十九，三十八度九
            continue
        if bound and following is not None and _ONLY.fullmatch(folded, quantity.end, following.start):
            # 没到39，就38.4: the bound is no second value.
            continue
        if following is not None and quantity.vital != "temperature" and _is_last_times(folded, quantity, following):
            continue
        if following is not None and _is_begun_anew(folded, quantity, following):
            continue
        if kept and quantity.precision == "less_than" and _below_bound(folded, kept[-1], quantity):
            continue
        if following is not None and following.start - quantity.end <= 24:
            between = _NO_CORRECTION.sub("", folded[quantity.end : following.start])
            if _WRONG.search(between):
                continue
        kept.append(quantity)
    return kept
