"""What is said, asked or agreed upon rather than measured: 医生问有没有39度, 说好38.5喂药的."""

import re
from collections.abc import Sequence

from tagging.measurement.quantity import Quantity
from tagging.measurement.scope import CLAUSE

# So much before a value may tell who says it.
WINDOW = 24
_WHO = r"(?:医生|大夫|护士|主任|专家|药师|营养师|社区|儿保|书上|网上|说明书|手册|门诊)"
# Who has measured tells a value, who asks or sets a limit does not.
_SAYS = re.compile(
    rf"{_WHO}[^，。！？,!?\d]{{0,4}}(?:问|说|讲|提醒|提到|交代|定的?|写的?)(?![^，。！？,!?]*(?:[量测查验称吹烧]|结果|报告|现在|今天|宝宝|孩子|娃|[他她]))[^，。！？,!?\d]{{0,6}}$"
    r"|(?:说好|讲好|约好|约定|商量好|定好)[^，。！？,!?\d]{0,6}$"
)
_ASKS = re.compile(r"问(?:我|我们|他|她|家长)?[^，。！？,!?\d]{0,6}(?:有没有|有无|是不是|到没到|够不够)[^，。！？,!?\d]{0,4}$")


def is_only_said(folded: str, quantity: Quantity) -> bool:
    """Whether somebody asks for the value, or sets it as a limit."""
    head = CLAUSE.split(folded[max(0, quantity.start - WINDOW) : quantity.start])[-1]
    return _SAYS.search(head) is not None or _ASKS.search(head) is not None


def stands_beside(quantity: Quantity, kept: Sequence[Quantity]) -> bool:
    """Whether another value of the same vital is told in the message."""
    return any(other is not quantity and other.vital == quantity.vital for other in kept)
