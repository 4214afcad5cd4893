"""Whose a value may be: somebody who is named before it, or the patient."""

import re
from collections.abc import Sequence
from typing import Literal

from tagging.measurement.quantity import Quantity
from tagging.measurement.scene import Scene
from tagging.measurement.scope import RELATIVE, SENTENCE, WRITES_FOR_HIMSELF, of_the_patient
from tagging.patient import PatientFacts

# So far before a value somebody named may be the one who was measured, and so much of the text is looked at.
REACH, WINDOW = 14, 60
# 我发烧38.5: what begins with "I" and does nothing to a child is about me.
_OF_MYSELF = re.compile(
    r"(?:^|[，。！？,!?\s])我(?![^，。！？,!?]*(?:[给帮量测拿用看数称喂抱带说问记想怕们家让把摸]|发现|觉得|感觉))[^，。！？,!?]{0,8}$"
)
_FIRST_OF_TWO = re.compile(rf"(?:^|[，。！？,!?、\s])(?:[他她我])?(?:{RELATIVE}|哥哥?|姐姐?|弟弟?|妹妹?)[^，。！？,!?\d]{{0,8}}$")
# Characters that name people; the grammar's own words for the child are not among them.
_SOMEBODY = re.compile(
    rf"(?!妈咪)(?:{RELATIVE})|[他她](?:哥|姐|弟|妹)|(?:[爸姥舅姑姨叔婶嫂侄甥岳娘媳邻]|妈(?!咪爱))(?!量|测)|别人|人家|"
    r"(?<![给帮在去回到])[她他]们?家|说[他她]们?(?:儿子|女儿|闺女)|(?:上一个|前一个|头一个|前面那个|上面那个)(?:孩子|娃|宝宝?)?|头胎|头个(?:娃|孩子|宝)|有(?:个|位|一个)[^，。！？,!?]{0,3}|网友|群友|表[哥姐弟妹]|堂[哥姐弟妹]"
    r"|(?:别的|其他)[^，。！？,!?]{0,3}|[隔同]壁?[桌学班]|狗|猫"
    r"|(?<![给帮替跟让叫和是问对])我(?=\d|[一二三四五六七八九]|的[\d体血心]|自己|也[\d是有])"
)
# 在姥姥家量的: a place.
_AT_HOME = re.compile(r"[在去回到][^，。！？,!?\d]{1,4}家")
_MYSELF = re.compile(r"我(?!妈|爸|爷|奶|姥|外|公|婆|老|爱人|家)")
_THE_CHILD = re.compile(r"宝|孩子|娃|儿子|女儿|闺女|[他她](?![爸妈爷奶姥哥姐弟妹])|我家|我们|自家|崽|仔|小家伙|丫头|患儿")
_CHILDS = re.compile(
    r"(?:[我咱]们?家(?:这个|这娃|的)?|这个|宝宝|宝贝|孩子|娃儿?|儿子|女儿|闺女|小家伙)(?:是|的|才|有|[量测]的?|就|体温|现在|今天)*\s?$"
)
_MY_OWN = re.compile(r"我(?:自己|本人)?的?(?:是|才|有|[量测]的?|就|今天|现在)*\s?$")
_ANOTHERS_AFTER = re.compile(rf"[^，。！？,!?\d]{{0,4}}[，,]?\s?(?:这|那)?是(?:我的|我自己的|(?:他|她|我)?{RELATIVE}的)")
_SIBLING = re.compile(r"老大|老二|老三|大宝|二宝|小宝|哥哥|弟弟|姐姐|妹妹|双胞胎|[俩两]个?(?:娃|宝|孩子|都)")


def whose_it_may_be(
    folded: str, quantity: Quantity, kept: Sequence[Quantity], patient: PatientFacts
) -> Literal["patient", "somebody", "other"]:
    """`somebody`: it may be another's and has to be asked; `other`: it is, and the patient's own stands beside it (我37.2，宝宝38.6)."""
    beside = _told_of_the_child(folded, quantity, kept, himself=_writes_of_himself(patient))
    if _is_somebodys(folded, quantity, patient):
        return "other" if beside else "somebody"
    # 妈妈测5.6，孩子测12.8: she may also have measured the child.
    return "somebody" if beside and _FIRST_OF_TWO.search(head_of(folded, quantity)) else "patient"


def names_siblings(folded: str) -> bool:
    """Whether two children are told of."""
    return len({match.group() for match in _SIBLING.finditer(folded)}) > 1


_TWINS = re.compile(r"双胞胎|双宝|两个(?:宝|娃|孩子)|大的[^，。！？,!?]{1,10}小的|老大[^。！？!?]{1,16}老二")


def tells_of_two(scene: Scene, quantities: Sequence[Quantity]) -> bool:
    """Whether a value stands in a message that tells of two children (姐姐退烧了，弟弟还在烧38.8), or two weights in one of twins."""
    if quantities:
        twins = _TWINS.search(scene.text) is not None and len({q.vital for q in quantities}) < len(quantities)
        return twins or names_siblings(scene.text)
    bodies = sum(token.amount is not None and token.amount.dimension in ("mass", "temperature") for token in scene.tokens[:60])
    return bodies > 1 and _TWINS.search(scene.text) is not None


def head_of(folded: str, quantity: Quantity) -> str:
    """The sentence before a value."""
    return SENTENCE.split(folded[max(0, quantity.start - WINDOW) : quantity.start])[-1]


def _is_somebodys(folded: str, quantity: Quantity, patient: PatientFacts) -> bool:
    """Whether somebody else is named before the value and nothing leads back to the patient."""
    if _ANOTHERS_AFTER.match(folded, quantity.end):
        return True
    head = head_of(folded, quantity)
    # What stands at the value tells 我37.2 from 我家.
    told = _AT_HOME.sub(lambda match: "＿" * len(match.group()), of_the_patient(head + folded[quantity.start : quantity.start + 1]))
    named = [match for match in _SOMEBODY.finditer(told) if match.end() <= len(head)]
    if not named:
        return not _writes_of_himself(patient) and _OF_MYSELF.search(head) is not None and _THE_CHILD.search(head) is None
    between = head[named[-1].end() :]
    himself = _writes_of_himself(patient)
    if himself and (named[-1].group() == "我" or _MYSELF.search(between)):
        return False
    return len(between) <= REACH and _THE_CHILD.search(between) is None


def _writes_of_himself(patient: PatientFacts) -> bool:
    return (patient.age_days or 0) >= WRITES_FOR_HIMSELF


def _told_of_the_child(folded: str, quantity: Quantity, kept: Sequence[Quantity], *, himself: bool) -> bool:
    """Whether another value of the same vital stands directly behind the patient's name."""
    others = (other for other in kept if other is not quantity and other.vital == quantity.vital)
    names = (_CHILDS, _MY_OWN) if himself else (_CHILDS,)
    return any(name.search(folded, max(0, other.start - 8), other.start) for other in others for name in names)
