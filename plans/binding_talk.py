"""The conversation of a binding: what is asked next, and what an answer leads to."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from plans import privacy
from plans.binding import LIMIT, begin, compare, end, failures, road
from plans.binding_answer import Said, is_guardian, say, texts
from plans.carers import MOST_CARERS, MOST_CHILDREN, carers_of, join, tell_others
from plans.invitation import open_token, use
from records.binding import Binding, Invitation
from records.chat import Chat
from records.patient import Carer, Patient, patients_of

# After so many answers in a row that were none, a nurse is offered.
PATIENCE = 3
ADULT = 18
Buttons = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Words:
    """What is said, with its choices. `done`: the binding has ended; `bound`: to this child; `human`: a person is wanted, and why."""

    text: str
    buttons: Buttons = ()
    done: bool = False
    bound: Patient | None = None
    human: str | None = None


def masked(name: str) -> str:
    """小满 → 小*: all that may be said before the birth date has agreed."""
    return name[:1] + "*" * max(1, len(name) - 1)


async def start(tx: AsyncSession, chat: Chat, now: datetime) -> Words:
    """The family wants to be bound by record number: the first question, or the one at which it stopped."""
    if await failures(tx, now, external_userid=chat.external_userid) >= LIMIT:
        return Words(say("refused.locked"), done=True, human="binding_locked")
    binding = await begin(tx, chat, now)
    asked = await question(tx, binding)
    return Words(f"{say('start')}{asked.text}", asked.buttons)


async def enter(tx: AsyncSession, chat: Chat, token: str, now: datetime, *, hospital: str, emergency: str) -> Words:
    """Somebody came in by a link with `token`: what he is greeted with. The child's name is masked; a token that is no good says so."""
    opened = await open_token(tx, token, now)
    invitation = opened.invitation
    if invitation is not None and chat.carer_id is not None:
        bound = next((patient for patient in await patients_of(tx, chat.carer_id) if patient.id == invitation.patient_id), None)
        if bound is not None:
            return Words(say("already", name=bound.name), done=True)
    if invitation is None or opened.because is not None:
        return Words(say(f"refused.{opened.because}"), (("bind", texts()["buttons"]["go_on"]), _nurse()), done=True)
    if await failures(tx, now, external_userid=chat.external_userid) >= LIMIT:
        return Words(say("refused.locked"), (_nurse(),), done=True)
    patient = await tx.get_one(Patient, invitation.patient_id)
    asked = await question(tx, await begin(tx, chat, now, invitation=invitation))
    greeting = say(f"welcome.{invitation.kind}", hospital=hospital, masked=masked(patient.name))
    return Words(f"{greeting}{asked.text}\n{say('welcome.emergency', emergency=emergency)}", asked.buttons)


async def question(tx: AsyncSession, binding: Binding) -> Words:
    """What the binding asks now."""
    if binding.step == "consent":
        patient = await tx.get_one(Patient, binding.patient_id)
        role = str(binding.given["relationship"])
        whose = "self" if role == "本人" else "guardian" if is_guardian(role) else "other"
        return Words(privacy.ask_consent(patient.name, role, whose), tuple(texts()["buttons"]["consent"].items()))  # type: ignore[arg-type]
    buttons = tuple(texts()["buttons"]["relationship"].items()) if binding.step == "relationship" else ()
    more = binding.step == "birth_date" and binding.invitation_id is None
    return Words(say(f"steps.{binding.step}.{'ask_more' if more else 'ask'}"), buttons)


async def take(
    tx: AsyncSession, chat: Chat, binding: Binding, said: Said | None, *, text: str, message_id: int | None, now: datetime
) -> Words:
    """Do what the answer says; what to say to it, the next question included."""
    binding.updated_at = now
    step = f"steps.{binding.step}"
    if said is None:
        binding.failed += 1
        if binding.failed < PATIENCE:
            asked = await question(tx, binding)
            return Words(say(f"{step}.again"), asked.buttons)
        return Words(say("failed_often"), (_nurse(), ("go_on", texts()["buttons"]["go_on"]), ("no", texts()["buttons"]["leave"])))
    binding.failed = 0
    match said.kind:
        case "leave":
            await end(tx, chat, binding, "left", now=now)
            return Words(say("left"), (("bind", texts()["buttons"]["go_on"]),), done=True)
        case "help":
            asked = await question(tx, binding)
            return Words(say(f"{step}.help" if binding.step != "consent" else f"{step}.again"), asked.buttons or (_nurse(),))
        case "back":
            half = said.given.get("half_date")
            binding.given = {**binding.given, **said.given}
            return Words(say(f"{step}.{said.why}", month=half[0] if half else "", day=half[1] if half else ""))
        case "more":
            patient = await tx.get_one(Patient, binding.patient_id)
            return Words(privacy.in_detail(patient.name), tuple(texts()["buttons"]["consent"].items()))
        case "no" | "yes":
            return await _consent(tx, chat, binding, agreed=said.kind == "yes", text=text, message_id=message_id, now=now)
    binding.given = {**binding.given, **said.given}
    return await _go_on(tx, chat, binding, now)


async def _go_on(tx: AsyncSession, chat: Chat, binding: Binding, now: datetime) -> Words:
    """The next step; once everything is there to be compared, that first."""
    before = ""
    needed = ("birth_date",) if binding.invitation_id is not None else ("record_number", "birth_date", "phone")
    if all(name in binding.given for name in needed) and not binding.given.get("agreed"):
        found = await compare(tx, binding, now)
        if not isinstance(found, Patient):
            return await _no_match(tx, chat, binding, found, now)
        if chat.carer_id is not None and found.id in {patient.id for patient in await patients_of(tx, chat.carer_id)}:
            await end(tx, chat, binding, "superseded", now=now, reason="bound already")
            return Words(say("already", name=found.name), done=True)
        binding.patient_id = found.id
        binding.given = {**binding.given, "agreed": True}
        before = say("matched", name=found.name)
    binding.step = next(step for step in road(binding) if step not in binding.given)
    if binding.step == "consent" and (refused := await _check_may_join(tx, chat, binding, now)) is not None:
        return refused
    asked = await question(tx, binding)
    return Words("\n".join(part for part in (before, asked.text) if part), asked.buttons)


async def _no_match(tx: AsyncSession, chat: Chat, binding: Binding, why: str, now: datetime) -> Words:
    """Nothing agreed, and it is not said what: asked again from the start, or left to a nurse."""
    await tx.flush()
    left = LIMIT - await failures(tx, now, external_userid=binding.external_userid)
    if why == "locked" or left <= 0:
        await end(tx, chat, binding, "locked", now=now)
        return Words(say("locked"), done=True, human="binding_locked")
    keep = ("relationship",) if binding.invitation_id is not None else ()
    binding.given = {name: value for name, value in binding.given.items() if name in keep}
    binding.step = next(step for step in road(binding) if step not in binding.given)
    asked = await question(tx, binding)
    return Words(f"{say('mismatch', left=left)}\n{asked.text}", (_nurse(), ("no", texts()["buttons"]["leave"])))


async def _check_may_join(tx: AsyncSession, chat: Chat, binding: Binding, now: datetime) -> Words | None:
    """Before consent is asked for: a minor does not consent for himself, and there is an end to how many are bound."""
    patient = await tx.get_one(Patient, binding.patient_id)
    if binding.given["relationship"] == "本人" and _years(patient.birth_date, now.date()) < ADULT:
        await end(tx, chat, binding, "refused", now=now, reason="minor")
        return Words(say("adult_only"), done=True)
    mine = await patients_of(tx, chat.carer_id) if chat.carer_id is not None else []
    if len(await carers_of(tx, patient.id)) >= MOST_CARERS or len(mine) >= MOST_CHILDREN:
        await end(tx, chat, binding, "refused", now=now, reason="too many")
        return Words(say("too_many"), done=True, human="binding_many")
    return None


async def _consent(
    tx: AsyncSession, chat: Chat, binding: Binding, *, agreed: bool, text: str, message_id: int | None, now: datetime
) -> Words:
    """Yes binds, no ends it; both are written down with the words that were shown."""
    patient, relationship = await tx.get_one(Patient, binding.patient_id), str(binding.given["relationship"])
    invitation = await tx.get(Invitation, binding.invitation_id, with_for_update=True) if binding.invitation_id is not None else None
    if agreed and invitation is not None and invitation.used_at is not None:
        # Somebody else was faster with the same link.
        await end(tx, chat, binding, "refused", now=now, reason="used")
        return Words(say("refused.used"), (("bind", texts()["buttons"]["go_on"]), _nurse()), done=True)
    carer: Carer | None = None
    follow = ""
    if agreed:
        joined = await join(tx, patient, chat, relationship=relationship, phone=binding.given.get("phone"), now=now)
        carer = joined.carer
        if invitation is not None:
            use(tx, invitation, by=chat.external_userid, now=now)
        follow = say("follow_primary")
        if not joined.primary:
            told = say("joined", name=patient.name, role=relationship)
            await tell_others(tx, patient, carer, told, key=f"joined:{binding.id}", now=now)
            first = next((link.relationship for link, _ in await carers_of(tx, patient.id) if link.primary), "")
            follow = say("follow_other", name=patient.name, primary=first)
    privacy.record(
        tx, patient, carer=carer, external_userid=chat.external_userid, answer="given" if agreed else "refused",
        relationship=relationship, now=now, said=text, message_id=message_id,
    )  # fmt: skip
    await end(tx, chat, binding, "bound" if agreed else "refused", now=now)
    if not agreed:
        return Words(say("no_consent"), done=True)
    return Words(say("bound", name=patient.name, follow=follow), done=True, bound=patient)


def _nurse() -> tuple[str, str]:
    return "human", texts()["buttons"]["nurse"]


def _years(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
