"""A crowd of enrolled patients whose follow-ups are due at one moment, planted set by set in a throw-away database."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import end_of_day, local_day
from plans.template import PlanTemplate

# A week old and well, as bot/bench/people.py: their numbers raise no alert.
AGE_DAYS, BIRTH_WEIGHT_G, WEEKS = 9, 3300, 39

_PLANT = (
    """
    insert into carer (id, name, external_userid, follow_up_hour)
    select :base + n, :prefix || n, :prefix || n, :hour from generate_series(0, :count - 1) as n
    """,
    """
    insert into patient (id, team_id, record_number, name, sex, birth_date, birth_weight_g, gestational_age_weeks,
                         tags, phones, mother, said_at)
    select :base + n, :team, :prefix || n, 'Child ' || n, 'F', :born, :grams, :weeks, '[]', '[]', '[]', '{}'
    from generate_series(0, :count - 1) as n
    """,
    """
    insert into patient_carer (patient_id, carer_id, relationship, "primary")
    select :base + n, :base + n, 'mother', true from generate_series(0, :count - 1) as n
    """,
    """
    insert into chat (id, open_kfid, external_userid, carer_id, patient_id, team_id, state, service_state,
                      window_from, window_used, opened_at)
    select :base + n, :account, :prefix || n, :base + n, :base + n, :team, 'bot', 1, :now, 0, :now
    from generate_series(0, :count - 1) as n
    """,
    """
    insert into care_plan (id, patient_id, template, template_version, anchors, state, planned_until, created_at, created_by)
    select :base + n, :base + n, :template, :version, cast(:anchors as jsonb), 'active', '9999-12-31', :now, 'bench'
    from generate_series(0, :count - 1) as n
    """,
    """
    insert into task (id, care_plan_id, patient_id, step, day, slot, due_at, useful_until, state, answers)
    select :base + n, :base + n, :base + n, :step, :today, 0, :due_at, :useful_until, 'scheduled', '{}'
    from generate_series(0, :count - 1) as n
    """,
    "analyze carer, patient, patient_carer, chat, care_plan, task",
)
# Beyond the ids of those who are planted otherwise.
BASE = 1_000_000


async def plant_crowd(
    tx: AsyncSession,
    count: int,
    template: PlanTemplate,
    *,
    account: str,
    team: int,
    prefix: str,
    due_at: datetime,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    """`count` families, each with one child on `template` and one follow-up of its first step, due at `due_at`."""
    today = local_day(due_at, zone)
    born = today - timedelta(days=AGE_DAYS)
    values = {
        "base": BASE,
        "count": count,
        "prefix": prefix,
        "team": team,
        "account": account,
        "hour": due_at.astimezone(zone).hour,
        "born": born,
        "grams": BIRTH_WEIGHT_G,
        "weeks": WEEKS,
        "template": template.id,
        "version": template.version,
        "anchors": f'{{"birth": "{born}", "discharge": "{today - timedelta(days=3)}"}}',
        "step": template.steps[0].id,
        "today": today,
        "due_at": due_at,
        "useful_until": end_of_day(today, zone),
        "now": now,
    }
    for statement in _PLANT:
        named = text(statement)
        await tx.execute(named, {name: value for name, value in values.items() if name in named.compile().params})
