"""A family that does anything at all, in any order: messages of every kind, taps new and old, time, nurses, links."""

import json
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from functools import cache
from random import Random

import yaml
from sqlalchemy import select

from plans.invitation import invite
from plans.questionnaire import newest
from plans.questionnaire_response import assign
from records.chat import Chat
from records.patient import Carer, Patient, PatientCarer
from tests.dialogue.conftest import ROOT, Family
from tests.dialogue.road import Road

PHONE = "13800001234"
BABY, BROTHER, GIRL, GROWN = (
    ("安安", date(2026, 2, 20), "F"),
    ("乐乐", date(2022, 1, 5), "M"),
    ("小雪", date(2012, 5, 1), "F"),
    ("王先生", date(1996, 1, 5), "M"),
)
# Who is at home, on a plan or not.
HOMES = [((BABY,), True), ((BABY, BROTHER), True), ((GIRL,), False), ((GROWN,), False), ((), False)]
# Answers to what the assistant may ask.
ANSWERS = (
    *(
        "6斤8两",
        "3.4公斤",
        "34公斤",
        "没称",
        "家里没秤",
        "等会儿",
        "吃了8次，每次60毫升，尿布湿了7片",
        "吃了8次",
        "7片",
        "没数",
        "跳过",
        "继续",
    ),
    *(
        "先不填了",
        "填问卷",
        "满意",
        "有几天",
        "几乎每天",
        "没有",
        "是的",
        "不是",
        "好的",
        "先不用",
        "绑定孩子",
        "ZY20260031",
        "2026年2月20日",
    ),
    *("2月20号", "今年", "13800001234", "ZY20260031，2026年2月20日，13800001234", "妈妈", "我是外婆", "同意", "不同意", "先不绑了"),
    *("说乐乐", "安安", "老大", "体温36.8", "体温375", "烧到38.5", "刚才说错了", "不对，是36.9", "转人工", "别再发消息了", "先停三天"),
    *("恢复随访", "我要撤回同意", "邀请家人", "最近体重长得怎么样", "后面还有哪些随访", "今天要做什么", "孩子抽搐了", "谢谢", "你好"),
)
GARBAGE = (
    *("", " ", "。", "？？？", "\u200b", "\x07\x08", "😀" * 40, "/restart", "/back", "EXTERNAL: human", "<script>alert(1)</script>"),
    *("' OR 1=1 --", "{name}{0}%s", "a" * 3000, "哈" * 3000, "1" * 400, "38.5," * 200, "NaN", "null", "1e999", "-1", "０１２"),
    *("二〇二六年", "\u202e倒过来", "é" * 50),
)
KINDS = ("image", "voice", "video", "file", "location", "link", "business_card", "miniprogram", "merged_msg", "emotion", "new_thing")
# Nobody should hear Rasa's own last resort, or a text with a hole in it.
HOLES = ("{", "}", "None", "。。", "，。", "：。", "、、")
REMEMBERED = 30


class DeadEnd(AssertionError):
    """A message that was not answered, or answered badly; with what led to it."""


@cache
def messages() -> dict[str, list[str]]:
    """Texts by where they come from."""
    frozen = [line.split("\t") for line in (ROOT / "nlu_data/frozen/intents.tsv").read_text("utf-8").splitlines() if "\t" in line]
    evaluation = []
    for path in sorted((ROOT / "nlu_data/evaluation").glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            text = row.get("text") or row.get("question") or (row.get("input") or {}).get("text")
            evaluation += [text] if isinstance(text, str) else []
    return {
        "frozen": [text for text, intent in frozen if intent != "out_of_scope"],
        "others": [text for text, intent in frozen if intent == "out_of_scope"],
        "evaluation": evaluation,
        "answers": list(ANSWERS),
        "garbage": list(GARBAGE),
    }


@cache
def last_resort() -> str:
    """What a turn says that no rule answers."""
    domain = yaml.safe_load((ROOT / "bot/domain/session.yml").read_text("utf-8"))
    return str(domain["responses"]["utter_default"][0]["text"])


class Walk:
    """One family's steps, chosen by `chance`; each message must be answered."""

    def __init__(self, road: Road, chance: Random) -> None:
        self.road, self.chance = road, chance
        self.went: deque[str] = deque(maxlen=REMEMBERED)
        self.counts: Counter[str] = Counter()

    @classmethod
    async def of(cls, new_family: Callable[..., Awaitable[Family]], chance: Random) -> "Walk":
        """A walk of a family that chance makes."""
        children, on_plan = chance.choice(HOMES)
        walk = cls(Road(await new_family(*children)), chance)
        await walk._settle(children, on_plan)
        return walk

    async def step(self) -> None:
        """Do one thing. Raises DeadEnd, or what the assistant raised."""
        does = self.chance.choices(
            [self._says, self._taps, self._bursts, self._sends, self._waits, self._nurse, self._enters, self._assigns, self._restarts],
            [50, 22, 4, 4, 8, 6, 2, 2, 2],
        )[0]
        self.counts[does.__name__] += 1
        try:
            await does()
        except DeadEnd:
            raise
        except Exception as err:
            raise DeadEnd(f"{type(err).__name__}: {err}\n" + "\n".join(self.went)) from err

    def _text(self) -> str:
        kind = self.chance.choices(["frozen", "others", "evaluation", "answers", "garbage"], [30, 8, 20, 34, 8])[0]
        return self.chance.choice(messages()[kind]).replace("ZY20260031", self._number)

    @property
    def _number(self) -> str:
        """The record number of the child that this family could be bound to."""
        return f"ZY2026{self.road.family.chat_id:04d}"

    async def _says(self) -> None:
        text = self._text()
        self.went.append(f"家长：{text[:80]!r}")
        await self.road.says(text)
        self._check(text)

    async def _bursts(self) -> None:
        texts = [self._text() for _ in range(self.chance.randint(2, 4))]
        self.went.append(f"家长连发：{[text[:40] for text in texts]!r}")
        await self.road.says(*texts)
        self._check("".join(texts))

    async def _taps(self) -> None:
        if not self.road.offered:
            return await self._says()
        latest = [label for reply in self.road.said for _, label in reply.buttons]
        label = self.chance.choice(latest if latest and self.chance.random() < 0.8 else list(self.road.offered))
        self.went.append(f"选择：{label}（{self.road.offered[label]}）")
        await self.road.taps(label)
        self._check(label)

    async def _sends(self) -> None:
        kind = self.chance.choice(KINDS)
        self.went.append(f"家长发：{kind}")
        await self.road.sends({"msgtype": kind})
        self._check("")

    async def _waits(self) -> None:
        hours = self.chance.choice([0.2, 1, 3, 5, 9, 14, 26, 60])
        self.went.append(f"过了：{hours}小时")
        await self.road.passes(timedelta(hours=hours))
        self._note()

    async def _nurse(self) -> None:
        """A nurse takes the chat, says something, or ends it."""
        if (await self.road.chat()).state == "bot":
            if self.chance.random() < 0.4:
                self.went.append("护士接手")
                await self.road.nurse_takes()
            return
        if self.chance.random() < 0.3:
            self.went.append("护士说")
            await self.road.nurse_says("您好，我是林护士")
        else:
            self.went.append("护士结束")
            await self.road.nurse_ends()

    async def _enters(self) -> None:
        token = None
        if self.chance.random() < 0.6:
            async with self.road.family.db.transaction() as tx:
                patients = list(await tx.scalars(select(Patient).order_by(Patient.id)))
                kind = self.chance.choice(["visit", "carer"])
                token = await invite(tx, self.chance.choice(patients), kind=kind, by="linyue", now=self.road.family.now)
        self.went.append(f"进入会话：{token}")
        await self.road.enters(self.chance.choice([token, "forged"]) if token else None)
        self._note()

    async def _assigns(self) -> None:
        if not self.road.family.children:
            return
        id = self.chance.choice(sorted(newest()))
        self.went.append(f"医护请填：{id}")
        async with self.road.family.db.transaction() as tx:
            patient = await tx.get_one(Patient, self.chance.choice(self.road.family.children))
            await assign(tx, patient, newest()[id], now=self.road.family.now, by="linyue")

    async def _restarts(self) -> None:
        self.went.append("服务重启")
        self.road.family.dialogue.forget(self.road.family.chat_id)

    def _check(self, text: str) -> None:
        self._note()
        self.counts["messages"] += len(self.road.handled)
        states = {state for state, _ in self.road.handled}
        answers = {outcome.get("answer") for _, outcome in self.road.handled}
        heard = "".join(reply.text for reply in self.road.said).strip()
        self.counts.update(str(answer) for answer in answers)
        if states == {"recorded"}:
            # A person has the chat.
            self._demand(not heard, "spoke while a person had the chat")
            return
        self._demand(not states & {"new", "dead"}, f"not handled: {states}")
        self._demand("trouble" not in answers, "the dialogue failed")
        self._demand(bool(heard), "silence")
        self._demand(last_resort() not in heard, "the last resort")
        holes = [hole for hole in HOLES if hole in heard and hole not in text]
        self._demand(not holes or any(hole in "".join(self.went) for hole in holes), f"a hole: {holes}")

    def _demand(self, holds: bool, problem: str) -> None:
        if not holds:
            raise DeadEnd(problem + "\n" + "\n".join(self.went))

    def _note(self) -> None:
        self.went.extend(f"    助手：{line}" for line in self.road.words.splitlines() if line)

    async def _settle(self, children: tuple[tuple[str, date, str], ...], on_plan: bool) -> None:
        family = self.road.family
        async with family.db.transaction() as tx:
            chat = await tx.get_one(Chat, family.chat_id)
            if not children:
                await tx.delete(await tx.get_one(Carer, chat.carer_id))
                chat.carer_id = None
            born = date(2026, 2, 20)
            tx.add(
                Patient(
                    team_id=chat.team_id, record_number=self._number, name="小满", sex="F", birth_date=born, birth_weight_g=3200, tags=[],
                    phones=[PHONE],
                )
            )  # fmt: skip
            link = await tx.scalar(select(PatientCarer).where(PatientCarer.carer_id == chat.carer_id).limit(1))
            if link is not None and self.chance.random() < 0.2:
                link.primary = False
        if self.chance.random() < 0.7:
            await self.road.has_nurse()
        if on_plan:
            await self.road.is_on_plan()
