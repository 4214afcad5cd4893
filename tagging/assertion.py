"""Who a sign is about, when, and whether it is said to be there: negation, questions, the past, other people.

The rules err towards "present, now, this child": a cue counts only where nothing but known filler stands between it and the sign.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from tagging.text import CLAUSE_END, JUDGED, SENTENCE_END, last_end, next_start

Status = Literal["present", "absent", "possible", "asked"]
Whose = Literal["patient", "other", "parent"]
When = Literal["now", "past", "hypothetical"]


@dataclass(frozen=True)
class Span:
    """A sign to assess: offsets into the folded text and the gaps of its pattern, where a negation may hide (大便没有血)."""

    start: int
    end: int
    gaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Assertion:
    """How a sign is meant; `resolved` marks one that has gone away (昨天吐，今天不吐了)."""

    status: Status = "present"
    whose: Whose = "patient"
    when: When = "now"
    resolved: bool = False


_FILLER = (
    r"(?:有|什么|啥|新的?|想要?|明显的?|出现|过|发现|观察到|你说的|存在|考虑过?|看到|看见|见到?|听到|听见|自己|再|怎么|任何|特别|的|地|他|她|它|宝宝|孩子|娃"
    r"|其他|其它|那么|很|太|又|现在|今天|昨天|昨晚|发生|感觉|觉得"
    r"|伴有?|伴随|继续|出|起|显得?|一直|都|再次|说|症状|情况|典型的?|严重的?|持续的?|剧烈的?|频繁的?|是"
    r"|因为|曾|曾经|大|多少|一点|一点儿|点|用|给|把|被|在|也|或者?|让)"
)
_NEGATOR = (
    r"(?:并没有|并没|并无|从来没有?|从没有?|都没有?|也没有?|倒没有?|还没有?|没有|没|无|未见|未|不再|不是"
    r"|(?:看|摸|听|感觉|闻|找)不(?:到|见|出)|不会|不算|不像|不|否认|排除了?|(?<![特个分区级性])别|非|木有|冇|莫得)"
)
NEGATED_BEFORE = re.compile(rf"{_NEGATOR}{_FILLER}{{0,4}}$")
# 不停, 不断, 没多久… contain a negator but deny nothing.
_IDIOM = re.compile(
    r"不停|不断|不住|不时|不光|不仅|不但|不只|不止|不知|不得不|不能不|(?<![看摸听觉闻找])不到|不久|没多久|不清楚|不明|不一会"
    r"|不同|不少|不管|不论|无论|没法|不能|不舒服|不好|不行|没办法|不过|差不多|不由|不太对"
    r"|不对劲|不让|是不是|会不会|有没有|要不要|能不能|不小心|不见好|不管用|没注意|没看住|没人|没忍住|不敢|要不是"
)
_GAP_NEGATED = re.compile(r"没有?|不|无|未")
_NEGATED_AFTER = re.compile(
    r"的?(?:情况|症状|现象|病史|史)?(?:倒是?|也|都|这些|一直|暂时|目前|现在|方面|好像|似乎|应该|感觉)*(?::"
    r"|：)?(?:没有?关[系係]|没有|没(?!$)|无|木有|不明显|没出现|没有出现|消失)(?:过|啊|呢|哦|的"
    r"|哈)*(?=[，。！,!;；\n ]|$)|(?:也|都)[不没](?:流|咳|拉|烧|吐|疼|痛|起)(?:了|过)?(?=[，。！,!;；\n ]|$)|[(（]-[)）]|阴性"
)
_UNRELATED = re.compile(r"[^，。！？,!?]{0,4}(?:没有?|无)关(?!系?[吗么])")
_LIST_JOIN = re.compile(r"[、和与及或跟/]|(?:或者|以及|还有|也没有?|也不|和者)")
_ADJACENT = re.compile(r"^(?:[、和与及或跟/ ]|或者|以及|等){0,2}$")
_STRONG_AFTER = re.compile(r"(?:得|的)?(?:很|特别|非常|好|越来越|有点|有些)?(?:厉害|严重|了|得|起来|不停|不止|加重|凶)")
_DENIED_LIST_END = re.compile(r"[^。！？!?\n]{0,20}?(?:这些|都|等|之类的?)(?:的)?(?:情况|症状|现象)?(?:都|也)?(?:没有|没出现|无)")
_RESOLVED_AFTER = re.compile(
    r"(?:的?(?:症状|情况))?(?:现在|今天|已经|早就|基本|也|都|差不多|后来|就|早)*(?:完全)?(?:好了|好啦"
    r"|消失了?|退了|退掉了?|退得差不多了?|消了|消退了?|止住了|缓解了|没了|没有了|停了|治好了|痊愈了?|恢复了|正常了"
    r"|降下来了|降下去了|降了|控制住了)|[^，。！？]{0,4}[，,](?:洗|擦|冲|抹)[^，。]{0,4}就(?:没|好|退|消)了"
)
_RESOLVED_LATER = re.compile(
    r"(?:现在|今天|目前|后来|已经|这会|早就|之后|这个?(?:月|周|星期|几天|两天|一周|一个月)|出院(?:以后|之后|后|回来))[^。！？!?\n]{0,6}?(?:好了|没事了|都?正常了?|恢复了|没再"
    r"|不再|没有了|退了|缓解了|没复发|成形了|看不出|好好的|没再|一切正常|一次没有|再没|没有再|没发作|不[\u4e00-\u9fff]{1,2}了)"
    r"|(?<![0-9一二两三四五六七八九十])(?:后|以后|之后)(?:就|都)+(?:没有了|没了|好了|没再|不再)|(?:就|都)好了|没有?再(?:犯|发|出现|抽|吐|烧|有)|再也没|已(?:经)?(?:治愈|痊愈|康复)"
)
_LONG_AGO = re.compile(
    r"去年|前年|大前年|上个?月|(?<![早晚])上上(?![压腹学课])|小时候|以前|从前(?![天几两些])|曾经?|当年|半年前"
    r"|(?:[0-9一二两三四五六七八九十几]+(?:个(?:半|多)?)?(?:月|年|周|周?岁)(?:之|以)?前)"
    r"|[0-9一二两三四五六七八九十半]+个?(?:多)?(?:岁|个?月)(?:多|半)?(?:的)?(?:时候|时|那年|那次)"
    r"|(?:小学|初中|高中|幼儿园|初[一二三]|高[一二三]|[一二三四五六]年级)的?(?:时候?|那年|那会儿?|那阵)(?!起|就?开始)"
    r"|那年|那时候?|上次(?!化疗|出院|手术|打|复查|冲)|出生(?:的时候|时)(?!.{0,4}(?:体重|斤))|刚出生时"
    r"|刚生下来|生下来(?:的?时候|那会儿?|时)(?!就)|(?:化疗|放疗|怀孕)(?:那会儿?|那阵子?|那段时间|那时候)|病史|(?<![昨今]天)(?<!刚才)(?:住院|在医院|出院)(?:期间|的?时候|那会儿?)|出院前|住院(?:时|[那哪]天)|入院[时前]|第一次住院"
)
# 从上个月底开始一直咳: it began then and is there.
_SINCE = re.compile(r"(?:自|从|打)[^，。]{1,12}?(?:开始|起来?|以来|到现在|至今)")
_RECENT = re.compile(
    r"刚刚|刚才|现在|这周|这星期|这个月|本周|今天|今早|今晚|早上|昨晚|昨天|又|这次|这回|这两天|这几天|突然|再次|还在|目前|正在|一直|天前"
    r"|小时前|复发|最近"
)
# 上次化疗后发过烧，这次很平稳
_LAST_TIME = re.compile(r"上[次回个][^，。！？,!?]{0,10}$")
_THIS_TIME = re.compile(
    r"[^，。！？,!?]{0,3}[，,]?(?:但|不过)?这(?:次|回|个疗程)[^，。！？,!?]{0,4}(?:平稳|正常|顺利|(?:挺|很|都)好|没(?:有)?(?:再|发?烧|吐|拉|喘|流|反应|这样))"
)
_PAST_TIMES = re.compile(
    r"昨天|昨晚|上个?一?个?疗程|上回|上次(?!化疗)|上一[针次]|前阵子|前些天|刚出院|出院[那时当]天?|刚出生|前天|大前天|前几天|之前|上周|上星期|上礼拜|前段时间|那天|早先|头几天|前两天|周[一二三四五六日]|星期[一二三四五六日]|天前"
)
# Told right behind a sign: 热性惊厥，是两岁半的时候; 水痘，那是去年的事.
_LONG_AGO_AFTER = re.compile(
    r"[，,]?(?:那|这)?(?:都|还|已经)?是(?:在)?(?:[0-9一二两三四五六七八九十半]+个?(?:多)?(?:岁|个?月)(?:多|半)?(?:的)?(?:时候|时)"
    r"|[^，。！？,!?]{0,4}(?:昨天|前天|去年|前年|以前|之前|上个?月|上周|小时候|[周月年])(?:之?前)?的事)"
)
_HYPOTHETICAL = re.compile(
    r"如果|假如|假设|万一|(?<![主只需不])要是|倘若|若是|(?<!过)(?<!比)(?<!类)若(?!干)|一旦|的话|防止|预防(?!针|接种)|以防|避免|以免"
    r"|免得|怕(?!光|冷|热|水)|担心|害怕(?!有人|回家)|会不会(?!也?又?就?还?是)|会(?!儿)[^，。]{0,6}(?:吗|(?<![怎什那这多])么|嘛)|会导致|会引起"
    r"|容易(?:引起|导致|出现)|(?:为什么|为啥|为何|怎么)[^，。！？,!?]{0,8}(?<!最近)(?<!现在)(?<!这么)容易|多少(?:度|以上|以下)?(?:才|就)?(?:算|属于|叫)(?:是)?"
    r"|是不是(?:都|一定|肯定)会?(?=[^，。]{0,8}$)"
    r"|什么(?:样|情况|时候)[^，。]{0,10}(?:才|要|需要|算|是)|怎么(?:判断|看出|知道|区分|预防)|如何(?:判断"
    r"|预防|区分|识别|观察)|哪些[^，。]{0,6}(?:症状|表现|情况|危险|信号)|是什么样|什么叫|什么是|是啥样"
    r"|怎么(?:样|才能?)?(?:看|分辨|辨别|分清|识别|观察|认)(?:出)?(?:宝宝|孩子|小孩|娃)?(?:是不是|有没有|算不算|是)?(?!着|起来|了|都)[^，。]{0,6}$"
    r"|几度(?:要|才|算|需|该|去|吃)|多少度(?:要|才|算|需|该|去|吃)"
    r"|注意观察|观察[^，。]{0,3}(?:有没有|是否|有无)|(?:才|再)(?:去|来)医院|可能会|说不定会|才(?:要|需要|算)"
)
_HYPOTHETICAL_AFTER = re.compile(
    r"(?:一般(?:要|得|会|都)?(?:几|多少|多久|什么时候)|(?:到|烧到|超过)?(?:多少度?|几度|多高|什么程度)(?:就)?(?:要|才|算|需|该|得|必须)"
    r"|的话|的?时候(?:要|该|应该|可以)|再(?:联系|找|来|去|说)|(?:了|时)?(?:该|应该)怎么(?:预防|判断)|是什么(?:样|表现|症状)"
    r"|(?:一般|都|会|的)?有(?:什么|哪些)(?:症状|表现)|的?(?:症状|表现)有(?:什么|哪些|啥)|怎么预防|能预防|(?:的?(?:症状|表现|情况))?怎么(?:看|判断|分辨|区分|识别)(?![着了他她它你我])|征?(?:是|指|凹)(?:的?是)?(?:哪[几三些两个]|什么地方|指)|是[摸看数]哪|(?:[和跟与]|还是)[^，。]{1,8}(?:有什么|有啥|的|啥)(?:区别|不同)|有(?:什么|啥)(?:区别|不同)|是(?:什么|啥)意思|的?(?:疫苗|标准|定义))"
)
_ASK_BEFORE = re.compile(
    r"(?:是不是|是否|会不会(?:也|又|就|真|还)?是|不知道是不是|算不算|有没有可能是?|不至于是|可能(?:也|又|就|还)?是|可能(?:会|也|还)?有|(?:估计|也许|或许|大概)(?:也|又|就|还)?是|怀疑(?:也|又|就)?是?|疑似|说不定是|不排除|不确定是不是)"
    r"[^，。！？,!?]{0,6}$"
)
# 不怎么咳, 不太咳: less than before, but there.
_HARDLY = re.compile(
    r"(?:不怎么|没怎么|不太|不大|不咋|没咋|不常|很少|不经常|不算(?:太|很|特别|是很?)"
    r"|不是(?:很|太|特别|一直|总是?|老是?|经常|天天|每[天次])|没那么|不那么)(?:会|再|爱|能)?$"
)
_HAVE_BEFORE = re.compile(r"(?:有没有|有无|是否有|有木有|像不像)[^，。！？,!?]{0,8}$")
_HAVE_GAP = re.compile(r"有没有?$|有没有|有无|是不是|是否")
_ASK_AFTER = re.compile(
    r"到什么程度|(?:引起|导致|造成)的?(?:吗|么|吧)?[?？]|(?:的?(?:症状|情况|现象))?(?:了|过|的)?(?:吗|么|嘛|没有?|不)?[?？]"
    r"|(?:了|过)?(?:吗|嘛)|了没有?$|不$"
)
_DENIAL_ASKED = re.compile(r"(?:什么)?的?(?:了|过)?(?:吧|吗|么|嘛)?[?？]|(?:什么)?的?(?:了|过)?(?:吧|吗)")
_WHY = re.compile(r"为什么|为何|为啥|怎么(?:会|就|老|总|还|又|突然|一直)|咋(?:会|就|老|还|又)")
_OTHER = re.compile(
    r"妹妹|姐姐|哥哥|弟弟|姐弟|兄弟|邻居|隔壁|同学|同事|同桌|表哥|表姐|表弟|表妹|堂哥|堂姐|堂弟|堂妹|老公"
    r"|爸爸|妈妈|他爸|她爸|他妈|她妈|爷爷|奶奶|外公|外婆|姥姥|姥爷|公公|婆婆|老大|大宝|"
    r"有的(?:宝宝|孩子|小孩)|有些(?:宝宝|孩子)|孕妇|怀孕|别人|别家|人家|其他小朋友|其他孩子|小朋友|亲戚|[他她](?:姐|哥|弟|妹|舅|姑|叔)|侄子|侄女|外甥|(?<!家)(?<!家里)有(?:个|一个|个别)(?=小孩|孩子|小朋友|宝宝|娃|同学|小宝宝|病人)|[他她]们班|(?<=[的条只])小?[狗猫](?:就|又|突然|今天|昨天|也)*$|楼[上下]的?(?:那个|有个)?(?=小孩|孩子|小朋友|娃|邻居|宝宝)|班里|班上|班主任|校长|小姨|大姨|姨妈|姑妈|姑姑|舅舅|舅妈|伯父|伯母|婶婶|嫂子|(?<!跟)我(?:妹|姐|哥|弟|舅|姑|姨|嫂)(?=家|的?娃|的?孩子)|家里人|家人|老人|大人|朋友|阿姨|保姆|网上|书上|小区|病友"
)
_SELF = re.compile(
    r"我自己|我本人|本人|我也(?!看|说|拿|分|搞|弄|没|不|觉得|发现|量|吃不|判)"
    r"|我这几天|我最近|我产后|我现在|我今天|我昨天|我这|我(?:就|也就|都|才)?开始(?=发烧|感冒|咳|不舒服)"
)
_PATIENT = re.compile(
    r"宝宝|宝贝|孩子|小孩|娃|儿子|女儿|闺女|患儿|患者|病人|小宝|二宝|老二|老三|崽|他(?![爸妈们姐哥弟妹舅姑叔])|她(?![爸妈们姐哥弟妹舅姑叔])|(?:我们?|咱们?)家(?!里|老|的?狗)"
)
# The other person is not the one who is ill: 妈妈说他…, 被哥哥推…, 跟同学一样.
_NOT_SUBJECT_AFTER = re.compile(
    r"^(?:[和跟、]?[他她]?(?:爸爸?|妈妈?|爷爷|奶奶|外公|外婆|姥姥|姥爷))?(?:们)?(?:的(?![孩小宝娃儿女]|烧|病)|各|我|说|讲|嫌|看到|看见|发现|告诉|觉得|感觉|给|喂|带|抱|量|测|打|推|摸|的药|的奶|奶|(?:错|误|不小心|没注意|没看清|一时)?把|在家"
    r"|打电话|问|怀疑|一量|拿|用|压|踢|咬|砸|撞"
    # 在奶奶家抽了: a place, not who is ill.
    r"|家(?![的]?(?:孩|小孩|宝|娃|儿子|女儿|老|大宝|二宝|小朋友|人|长|属|姐|哥|弟|妹|也|有个|那个|都)))"
)
_NOT_SUBJECT_BEFORE = re.compile(
    r"(?:(?<![现正实])在|去|被|跟|和|与|同|让|像|是|叫|喊|把|从|对|给|吃了?|找|抱着|喝了?|问|接触了?|传染给?|向)(?:了|我|他|她|家|一个|我们|的)*$"
)
# 我家孩子没事，是他同学抽了: the other person it is.
_CONTRASTED = re.compile(r"(?:没事|好好的|没问题|没有?这样)[，,](?:抽|病|摔|发烧|出事)?的?是(?:[他她]|我们?|孩子)?的?$")


def assess(folded: str, spans: Sequence[Span]) -> list[Assertion]:
    """One Assertion per span, in order. `spans` are sorted by start; `folded` comes from tagging.text.fold."""
    results: list[Assertion] = []
    for index, span in enumerate(spans):
        previous = (spans[index - 1], results[index - 1]) if index else None
        results.append(_assess(folded, span, previous))
    for index in range(len(spans) - 2, -1, -1):
        results[index] = _denied_with_next(folded, spans, results, index)
    return results


def _assess(folded: str, span: Span, previous: tuple[Span, Assertion] | None) -> Assertion:
    alone = _alone(folded, span)
    if alone.firm or previous is None or previous[1].status != "absent":
        return alone.assertion
    between = folded[previous[0].end : span.start]
    # Spaces join what 没有 denies; behind 没 or 不 and a verb they are commas (没烧 流鼻涕).
    denied = folded[max(0, previous[0].start - 14) : previous[0].start]
    spaced = between.isspace() and not re.search("(?:没有|无|否认)[^，。！？,!?]{0,12}$", denied)
    listed = previous[0].end <= span.start and _ADJACENT.match(between) and not spaced
    strong = _STRONG_AFTER.match(folded[span.end : span.end + 16])
    return replace(alone.assertion, status="absent") if listed and not strong else alone.assertion


@dataclass(frozen=True)
class _Alone:
    """A sign judged without the one before it; `firm`: a denial of that one does not reach it."""

    assertion: Assertion
    firm: bool


@lru_cache(maxsize=JUDGED)
def _alone(folded: str, span: Span) -> _Alone:
    sentence_start = last_end(SENTENCE_END, folded, span.start)
    clause_start = max(sentence_start, last_end(CLAUSE_END, folded, span.start))
    before = folded[clause_start : span.start]
    after = folded[span.end : span.end + 16]
    sentence = folded[sentence_start : next_start(SENTENCE_END, folded, span.end, include=True)]
    whose = _whose(folded[sentence_start : span.start], before)
    when, resolved = _when(folded, span, sentence_start, clause_start, sentence)
    firm = _told_status(folded, span, before, after)
    status = firm or _asked_status(folded, span, before, after)
    return _Alone(Assertion(status, whose, when, resolved), firm is not None)


def _told_status(folded: str, span: Span, before: str, after: str) -> Status | None:
    """The status that the words around a sign tell of it by itself."""
    if _HAVE_BEFORE.search(before) or any(_HAVE_GAP.search(folded[a:b]) for a, b in span.gaps):
        return "asked"
    if _ASK_BEFORE.search(before):
        return "possible"
    if any(_GAP_NEGATED.search(_IDIOM.sub("", folded[a:b])) for a, b in span.gaps):
        return "asked" if _DENIAL_ASKED.match(after) else "absent"
    if _HARDLY.search(before):
        return "present"
    masked = _IDIOM.sub(lambda match: "＿" * len(match.group()), before)
    if NEGATED_BEFORE.search(masked) or re.search("没人有?$", before):
        # 没拉肚子之前: since then there is.
        if re.match("(?:之|以)前", after):
            return "present"
        # 不会是肺炎吧, 前几天都没有发烧？: a denial that is asked for.
        if _DENIAL_ASKED.match(after):
            return "asked"
        # 不是不抽 and 不是没有 deny the denial.
        return "present" if re.search(rf"不是{_NEGATOR}{_FILLER}{{0,2}}$", masked) else "absent"
    if _NEGATED_AFTER.match(after) or _UNRELATED.match(after):
        return "absent"
    return None


def _asked_status(folded: str, span: Span, before: str, after: str) -> Status:
    """Whether a sign that nothing denies is asked about, or else is there."""
    # 是湿疹还是过敏, 这是荨麻疹吧？: a choice or a guess put as a question.
    if re.search(r"(?:^|[这那还算也]|还)是$", before) and re.match(r"[^，。！？,!?]{0,6}(?:还是|吧[?？])|[?？]", after):
        return "asked"
    if re.search(r"还是$", before) and re.search(r"(?<![就还也老总都只可但于])是[^，。！？,!?]{1,10}还是$", before):
        return "asked"
    # A bare 没 at the end may ask or may be cut off: not certain.
    if after == "没":
        return "possible"
    # 疼不疼, 高不高: the sign's last character asked for with 不.
    if after[:1] == "不" and after[1:2] == folded[span.end - 1]:
        return "asked"
    # A mark alone, behind 为什么 or 怎么, asks for the reason and not whether.
    if re.match(r"[?？]", after) and _WHY.search(before):
        return "present"
    if _ASK_AFTER.match(after) and not re.match(r"(?:了|过)?(?:怎|咋)", after):
        return "asked"
    return "present"


def _denied_with_next(folded: str, spans: Sequence[Span], results: list[Assertion], index: int) -> Assertion:
    """发烧、抽搐、呕吐都没有: a denial at the end of a bare list reaches its members."""
    here, following = results[index], results[index + 1]
    between = folded[spans[index].end : spans[index + 1].start]
    after = folded[spans[index + 1].end : spans[index + 1].end + 14]
    denied_after = re.match(r"(?:这些|等|之类的?)?(?:情况|症状|现象)?(?:这些)?(?:都|也)(?:没有|没出现|无)(?=[，。！,!;；\n ]|$)", after)
    joined = re.fullmatch(r"[、，, 和或及]*", between)
    if (
        here.status == "present"
        and following.status == "absent"
        and joined
        and (denied_after or _chained(folded, spans, results, index + 1))
    ):
        return Assertion("absent", here.whose, here.when, here.resolved)
    return here


def _chained(folded: str, spans: Sequence[Span], results: list[Assertion], index: int) -> bool:
    end = spans[index].end
    rest = folded[end : end + 40]
    return bool(re.match(r"[、，, 和或及][^。！？!?\n]{0,30}都没有(?=[，。！,!;；\n ]|$)", rest))


def _when(folded: str, span: Span, sentence_start: int, clause_start: int, sentence: str) -> tuple[When, bool]:
    before = folded[sentence_start : span.start]
    clause_end = next_start(CLAUSE_END, folded, span.end)
    question_end = folded[clause_end : clause_end + 1] in ("?", "？")
    scope = _SINCE.sub("", folded[clause_start : span.start])
    after = folded[span.end : span.end + 14]
    if (
        _HYPOTHETICAL.search(scope)
        or _HYPOTHETICAL_AFTER.match(after)
        or re.search(r"(?:如果|算不算|万一|(?<![主只需不])要是|假如|一旦)[^。！？!?\n]{0,20}$", before)
        or (question_end and re.search(r"会(?!儿)[^，。]{0,4}$", scope))
    ):
        return "hypothetical", False
    if re.match(r"(?:家族|病)?史", after):
        return "past", False
    if _RESOLVED_AFTER.match(after) and not re.match(r".{0,6}(?:又|没几|但)", after):
        return "past", True
    earlier = _SINCE.sub("", folded[max(sentence_start, clause_start - 12) : span.start])
    later = folded[span.end : span.end + 30]
    back_again = re.search(r"又|还是|反复|再次|现在(?:还|也|又)", later[:20])
    if _LONG_AGO.search(scope) or (_LONG_AGO.search(earlier) and not _RECENT.search(scope) and not _RECENT.match(folded, span.start)):
        latest = max((m.end() for m in _LONG_AGO.finditer(earlier)), default=0)
        if not _RECENT.search(earlier[latest:]):
            return "past", bool(_RESOLVED_LATER.search(later))
    if _LONG_AGO.match(folded[span.end : span.end + 3]) or _LONG_AGO_AFTER.match(folded, span.end):
        return "past", False
    if _LAST_TIME.search(earlier) and _THIS_TIME.match(later):
        return "past", True
    if _PAST_TIMES.search(earlier) and _RESOLVED_LATER.search(later) and not back_again:
        return "past", True
    return "now", False


def _whose(sentence_before: str, clause_before: str) -> Whose:
    others = [m for m in _OTHER.finditer(sentence_before) if not _NOT_SUBJECT_AFTER.match(sentence_before[m.end() :])]
    others = [m for m in others if not _is_no_subject(sentence_before[: m.start()])]
    selves = list(_SELF.finditer(sentence_before))
    patients = [m.start() for m in _PATIENT.finditer(sentence_before) if not _inside(m.start(), others)]
    last_patient = max(patients, default=-1)
    last_other = max((m.start() for m in others), default=-1)
    last_self = max((m.start() for m in selves), default=-1)
    if last_other > last_patient and last_other > last_self and _close(sentence_before, last_other, clause_before):
        # 邻居家孩子: the child belongs to the other family.
        return "other"
    if last_self > last_patient and last_self > last_other and _close(sentence_before, last_self, clause_before):
        return "parent"
    if others and last_patient > last_other and re.fullmatch(r"[家床班里的]{0,3}", sentence_before[others[-1].end() : last_patient]):
        return "other"
    return "patient"


def _is_no_subject(before: str) -> bool:
    return bool(_NOT_SUBJECT_BEFORE.search(before)) and not _CONTRASTED.search(before)


def _inside(position: int, matches: Sequence[re.Match[str]]) -> bool:
    return any(m.start() <= position < m.end() for m in matches)


def _close(sentence_before: str, position: int, clause_before: str) -> bool:
    """The subject named at `position` still rules: same clause, or at most one clause earlier."""
    return len(CLAUSE_END.findall(sentence_before[position:])) <= 1 or len(sentence_before) - position <= len(clause_before)
