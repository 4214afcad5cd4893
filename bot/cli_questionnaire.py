"""`careloop questionnaire`: what there is, putting one on a family's list, and what the answers come to."""

from typing import Annotated, Any

import typer

questionnaire = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Questionnaires in the chat: list them, assign one, read what the answers come to."
)

Id = Annotated[str, typer.Argument(help="Questionnaire id, such as phq9; see `careloop questionnaire list`.")]


@questionnaire.command("list")
def list_all() -> None:
    """The questionnaires that are there, for whom, and whether a clinician still has to approve the text."""
    from plans.questionnaire import newest

    for each in newest().values():
        whom = f"{each.min_age_years}岁以上" if each.min_age_years else "所有家庭"
        tags = f"，标签：{'、'.join(each.tags)}" if each.tags else ""
        review = "，文字待医生审阅" if each.needs_clinician_review else ""
        print(f"{each.id}  {each.title}  第{each.version}版，{len(each.items)}题，{whom}{tags}{review}")


@questionnaire.command("assign")
def assign_one(
    id: Id,
    record_number: Annotated[str, typer.Argument(help="The patient's record number.")],
    by: Annotated[str, typer.Option(help="The clinician's userid in WeCom.")],
) -> None:
    """Put a questionnaire on a family's list: it stands in 今天要做什么 and is the one that 填问卷 begins."""
    from bot.registry import RegistryError
    from plans.questionnaire import newest
    from plans.questionnaire_response import assign
    from records.patient import access_patient
    from records.staff import Staff

    if id not in newest():
        raise RegistryError(f"There is no questionnaire {id!r}; there are: {', '.join(newest())}.")

    async def run(tx: Any, now: Any) -> str:
        from sqlalchemy import select

        from records.patient import AccessRefused, Patient

        staff = await tx.scalar(select(Staff).where(Staff.userid == by))
        patient_id = await tx.scalar(select(Patient.id).where(Patient.record_number == record_number))
        if staff is None or patient_id is None:
            raise AccessRefused(f"record number {record_number}")
        patient = await access_patient(tx, staff, patient_id, now=now, why="questionnaire")
        await assign(tx, patient, newest()[id], now=now, by=by)
        return str(patient.name)

    name = _in_database(run)
    print(f"已请{name}的家属填写{newest()[id].title}")


@questionnaire.command("results")
def results(id: Id = "satisfaction") -> None:
    """How many were filled in, how many broke off, scores by band, and for a survey how many were satisfied, item by item."""
    from bot.registry import RegistryError
    from plans.questionnaire import newest
    from plans.questionnaire_report import questionnaire_report

    if id not in newest():
        raise RegistryError(f"There is no questionnaire {id!r}; there are: {', '.join(newest())}.")
    form = newest()[id]

    async def run(tx: Any, now: Any) -> Any:
        return await questionnaire_report(tx, form)

    report = _in_database(run)
    begun = sum(number for state, number in report.states.items() if state != "assigned")
    print(f"{form.title}：开始{begun}份，填完{report.states.get('completed', 0)}份，中断{report.states.get('stopped', 0)}份")
    for band, number in report.bands.items():
        print(f"  {band}  {number}份")
    if report.satisfied is not None:
        print(f"  满意率 {report.satisfied:.1f}%")
        for item in form.items:
            if item.id in report.items:
                share, number = report.items[item.id]
                print(f"    {share:5.1f}%（{number}份）  {item.text}")


def _in_database(work: Any) -> Any:
    import asyncio

    from bot.app import core
    from bot.logs import configure
    from bot.settings import load_settings

    async def run() -> Any:
        settings = load_settings()
        configure(settings.log_level, role="questionnaire")
        async with core(settings, role="questionnaire", pool_size=1) as parts, parts.db.transaction() as tx:
            return await work(tx, parts.clock())

    return asyncio.run(run())
