"""What a family asks about that only a doctor can answer: a medicine, an examination and its result, a diagnosis. By words alone."""

import re
from collections.abc import Sequence
from typing import Literal

from tagging.medicine import MedicineMention
from tagging.text import CLAUSE_END, fold

Topic = Literal["medicine", "result", "diagnosis"]

# Words of treatment that name no medicine.
TREATMENT = re.compile(
    r"药(?!店|房|品|监)|输[了完过点]?液|挂水|吊水|吊针|吊瓶|点滴|打针|打[了完过一两]*针|抗生素|雾化|服用|冲服|剂量|用量|一天吃几|疗程|激素|抗病毒|消炎"
)
_VACCINE = re.compile(r"疫苗|预防针|防疫针|接种")
_ASKS = re.compile(
    r"[?？]|吗|没$|么(?=$|[，。！!~ ])|(?:可以|能|要|会|行|正常)[^，。]{0,12}嘛"
    r"|[对是]吧|是[嘛吗么]|对症吧|怎么|咋(?!地)|如何|为什么|为啥|什么|啥|哪[种个些里样]|多少|多久|多长时间"
    r"|(?<![好前这那过十头有隔了])几(?:次|天|片|袋|包|粒|滴|毫升|支|度|个|点|岁|顿|回)(?![前了])"
    r"|要不要|能不能|可不可以|该不该|需不需要|是不是|是否|会不会|有没有必要|行不行|好不好|对不对|不清楚.{0,4}还?要|不知道(?:要|该|能|可以|是)|(.)不\1|还是[^，。]{1,8}好|[行以]吧|(?:问题|没事|正常)吧|想问|请问|要紧不|合适不"
)
# Words of a question that ask nothing: 没什么, 不怎么, 吃多少是多少.
_NO_QUESTION = re.compile(
    r"那个啥|没有?[^，。]{0,5}什么|不怎么|不咋|什么的|[什怎]么都|没怎么|多少有|那么|这么|要么|什么也|多少[^，。]{0,2}多少|怎么说|不管怎么|(?:没|不)[^，。]{0,3}多少"
)
# What a family would do by itself is asked too: 再烧我就喂退烧药.
_IF = re.compile(r"如果|要是|万一|的话我?就|打算")
# After a treatment: what to do about the child, not about the treatment.
_STILL_ILL = re.compile(
    r"(?:吃|用|喝|打|服|喂|输)(?:了|过|完).{0,12}(?:还|也|都|仍|没|不|又)"
    r".{0,12}(?:怎么办|咋办|咋整|正常|怎么回事|为什么|啥原因|什么原因)"
)
_EXAMINATION = re.compile(
    r"化验|验血|验个?(?:大便|尿|便)|验了?个?血|查血|抽血|血常规|尿常规|[大小]?便常规|报告|检查|结果|单子|片子|胸片|拍片|拍了?个?片|(?<![a-z])ct(?![a-z])|[bB]超|彩超|x光|核磁|磁共振"
    r"|心电图|脑电图|指标|crp|反应蛋白|白细胞|白血球|红细胞|血小板|血红蛋白|淋巴细胞|中性粒|单核|支原体|衣原体|铁蛋白|肝功|肾功|转氨酶|心肌酶|隐血|潜血|血象|血项|血沉"
)
_JUDGED = re.compile(
    r"高|低|偏|升|降|不合格|正常|异常|[阳阴]性|超标|箭头|加号|减少|增多|\d"
    r"|怎么看|啥意思|什么意思|看看|看一下|说明|显示|写|这是"
)
# When and where are questions for the hospital's desk.
_LOGISTICS = re.compile(
    r"什么时候|啥时候|几点|哪天|几号|周几|哪里|哪儿|在哪|出来了?[吗没]|出了[吗没]|怎么取|打印|怎么领|去哪|复印|约|挂号|带什么|空腹|筛查|预约|丢了|多少钱"
)
_DISEASE = (
    r"感染|[^，。！？消]炎|什么症|综合征|[^看生疾毛]病|过敏|贫血|缺[钙锌铁]|积食|感冒|皮疹|湿疹|哮喘|疝|梗阻|癫痫|自闭|脑瘫"
    r"|消化不良|不耐受|肠套叠|发育不良|佝偻|黄疸|上火|着凉|手足口|水痘|中毒"
)
_DIAGNOSIS = re.compile(
    rf"(?:是不是|会不会是?|是否是?|算不算|算是|有没有可能是?|还是|难道是|应该是|可能是|是)(?:有点?|得了|又|因为|真的|属于|什么)?[^，。！？?]{{0,5}}(?:{_DISEASE})"
    r"|什么病|啥病|得了什么|哪种病|哪方面的问题|确诊|诊断|严重吗|严重不|严重么|会有?后遗症|会不会传染|会遗传"
)


def asks(text: str) -> bool:
    """Whether `text` has the form of a question."""
    return bool(_ASKS.search(_NO_QUESTION.sub("", fold(text).strip())))


def find_topic(text: str, medicines: Sequence[MedicineMention] = ()) -> Topic | None:
    """The topic of a question that only a doctor may answer; also of a result that is told, because it is meant to be read.

    None for everything else, and for where and when of an examination.
    """
    folded = fold(text)
    about_medicine = bool(medicines) or TREATMENT.search(folded)
    if (
        about_medicine
        and (asks(text) or _IF.search(folded))
        and not _VACCINE.search(folded)
        and not _STILL_ILL.search(folded)
        and not _LOGISTICS.search(folded)
    ):
        return "medicine"
    if _EXAMINATION.search(folded) and not _LOGISTICS.search(folded) and (asks(text) or _JUDGED.search(folded)):
        return "result"
    return "diagnosis" if asks(text) and _DIAGNOSIS.search(folded) else None


def tells_treatment(text: str) -> bool:
    """Whether `text` tells of a treatment, with or without its name: 一天三次，一次一袋."""
    folded = fold(text)
    return bool(_TOLD.search(folded)) and not asks(text) and not _VACCINE.search(folded)


_TOLD = re.compile(
    rf"{TREATMENT.pattern}|(?:一次|每次|一天|每天|一日|每日|早晚)[^，。]{{0,4}}(?:[袋包片粒支滴勺]|毫升|ml)|[袋包片粒支]分[^，。]{{0,2}}次"
)

# Marks of something that really happened; 宝宝吐奶怎么办 has none of them.
_HAPPENED = re.compile(
    r"了|昨|今[天早晚日]|刚|已经|一直|又|还在|还是|还有|现在|这[两几]天|[这那][么样次回个]|\d|[一二两三四五六七八九十半几]"
    r"(?:天|周|次|个|小时|晚|度)|有点|老[是吐咳哭拉]|总|经常|特别|很|好多|反复|突然|时候|我家|我们家|我儿子|我女儿|[他她]|过|着|早上|晚上|夜里|上午|下午|厉害|不停|出院|最近"
)


def is_general_question(text: str) -> bool:
    """Whether `text` only asks, and tells nothing that happened to the child: 宝宝吐奶怎么办, but not 宝宝吐了怎么办."""
    folded = fold(text).strip()
    return asks(text) and not _HAPPENED.search(folded) and len(CLAUSE_END.findall(folded.rstrip("?？。！!，,~～ "))) == 0


# What an encyclopaedia answers: causes, treatments, cures, prices and hospitals of a disease or sign in general.
_KNOWLEDGE = re.compile(
    r"(?:可能)?(?:是)?(?:什么|啥|哪些)(?:原因)?(?:引起|导致|造成)|(?:是)?怎么(?:引起|得的?|传染|形成)|(?:的|发病)原因(?:有哪些|是什么|及|和|$)|(?:会)?(?:有)?(?:什么|哪些|啥)(?:症状|危害|表现|后果|并发症|征兆|忌口|后遗症)"
    r"|的?(?:早期)?(?:症状|体征|危害|特征|分类|发病率|患病率)(?:是什么|有哪些|$|[?？])|是[^，。]{0,8}(?:病|症|炎)?的症状吗|(?:吃|喝)(?:点)?(?:什么|啥)(?:药|茶|东西|食物|水果|能|可以|比较|最){0,2}(?:好|管用|快|补|有效|$)"
    r"|能(?:不能)?(?:治|根治|治好|治愈|自愈)|好治吗|治得好|会遗传|会死|多久(?:会|能)?(?:死|好|恢复|痊愈|愈合|拆)|多长时间(?:会|能)?(?:好|恢复|痊愈)|(?:最佳|最好|最新|最快)?的?(?:治疗|护理|预防)(?:方法|办法|措施|$)|处理(?:方法|办法|措施)"
    r"|(?:怎么|如何|怎样)(?:预防|治疗|治|根治|护理|区分|区别|鉴别|判断|用药|恢复|锻炼)|哪(?:家|个|里)[^，。]{0,6}(?:医院|好)|(?:什么|哪个)医院|多少钱|费用|挂(?:什么|哪个)科|食疗|偏方|注意(?:什么|些什么|事项|哪些)|大忌|疤痕"
    r"|饮食|调理|怎么保养|前兆吗|可不可以[吃喝用做打]|可以[吃喝用做打][^，。]{0,6}(?:吗|么)|能[吃喝用做打][^，。]{0,6}(?:吗|么|什么)|是不是很严重|是什么意思|在(?:左|右)边|专有|的区别|有什么用|怎么算|名词解释|分级|级伤残|[\u4e00-\u9fff]图片$"
)
_OF_SOMEBODY = re.compile(
    r"宝|孩|娃|儿子|女儿|闺女|崽|婴|小儿(?=[^，。]{0,4}(?:抽|发))|[一二两三四五六七八九十\d]岁|个?月大|我|他|她|家里|今天|昨|刚|现在|早上|晚上|突然|已经|一直|老是|总是"
)

# What is asked of children in general: 小孩烧伤面积怎么算.
_OF_CHILDREN = re.compile(
    r"怎么算|名词解释|分级|(?:的|有?什么|有?哪些)(?:早期)?(?:症状|表现|特征|危害|后遗症)(?:是什么|有哪些)?[?？]?$|的?图片$"
    r"|(?:症状|表现|危害|后遗症|并发症)(?:是什么|有哪些|有什么)|疤痕?(?:怎么|如何|能|会|用什么)|(?:常见|主要|发病)的?原因(?:有|是|都)|会不会(?:影响|传染|遗传|留疤|留下|复发|自愈)|(?:会|能)(?:影响(?:智力|大脑|发育|长高)|传染|遗传|复发|自愈|治好|治愈|根治)(?:吗|么|嘛|不)"
    r"|(?:多少|几)度(?:才|就)?会|(?:怎么|如何|怎样)(?:预防|避免|防止)|怎么(?:止血|判断|识别|区分)(?:比较|最)?好|(?:能不能|可不可以|能|可以)(?:接种|打|注射)[^，。]{0,6}(?:疫苗|预防针)"
    r"|(?:多久|多长时间|几天|什么时候)(?:才)?(?:能|会)(?:自己)?(?:好|退|消|下去|恢复|痊愈|自愈)[?？]?$|正常(?:值|范围)(?:是|多少)"
)

# Talk about a danger that is not here: it was in the news, or somebody wants to be prepared.
_LEARNING = re.compile(
    r"新闻|电视(?:里|上|说|讲)|(?:剧|电影|小说|动漫|漫画|综艺)里(?=[^。]{0,12}(?:自杀|死|割|跳|抽|晕))|[女男]主角?(?=[^，。]{0,6}(?:自杀|死|割|跳))|(?:网上|视频|书上|课上|课本里?|绘本里?|动画片里?|故事里|公众号|文章|抖音)[^，。]{0,6}(?:说|看到|讲|刷到|有)"
    r"|(?:先|提前|提早|想)[^，。]{0,3}(?:学习|学学|学一学|学一下|预习)|(?:先|提前|提早)(?:学|了解)|以防万一|有备无患|(?:课上|课本|讲座|老师)[^，。]{0,4}(?:提到|讲到|讲过|提过)|(?:哪里|哪儿|去哪|上哪)(?:能|可以)?买|(?:给|帮|替)(?:邻居|朋友|同事|亲戚|别人|闺蜜|同学)[^，。]{0,6}问"
)
_NOW = re.compile(
    r"现在(?!没|都?好|不)|刚才|刚刚|正在|今天(?!没)|今晚|突然|怎么办|咋办|急(?![救诊性])|已经"
    r"|我也(?!没)|也想(?:死|学|跟|试)|我想(?:死|跟)|我[^，。]{0,4}(?:试|手|血|割|跳)|学的|模仿|学着|\d{2}\.\d"
)


def is_knowledge_question(text: str) -> bool:
    """Whether `text` asks what an encyclopaedia answers, of nobody and no moment: 高血压吃什么药好; not 宝宝抽搐怎么办."""
    if len(text) > 80:
        return False
    folded = fold(text).strip()
    if _OF_CHILDREN.search(folded) and not _HAPPENED.search(folded):
        return True
    return len(folded) <= 60 and bool(_KNOWLEDGE.search(folded)) and not _OF_SOMEBODY.search(folded)


def is_only_learning(text: str) -> bool:
    """Whether `text` speaks of a danger that is not here: 新闻里说有孩子误吞电池, 先学习一下发烧怎么护理."""
    folded = fold(text)
    return bool(_LEARNING.search(folded)) and not _NOW.search(folded)
