"""Whether a message tells nothing but that all is well: 嘴唇不紫，手脚也暖和. What only resembles danger is none there."""

import re
from collections.abc import Sequence

from tagging.symptom import SymptomMention
from tagging.text import CLAUSE_END, fold

# Longer messages tell more than that.
LONGEST = 60
_AS_IT_SHOULD = re.compile(
    r"正常|平稳|平静|均匀|红润|红扑扑|白里透红|暖和|温热|温温的|清楚|清醒|灵活|没事|没问题|没(?:有)?异常|挺好|很好|蛮好|还好|都好|不错|良好|好着呢|好好的"
    r"|(?:都|也|还)?能(?:自己)?(?:动|走|跑|跳|说话|坐|站|吃|喝|玩)(?!不)|活泼|活蹦乱跳|有劲|有力气|有精神|精神(?:很|挺|也|还|都)*(?:好|足|可以)|软软的|软乎乎|干干净净|干净"
    r"|(?:已经|都|早就|也|完全|全)?(?:退|好|消|愈合|恢复|止住)(?:了|啦)|(?:都|也|会|还)答应|一(?:叫|喊)就(?:醒|应|答应)|(?:能|会)(?:逗|笑|追视)"
)
# Denied are complaints, not what a healthy child does: 不哭, 不动 and 不吃 are signs themselves.
_DENIED = re.compile(
    r"(?:没有?|没再|没怎么|不再|不|也不|都不|无)(?:[^，。！？,!?哭动吃喝睁应理醒尿笑说认喘憋]{0,2})(?:发?烧|发热|吐|拉肚子|拉|咳|喘|疼|痛|紫|青|肿|红|黄|黑|白|硬|鼓|胀|痒|抽|抖|流血|流脓|流水|流|晕|闷|憋|麻|歪|出血|血|脓|渗|恶心|难受)"
)
_TURNS = re.compile(r"但|可是|不过|却|然后|后来|突然|刚才|又|还是|越来越|半天|叫不|喊不|没反应|没精神|没力|不醒|不应|不理|不动|不睁|不会")
_TRIFLE = re.compile(
    r"^(?:就是|只是|只有)(?:[今昨]?[天晚早夜]?)?(?:有?点|稍微|略|没)?[^，。！？,!?]{0,2}(?:睡好|累|困|馋|懒|闹脾气|黏人|挑食|想玩|想出去)[了的呢吧]?$"
)
_SAYS_LITTLE = re.compile(
    r"^(?:医生|大夫|护士|老师|你好|您好|今天|昨天|现在|宝宝|孩子|娃|我们|的|了|啊|哦|呢|嗯|是的|对|谢谢|早上好|晚上好|放心)*$"
)


def tells_only_well(text: str, mentions: Sequence[SymptomMention]) -> bool:
    """Whether every clause of `text` denies a sign or tells that something is as it should be, and no sign in it is present or possible."""
    if len(text) > LONGEST or any(mention.status != "absent" for mention in mentions):
        return False
    folded = fold(text)
    if _TURNS.search(folded):
        return False
    clauses = [clause for clause in CLAUSE_END.split(folded) if clause]
    told = [clause for clause in clauses if _AS_IT_SHOULD.search(clause) or _DENIED.search(clause)]
    return bool(told) and all(clause in told or _TRIFLE.match(clause) or _SAYS_LITTLE.match(clause) for clause in clauses)
