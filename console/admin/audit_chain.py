"""The chain of the audit's seals: its newest head, what is not sealed yet, and what the last verifications found."""

from aiohttp import web
from sqlalchemy import func, select

from bot.audit import BEHIND, problem_text, texts
from console.desk import DESK
from console.page import get, render
from records.audit_seal import AuditCheck, AuditRemoval, head_text
from records.audit_sealing import last_seal, unsealed
from records.audit_verifying import Problem

RIGHT = "audit.read"
# Verifications that are shown: a week's.
CHECKS = 7


async def show(request: web.Request) -> web.StreamResponse:
    """How the chain stands."""
    desk = request.app[DESK]
    now = desk.clock()
    async with desk.db.transaction() as tx:
        seal, waiting = await last_seal(tx), await unsealed(tx)
        checks = list(await tx.scalars(select(AuditCheck).order_by(AuditCheck.id.desc()).limit(CHECKS)))
        removals = (await tx.execute(select(func.count(), func.sum(AuditRemoval.count)).select_from(AuditRemoval))).one()
    oldest = min((since for _, since in waiting.values() if since is not None), default=None)
    problems = [problem_text(Problem(**each)) for each in checks[0].problems] if checks else []
    return render(
        request,
        "console/admin/audit_chain.html",
        seal=seal,
        head=head_text(seal) if seal is not None else None,
        waiting={texts()["logs"][name]: count for name, (count, _) in waiting.items() if count},
        oldest=oldest,
        behind=oldest is not None and now - oldest > BEHIND,
        checks=checks,
        problems=problems,
        removals=removals,
    )


ROUTES = (get("/admin/audit/chain", show, RIGHT),)
