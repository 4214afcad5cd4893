"""Conversations that a nurse can read: what talks/*.yml may say, and how it is played. talks/README.md explains it in Chinese."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from bot.cards import category_text
from bot.chart import import_table
from bot.chart_file import Kind
from bot.texts import say
from integrations.tabular.read import table_of
from plans.invitation import invite
from plans.personal import template_of
from plans.questionnaire import newest
from plans.questionnaire_response import assign
from plans.wording import words
from records.care_plan import Task
from records.chat import Chat
from records.errand import Errand
from records.observation import Observation
from records.patient import Carer, Patient, PatientCarer
from records.questionnaire import QuestionnaireResponse
from records.wecom import KfAccount
from tagging.content import default_content
from tests.dialogue.conftest import NOW, ZONE, Family
from tests.dialogue.road import Road
from tests.named import named

TALKS = Path(__file__).parent / "talks"
NEWBORN = "安安 10天 女"
# As the hospital knows every child of these talks: the first one that is at home has 88124, the next 88125.
RECORD_NUMBER, PHONE, LINK = 88124, "138 0000 1234", "https://work.weixin.qq.com/kf/kfc1?enc_scene=ENC1"
HOURS = {"分钟": 1 / 60, "小时": 1, "天": 24}
DAYS = {"天": 1, "个月": 30.5}
TASKS = {
    "没到": "scheduled", "问过": "sent", "提醒过": "reminded", "开始": "started", "完成": "done", "部分": "partial", "没填": "declined",
    "错过": "missed", "没送到": "undeliverable", "撤下": "withdrawn",
}  # fmt: skip
RESPONSES = {"等着": "assigned", "填着": "in_progress", "填完": "completed", "停了": "stopped"}
KINDS = {"图片": "image", "语音": "voice", "视频": "video", "文件": "file", "位置": "location", "链接": "link", "名片": "business_card"}
KINDS |= {"小程序": "miniprogram", "聊天记录": "merged_msg", "表情": "emotion"}
ABOUT = {"标题", "孩子", "出院", "随访", "到点", "问卷", "时间", "医院", "值班", "联系人", "客服链接", "别的家人", "暂缓", "对话"}
CHARTS: dict[str, Kind] = {"复诊": "appointments", "用药": "medications", "结果": "results"}
NOTHING = "没有"


@dataclass(frozen=True)
class Talk:
    """One conversation of a theme (the file's name): who the family is, and its lines as (what, words)."""

    theme: str
    title: str
    about: dict[str, Any]
    lines: tuple[tuple[str, Any], ...]


def read_talks(folder: Path = TALKS) -> list[Talk]:
    """Every talk, by theme. Raises ValueError for a line that means nothing, or a title that stands there twice."""
    talks = []
    for path in sorted(folder.glob("*.yml")):
        # The base loader: 37.80 stays as it was written.
        for raw in yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader):  # noqa: S506
            lines = tuple(item for line in raw["对话"] for item in line.items())
            wrong = [key for key in raw if key not in ABOUT] + [key for key, _ in lines if key not in STEPS]
            if wrong:
                raise ValueError(f"{path.name}, {raw.get('标题')}: {wrong}")
            talks.append(Talk(path.stem, raw["标题"], raw, lines))
    twice = {talk.title for talk in talks if [each.title for each in talks].count(talk.title) > 1}
    if twice:
        raise ValueError(f"titles stand twice: {twice}")
    return talks


class Played:
    """A talk that is being played. What does not hold fails the test with the conversation as it went."""

    def __init__(self, talk: Talk, family: Family) -> None:
        self.talk, self.family, self.road = talk, family, Road(family)
        self.script: list[str] = []
        self.everything: list[str] = []
        self.intents: set[str] = set()
        self.forms: set[str] = set()
        self.turns = 0
        self._named: set[str] = set()

    async def play(self) -> None:
        """From who the family is to the last line; an alert that no line names fails it too."""
        await self._begin()
        for what, words_ in self.talk.lines:
            step = STEPS[what]
            if step in CHECKS:
                problem = await step(self, words_)
                self._check(not problem, f"{what}：{words_}", problem)
                continue
            self.script.append(f"{what}：{words_}")
            await step(self, words_)
            self.everything.append(self.road.words)
            self.script += [f"    助手：{line}" for line in self.road.words.splitlines() if line]
        # Shown by pytest -rP.
        print("\n".join([self.talk.title, *self.script]))
        rest = {_alert(flag) for flag in await self.family.flags() if flag.category != "human_request"} - self._named
        self._check(not rest, "结束", f"还有没写到的报警：{sorted(rest)}")

    def _check(self, holds: bool, line: str, problem: str | None) -> None:
        __tracebackhide__ = True
        if not holds:
            went = "\n".join([*self.script, f"✗ {line}", f"  {problem}"])
            pytest.fail(f"{self.talk.theme}：{self.talk.title}\n\n{went}", pytrace=False)

    async def _begin(self) -> None:
        about, road = self.talk.about, self.road
        async with self.family.db.transaction() as tx:
            chat = await tx.get_one(Chat, self.family.chat_id)
            for number, child in enumerate(self.family.children):
                patient = await tx.get_one(Patient, child)
                patient.record_number, patient.phones = f"{RECORD_NUMBER + number}", [PHONE]
                patient.tags = _list(about.get("孩子"), [NEWBORN])[number].split()[3:]
                link = await tx.scalar(select(PatientCarer).where(PatientCarer.patient_id == child))
                link.primary = about.get("联系人") != "不是主要的"
            if not self.family.children:
                # A chat is only joined to a carer who is known.
                await tx.delete(await tx.get_one(Carer, chat.carer_id))
                chat.carer_id = None
            for number, discharged in enumerate(_list(about.get("出院"), [])):
                name, born, sex = child_of(discharged)
                tx.add(
                    Patient(
                        team_id=chat.team_id, record_number=f"ZY-2026 003{number + 1}", name=name, sex=sex, birth_date=born,
                        birth_weight_g=3200, tags=discharged.split()[3:], phones=[PHONE],
                    )
                )  # fmt: skip
            await tx.flush()
            for number in range(int(about.get("别的家人", 0))):
                await _another_carer(tx, chat, number)
            if about.get("客服链接") != NOTHING:
                tx.add(KfAccount(open_kfid=chat.open_kfid, name="随访", team_id=chat.team_id, contact_url=LINK))
            for questionnaire in _list(about.get("问卷"), []):
                await assign(tx, await tx.get_one(Patient, self.family.children[0]), newest()[questionnaire], now=NOW, by="linyue")
        for kind, rows in (about.get("医院") or {}).items():
            async with self.family.db.transaction() as tx:
                # The first child's, as `careloop chart import` takes them.
                numbers = ["病历号", *[str(RECORD_NUMBER)] * len(rows.splitlines())]
                table = table_of("\n".join(f"{number},{row}" for number, row in zip(numbers, rows.splitlines(), strict=False)).encode())
                report = await import_table(tx, CHARTS[kind], table, now=NOW, zone=ZONE)
            self._check(not report.refused, f"医院：{kind}", f"{report.refused}")
        if about.get("值班") != NOTHING:
            await road.has_nurse()
        if about.get("随访"):
            await road.is_on_plan()
        if about.get("到点"):
            await self._due(about["到点"])
            await road.passes(timedelta(minutes=1))
            self.everything += [reply.text for reply in road.said]
            self.script += [f"    助手：{line}" for line in road.words.splitlines() if line]
        if about.get("随访") == "问过":
            await road.passes(timedelta(minutes=1))
            self.everything += [reply.text for reply in road.said]
            self.script += [f"    助手：{line}" for line in road.words.splitlines() if line]
        if about.get("时间"):
            hour, minute = re.fullmatch(r"(\d+)点(\d+)?分?", about["时间"]).groups()
            self.family.now = self.family.now.astimezone(ZONE).replace(hour=int(hour), minute=int(minute or 0))

    async def _due(self, what: Any) -> None:
        """`chemotherapy/temperature`, or of another child `乐乐 chemotherapy/temperature`."""
        names = [child_of(child)[0] for child in _list(self.talk.about.get("孩子"), [NEWBORN])]
        for each in _list(what, []):
            *child, step = each.split()
            await self.road.falls_due(*step.split("/"), child=names.index(child[0]) if child else 0)

    # What the family and the world do.

    async def falls_due(self, what: Any) -> None:
        await self._due(what)
        await self.road.passes(timedelta(minutes=1))

    async def says(self, said: Any) -> None:
        await self.road.says(*[_spelt(text) for text in _list(said, [])])
        self.turns += len(_list(said, []))
        self._note()

    async def taps(self, label: str) -> None:
        self._check(label in self.road.offered, f"选择：{label}", f"没有给过这个选择，给过的是：{'、'.join(self.road.offered)}")
        await self.road.taps(label)
        self.turns += 1
        self._note()

    async def sends(self, kind: str) -> None:
        await self.road.sends({"msgtype": KINDS[kind]})
        self.turns += 1

    async def passes(self, time: str) -> None:
        number, unit = re.fullmatch(r"(\d+)(分钟|小时|天)", time).groups()
        await self.road.passes(timedelta(hours=int(number) * HOURS[unit]))

    async def enters(self, how: str) -> None:
        await self.road.enters()

    async def scans(self, name: str) -> None:
        await self._scans(name, kind="visit")

    async def scans_late(self, name: str) -> None:
        await self._scans(name, kind="visit", made=self.family.now - timedelta(days=15))

    async def opens_link(self, name: str) -> None:
        await self._scans(name, kind="carer")

    async def scans_again(self, name: str) -> None:
        await self.road.enters(self._token)

    async def _scans(self, name: str, *, kind: str, made: datetime | None = None) -> None:
        self._token = name
        async with self.family.db.transaction() as tx:
            patient = next(iter(await named(tx, Patient, name)), None)
            if patient is not None:
                self._token = await invite(tx, patient, kind=kind, by="linyue", now=made or self.family.now)
        await self.road.enters(self._token)

    async def says_at_length(self, end: str) -> None:
        """More than the dialogue reads, and `end` behind it."""
        await self.says("今天出去玩了一会儿，吃饭睡觉都跟平时一样，" * 40 + end)

    async def breaks(self, _: str) -> None:
        self.road.breaks()

    async def is_mended(self, _: str) -> None:
        self.road.is_mended()

    async def nurse_takes(self, name: str) -> None:
        await self.road.nurse_takes()
        self.road.said = []

    async def nurse_says(self, said: str) -> None:
        await self.road.nurse_says(said)

    async def nurse_ends(self, name: str) -> None:
        await self.road.nurse_ends()

    # What must then hold: None, or what is wrong.

    async def answers(self, wanted: Any) -> str | None:
        missing = [part for part in _list(wanted, []) if part not in self.road.words]
        return f"没说到：{missing}" if missing else None

    async def says_first(self, wanted: str) -> str | None:
        return None if self.road.words.startswith(wanted) else "不是最先说的"

    async def never_says(self, unwanted: Any) -> str | None:
        found = [part for part in _list(unwanted, []) if part in self.road.words]
        return f"不该说：{found}" if found else None

    async def is_silent(self, _: Any) -> str | None:
        return f"应该不出声，却说了：{self.road.words}" if self.road.said else None

    async def offers(self, labels: Any) -> str | None:
        offered = [label for reply in self.road.said for _, label in reply.buttons]
        wanted = [] if labels == NOTHING else _list(labels, [])
        return None if offered == wanted else f"给的选择是：{offered}"

    async def is_on_record(self, what: Any) -> str | None:
        problems = [await self._recorded(each, wanted=True) for each in _list(what, [])]
        return "；".join(problem for problem in problems if problem) or None

    async def is_not_on_record(self, what: Any) -> str | None:
        problems = [await self._recorded(each, wanted=False) for each in _list(what, [])]
        return "；".join(problem for problem in problems if problem) or None

    async def has_alert(self, what: Any) -> str | None:
        there = {_alert(flag) for flag in await self.family.flags() if flag.category != "human_request"}
        wanted = set() if what == NOTHING else set(_list(what, []))
        self._named |= wanted
        return None if wanted == there else f"报警是：{sorted(there) or NOTHING}"

    async def calls_nurse(self, why: str) -> str | None:
        called = [flag.because for flag in await self.family.flags() if flag.category == "human_request" and flag.state != "closed"]
        if why == NOTHING:
            return f"不该转人工：{called}" if called else None
        return None if any(why in because for because in called) else f"转人工的原因：{called or '没有转'}"

    async def follow_up_is(self, state: str) -> str | None:
        task = await self.family.task()
        return None if task.state == TASKS[state] else f"随访是：{next(name for name, each in TASKS.items() if each == task.state)}"

    async def follow_ups_are(self, wanted: Any) -> str | None:
        """`体温 完成`, each by the title of its step; of several children `乐乐 体温 完成`."""
        async with self.family.db.transaction() as tx:
            tasks = list(await tx.scalars(select(Task).order_by(Task.id)))
            titles = {task.id: (await template_of(tx, task)).step(task.step).title for task in tasks}
            names = {patient.id: patient.name for patient in await tx.scalars(select(Patient))}
        states = {state: name for name, state in TASKS.items()}
        there = {f"{titles[task.id]} {states[task.state]}" for task in tasks}
        there |= {f"{names[task.patient_id]} {titles[task.id]} {states[task.state]}" for task in tasks}
        wrong = [each for each in _list(wanted, []) if each not in there]
        return f"各项是：{sorted(there)}" if wrong else None

    async def has_errand(self, wanted: str) -> str | None:
        async with self.family.db.transaction() as tx:
            there = list(await tx.scalars(select(Errand.text)))
        if wanted == NOTHING:
            return f"不该有医护任务：{there}" if there else None
        return None if any(wanted in each for each in there) else f"医护任务：{there}"

    async def questionnaire_is(self, what: str) -> str | None:
        state, _, score = what.partition(" ")
        async with self.family.db.transaction() as tx:
            row = await tx.scalar(select(QuestionnaireResponse).order_by(QuestionnaireResponse.id.desc()).limit(1))
        if row is None:
            return "没有问卷"
        problem = f"问卷是：{next(name for name, each in RESPONSES.items() if each == row.state)} {row.score}"
        return None if row.state == RESPONSES[state] and (not score or row.score == float(score)) else problem

    async def is_bound(self, names: Any) -> str | None:
        async with self.family.db.transaction() as tx:
            chat = await tx.get_one(Chat, self.family.chat_id)
            rows = await tx.scalars(select(Patient.name).join(PatientCarer).where(PatientCarer.carer_id == chat.carer_id))
            bound = sorted(rows) if chat.carer_id is not None else []
        return None if bound == ([] if names == NOTHING else sorted(_list(names, []))) else f"绑着的是：{bound or NOTHING}"

    async def messages_are(self, what: str) -> str | None:
        async with self.family.db.transaction() as tx:
            chat = await tx.get_one(Chat, self.family.chat_id)
            carer = await tx.get(Carer, chat.carer_id)
            paused = carer.paused_until is not None and carer.paused_until > self.family.now
            state = "停了" if carer.stopped_at else "暂停" if paused else "照常"
            until = f"到{carer.paused_until.astimezone(ZONE):%-m月%-d日}" if paused else ""
        return None if what in (state, state + until) else f"随访消息：{state}{until}"

    async def _recorded(self, what: str, *, wanted: bool) -> str | None:
        """`体温 38.5`, `乐乐 体温 38.5`, `咳嗽`; without a child's name the first child's."""
        parts = what.split()
        async with self.family.db.transaction() as tx:
            patients = {patient.name: patient.id for patient in await tx.scalars(select(Patient))}
            patient = patients[parts.pop(0)] if parts[0] in patients else self.family.children[0]
            code = codes()[parts[0]]
            rows = await tx.scalars(
                select(Observation).where(
                    Observation.patient_id == patient, Observation.code == code, Observation.status != "entered-in-error"
                )
            )
            found = [row for row in rows if row.detail.get("status", "present") != "absent"]
        values = [row.value for row in found]
        there = bool(found) if len(parts) == 1 else any(value is not None and abs(value - float(parts[1])) < 0.005 for value in values)
        return None if there == wanted else f"{parts[0]}的记录是：{values or NOTHING}"

    def _note(self) -> None:
        for _, outcome in self.road.handled:
            read = outcome.get("read") or {}
            self.intents |= {read["intent"]} if read else set()
            self.forms |= {read["form"]} if read.get("form") else set()


STEPS: dict[str, Any] = {
    "到点": Played.falls_due,
    "家长": Played.says, "家长长话": Played.says_at_length, "选择": Played.taps, "家长发": Played.sends, "过了": Played.passes,
    "点开客服": Played.enters, "扫码": Played.scans, "扫旧码": Played.scans_late, "再扫一次": Played.scans_again,
    "点开家人链接": Played.opens_link,
    "助手出故障": Played.breaks, "助手修好": Played.is_mended,
    "护士接手": Played.nurse_takes, "护士说": Played.nurse_says, "护士结束": Played.nurse_ends,
    "助手": Played.answers, "先说": Played.says_first, "不说": Played.never_says, "不出声": Played.is_silent, "给选择": Played.offers,
    "记录": Played.is_on_record, "没记": Played.is_not_on_record, "报警": Played.has_alert, "转人工": Played.calls_nurse,
    "随访": Played.follow_up_is, "各项": Played.follow_ups_are, "医护任务": Played.has_errand,
    "问卷": Played.questionnaire_is, "绑定": Played.is_bound, "随访消息": Played.messages_are,
}  # fmt: skip
CHECKS = frozenset(STEPS[what] for what in list(STEPS)[list(STEPS).index("助手") :])


def children_of(talk: Talk) -> list[tuple[str, date, str]]:
    """The children of the family, as `new_family` takes them."""
    return [] if talk.about.get("孩子") == NOTHING else [child_of(child) for child in _list(talk.about.get("孩子"), [NEWBORN])]


def child_of(words_: str) -> tuple[str, date, str]:
    """`安安 10天 女`, perhaps with tags behind it: name, birth date, sex."""
    name, age, sex = words_.split()[:3]
    number, unit = re.fullmatch(r"(\d+)(天|个月|岁)", age).groups()
    today = NOW.astimezone(ZONE).date()
    born = today.replace(year=today.year - int(number)) if unit == "岁" else today - timedelta(days=round(int(number) * DAYS[unit]))
    return name, born, {"女": "F", "男": "M"}[sex]


def codes() -> dict[str, str]:
    """The codes of vitals and signs by the names that families read, and the clinical ones."""
    content = default_content()
    signs = {vital.name: key for key, vital in content.vitals.vitals.items()}
    signs |= {concept.name: key for key, concept in content.symptoms.concepts.items()}
    told = {name: key for key, name in words("symptom_names").items()} | {name: key for key, name in words("vital_names").items()}
    return signs | told | {"用药": "medicine", "问题": "question"}


async def _another_carer(tx: Any, chat: Chat, number: int) -> None:
    """One more carer of all children, in another WeChat; of those whom nobody speaks for yet the first is the main one, the father."""
    carer = Carer(name="李先生", external_userid=f"other{number}")
    tx.add(carer)
    await tx.flush()
    for patient in await tx.scalars(select(Patient)):
        led = await tx.scalar(select(PatientCarer.carer_id).where(PatientCarer.patient_id == patient.id).limit(1))
        tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="父亲", primary=led is None))
    tx.add(Chat(open_kfid=chat.open_kfid, external_userid=f"other{number}", carer_id=carer.id, team_id=chat.team_id, opened_at=NOW))
    await tx.flush()


def _alert(flag: Any) -> str:
    return f"{say(f'levels.{flag.level}')}/{category_text(flag.category)}"


def _list(value: Any, default: list[str]) -> list[str]:
    return default if value is None else list(value) if isinstance(value, list) else [value]


def _spelt(text: str) -> str:
    """`春天×400` is said 400 times over: long texts stay readable."""
    repeated = re.fullmatch(r"(.+)×(\d+)", text, re.S)
    return repeated[1] * int(repeated[2]) if repeated else text
