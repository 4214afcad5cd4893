"""What one message says about a patient, taken into the record and into the follow-up that it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from plans.alert import Alert
from plans.clock import local_day
from plans.finding import is_correction
from plans.personal import task_templates
from plans.question import PRESENT, UNKNOWN, entry, listed_signs, open_signs, questions
from plans.read_answer import named_signs
from plans.taking import Said, Taken, take_value, take_weight
from plans.taking_words import take_medicine, take_sign, take_symptom, take_treatment
from plans.template import PlanTemplate, Question
from plans.wording import say
from records.care_plan import Task
from records.flag import LEVELS
from records.patient import Patient
from tagging.topic import tells_treatment

if TYPE_CHECKING:
    from tagging.measurement import Measurement
    from tagging.understanding import Understanding


# Said back in full up to so many: a whole follow-up at once. Of more, the first few and how many they are (own judgement).
MOST_SAID, FEW = 10, 4


@dataclass
class Heard:
    """All that one message held. `questions` are those of the task that was asked; `beside` those of others, by the task's id."""

    echoes: list[str] = field(default_factory=list)
    ask_backs: list[str] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    questions: set[str] = field(default_factory=set)
    beside: dict[int, set[str]] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)
    stored: int = 0
    medicines: int = 0

    @property
    def alert(self) -> Alert | None:
        """The worst of the alerts."""
        return max(self.alerts, key=lambda alert: LEVELS.index(alert.level), default=None)

    @property
    def others(self) -> tuple[Alert, ...]:
        """All alerts but the worst one."""
        return tuple(alert for alert in self.alerts if alert is not self.alert)

    @property
    def echo(self) -> str:
        """One sentence for everything; for very much, for the first of it."""
        if not self.echoes:
            return say("echo.kept") if self.stored else ""
        return say("echo.corrected" if self.replaced else "echo.received", what=_in_short(self.echoes, "echo.joined"))


async def hear(
    tx: AsyncSession,
    task: Task | None,
    patient: Patient,
    understanding: "Understanding",
    *,
    text: str,
    message_id: int | None,
    now: datetime,
    zone: ZoneInfo,
    measurements: "list[Measurement] | None" = None,
    corrects: bool = False,
    beside: Sequence[Task] = (),
) -> Heard:
    """Store everything that the message says about `patient`, and note in `task` (locked, open) which questions it answers.

    What answers none of `task` may answer one of the patient's other open follow-ups `beside` it (locked too). `corrects` says that it
    takes back what was said before, whether or not its own words do.
    """
    heard = Heard()
    open_ = [*([task] if task else []), *beside]
    templates = await task_templates(tx, open_)
    tasks = {each: templates[each.id] for each in open_ if each.id in templates}
    corrects = corrects or is_correction(text)
    read = understanding.measurements if measurements is None else measurements
    distinct: dict[tuple[object, ...], Measurement] = {}
    for each in read:
        # The same value said a hundred times in one message is one value.
        distinct.setdefault((each.vital, each.value, each.unit, each.at), each)
    for measurement in distinct.values():
        answered, question = _answers(tasks, measurement, now, zone)
        said = Said(patient, message_id, answered.id if answered else None, corrects, now, zone)
        taken = await (take_weight if measurement.vital == "weight" else take_value)(tx, measurement, said)
        _note(heard, taken)
        if answered and question and taken.observation is not None:
            _answered(heard, task, answered, question)
            _write_down(answered, question, taken, measurement, message_id)
        elif taken.replaced is not None and taken.replaced.task_id is not None:
            await _amend_closed(tx, taken, measurement)
    named: set[tuple[str, str]] = set()
    there = {mention.concept for mention in understanding.symptoms if mention.status == "present" and mention.whose == "patient"}
    for mention in understanding.symptoms:
        if (mention.concept, mention.status) in named:
            continue
        named.add((mention.concept, mention.status))
        sign = await take_symptom(tx, mention, Said(patient, message_id, task.id if task else None, corrects, now, zone))
        if sign is not None:
            # Of 白天不咳，晚上咳 only that it is there is said back.
            _note(heard, replace(sign, echo=None) if mention.status == "absent" and mention.concept in there else sign)
    for open_task, template in tasks.items():
        for question in questions(open_task, template):
            if question.kind == "symptoms" and (signs := named_signs(question, understanding.symptoms)):
                note_signs(open_task, question, signs, message_id)
                _answered(heard, task, open_task, question)
    await _hear_medicines(tx, heard, understanding, text, Said(patient, message_id, task.id if task else None, corrects, now, zone))
    return heard


async def _hear_medicines(tx: AsyncSession, heard: Heard, understanding: "Understanding", text: str, said: Said) -> None:
    used: dict[str, str] = {}
    left: dict[str, str] = {}
    for mention in understanding.medicines:
        if await take_medicine(tx, mention, said) is not None:
            dose = say("echo.dose", dose=mention.dose) if mention.dose and mention.dose not in mention.text else ""
            (left if mention.status == "absent" else used)[mention.text] = mention.text + dose
    for form, names in (("used", used), ("left", left)):
        if names:
            heard.echoes.append(say(f"echo.medicine_{form}", what=_in_short(list(names.values()), "echo.listed")))
    if not heard.stored and not used and not left and not understanding.medicines and tells_treatment(text):
        await take_treatment(tx, text, said)
        heard.echoes.append(say("echo.medicine_told"))
        heard.medicines += 1
    heard.medicines += len(used) + len(left)


def _in_short(said: list[str], joint: str) -> str:
    """All of it, or of very much the first few and how many there are."""
    if len(said) <= MOST_SAID:
        return say(joint).join(said)
    return say("echo.many", what=say(joint).join(said[:FEW]), count=len(said))


def _note(heard: Heard, taken: Taken) -> None:
    heard.stored += taken.observation is not None
    if taken.echo:
        heard.echoes.append(taken.echo)
    if taken.ask_back:
        heard.ask_backs.append(taken.ask_back)
    if taken.alert:
        heard.alerts.append(taken.alert)
    if taken.replaced is not None:
        heard.replaced.append(taken.replaced.code)


def _answered(heard: Heard, task: Task | None, answered: Task, question: Question) -> None:
    (heard.questions if answered is task else heard.beside.setdefault(answered.id, set())).add(question.id)


def _answers(
    tasks: Mapping[Task, PlanTemplate], measurement: "Measurement", now: datetime, zone: ZoneInfo
) -> tuple[Task, Question] | tuple[None, None]:
    """The question of an open task that this number answers: the right vital, on a day of the task."""
    day = local_day(measurement.at or now, zone)
    for task, template in tasks.items():
        if task.day <= day <= local_day(task.useful_until - timedelta(seconds=1), zone):
            for question in questions(task, template):
                if measurement.vital in question.vitals:
                    return task, question
    return None, None


def note_signs(task: Task, question: Question, signs: Mapping[str, str], message_id: int | None) -> None:
    """Write down what was said of signs of `question`; it is answered when something was said of each."""
    known = entry(task, question)
    known["signs"] = {**known.get("signs", {}), **signs}
    known["status"] = "answered" if all(sign in known["signs"] for sign in question.signs) else "open"
    keep(task, question, known, message_id)


async def hear_signs(
    tx: AsyncSession, heard: Heard, task: Task, question: Question, signs: Mapping[str, str], *, text: str, said: Said
) -> None:
    """Take what was said of signs without naming them (都没有, 第二个): stored like those that were named, and said back together."""
    told = [sign for sign, status in signs.items() if status != UNKNOWN]
    for sign in told:
        taken = await take_sign(tx, sign, signs[sign], text, said)
        _note(heard, replace(taken, echo=None))
    names = [[sign for sign in signs if signs[sign] == status] for status in (PRESENT, "absent", UNKNOWN)]
    for form, of_form in zip(("also", "none", "unknown"), names, strict=True):
        if of_form:
            heard.echoes.append(say(f"signs.{form}", names=listed_signs(of_form)))
    note_signs(task, question, signs, said.message_id)
    heard.questions.add(question.id)


def rest_unknown(task: Task, question: Question) -> None:
    """Nothing more is asked about the signs of `question`: what was not named stays unknown."""
    note_signs(task, question, dict.fromkeys(open_signs(task, question), UNKNOWN), None)


def _write_down(task: Task, question: Question, taken: Taken, measurement: "Measurement", message_id: int | None) -> None:
    known = entry(task, question)
    believed = taken.status == "answered" or question.kind == "weight"
    if believed:
        known["values"] = {**known["values"], measurement.vital: {"value": measurement.value, "unit": measurement.unit}}
    known["observations"] = [*known["observations"], taken.observation.id] if taken.observation else known["observations"]
    complete = all(vital in known["values"] for vital in question.required)
    known["status"] = taken.status if taken.status != "answered" and believed else "answered" if complete else "open"
    keep(task, question, known, message_id)


def keep(task: Task, question: Question, known: dict[str, Any], message_id: int | None) -> None:
    """Write `known` down as the state of the answer to `question`, and that this message has been taken."""
    if message_id is not None and message_id not in known["messages"]:
        known["messages"] = [*known["messages"], message_id]
    # A new dictionary, so that the change is seen and saved.
    task.answers = {**(task.answers or {}), question.id: known}


async def _amend_closed(tx: AsyncSession, taken: Taken, measurement: "Measurement") -> None:
    """A correction that comes after its follow-up has closed: the answer is put right, the closed task stays closed."""
    task = await tx.get(Task, taken.replaced.task_id) if taken.replaced else None
    if task is None or taken.observation is None or taken.replaced is None:
        return
    answers = dict(task.answers or {})
    for id, known in answers.items():
        if taken.replaced.id in known.get("observations", []):
            value = {measurement.vital: {"value": measurement.value, "unit": measurement.unit}}
            observations = [*known["observations"], taken.observation.id]
            answers[id] = {**known, "values": {**known["values"], **value}, "observations": observations}
    task.answers = answers
