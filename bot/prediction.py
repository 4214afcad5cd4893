"""Prediction models at work: the daily scores, and what `careloop risk …` does."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.links import find_patient
from bot.registry import BY, RegistryError
from bot.texts import say
from records.database import Database
from records.prediction import Predictor, latest_assessments
from records.setting import SYNTHETIC, Setting
from tagging.prediction.outcome import OUTCOMES, Outcome, followed, settle
from tagging.prediction.scoring import AT_ONCE, score
from tagging.prediction.training import NotEnough
from tagging.prediction.versions import NotWorthIt, learn, publish, watch

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=24)


class RiskScoring:
    """Scores everybody on a plan once a day by each published model, and looks how the model does.

    A worker that dies half way leaves the rest for the next day: what a score says changes slowly.
    """

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db, self._clock = db, clock

    async def look(self) -> dict[str, int]:
        """How many were scored, by outcome, where it was time."""
        now = self._clock()
        scored: dict[str, int] = {}
        async with self._db.transaction() as tx:
            due = or_(Predictor.scored_at.is_(None), Predictor.scored_at <= now - EVERY)
            claimed = update(Predictor).where(Predictor.state == "published", due).values(scored_at=now).returning(Predictor.id)
            mine = list(await tx.scalars(claimed))
        for id in mine:
            async with self._db.transaction() as tx:
                predictor = await tx.get_one(Predictor, id)
                await settle(tx, OUTCOMES[predictor.outcome], predictor.id, now)
                if (await watch(tx, predictor, now=now))["alarm"]:
                    log.warning("model drifts", outcome=predictor.outcome, version=predictor.version, **predictor.watched["shifted"])
            scored[predictor.outcome] = await self.score_all(predictor)
        return scored

    async def score_all(self, predictor: Predictor) -> int:
        """Score everybody on a plan; how many."""
        after = count = 0
        while True:
            async with self._db.transaction() as tx:
                patients = await followed(tx, after=after, limit=AT_ONCE)
                if not patients:
                    return count
                await score(tx, predictor, patients, self._clock())
            after, count = patients[-1], count + len(patients)
            # Families' turns go first.
            await asyncio.sleep(0)


def outcome_of(name: str) -> Outcome:
    """The outcome of this name. Raises RegistryError."""
    if name not in OUTCOMES:
        raise RegistryError(f"There is no outcome {name!r}; there are: {', '.join(OUTCOMES)}.")
    return OUTCOMES[name]


async def find_predictor(tx: AsyncSession, name: str, version: int | None) -> Predictor:
    """A model of this outcome, the newest without a version. Raises RegistryError."""
    wanted = select(Predictor).where(Predictor.outcome == outcome_of(name).name).order_by(Predictor.version.desc()).limit(1)
    predictor = await tx.scalar(wanted if version is None else wanted.where(Predictor.version == version))
    if predictor is None:
        raise RegistryError(f"There is no such model of {name}; `careloop risk train {name}` makes one.")
    return predictor


def train_command(name: str) -> None:
    """`careloop risk train`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        synthetic = await tx.get(Setting, SYNTHETIC) is not None
        try:
            predictor = await learn(tx, outcome_of(name), by=BY, synthetic=synthetic, now=parts.clock())
        except NotEnough as err:
            raise RegistryError(str(err)) from err
        return told(predictor)

    print(_in_transaction(work))


def publish_command(name: str, version: int | None) -> None:
    """`careloop risk publish`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        predictor = await find_predictor(tx, name, version)
        try:
            await publish(tx, predictor, by=BY, now=parts.clock())
        except NotWorthIt as err:
            raise RegistryError(str(err)) from err
        return told(predictor)

    print(_in_transaction(work))


def list_command() -> None:
    """`careloop risk list`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        rows = await tx.scalars(select(Predictor).order_by(Predictor.outcome, Predictor.version))
        return "\n".join(told(row) for row in rows) or say("risk.none")

    print(_in_transaction(work))


def score_command(name: str) -> None:
    """`careloop risk score`."""

    async def run() -> str:
        async with core(command_settings("risk"), role="risk", pool_size=2) as parts:
            async with parts.db.transaction() as tx:
                predictor = await tx.scalar(
                    select(Predictor).where(Predictor.outcome == outcome_of(name).name, Predictor.state == "published")
                )
            if predictor is None:
                raise RegistryError(f"No model of {name} is published.")
            count = await RiskScoring(parts.db, parts.clock).score_all(predictor)
            return say("risk.scored", label=OUTCOMES[name].label, count=count)

    print(asyncio.run(run()))


def of_command(record_number: str) -> None:
    """`careloop risk of`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        patient = await find_patient(tx, record_number)
        lines = [f"{patient.name} {patient.record_number}"]
        for predictor, said in await latest_assessments(tx, patient.id):
            at = f"{said.at.astimezone(parts.settings.tz):%Y-%m-%d %H:%M}"
            why = "；".join(f"{reason['told']}（{reason['adds']:+.2f}）" for reason in said.reasons)
            level = say(f"risk.{said.level}")
            label = OUTCOMES[predictor.outcome].label
            line = say("risk.line", label=label, probability=f"{said.probability:.0%}", level=level, at=at, why=why or "—")
            lines.append(line + (say("risk.synthetic") if predictor.synthetic else ""))
        return "\n".join(lines if len(lines) > 1 else [*lines, say("risk.unscored")])

    print(_in_transaction(work))


def watch_command(name: str) -> bool:
    """`careloop risk watch`; whether there is something to look at."""
    alarms: list[bool] = []

    async def work(tx: AsyncSession, parts: Core) -> str:
        predictor = await find_predictor(tx, name, None)
        await settle(tx, OUTCOMES[predictor.outcome], predictor.id, parts.clock())
        found = await watch(tx, predictor, now=parts.clock())
        alarms.append(bool(found["alarm"]))
        shifted = "，".join(f"{feature} {index:.2f}" for feature, index in found["shifted"].items()) or "—"
        expected = "—" if found["expected"] is None else f"{found['expected']:.2f}"
        return say("risk.watched", patients=found["patients"], shifted=shifted, expected=expected)

    print(_in_transaction(work))
    return alarms[0]


def told(predictor: Predictor) -> str:
    """A model in one line."""
    figures = predictor.figures
    line = say(
        "risk.model",
        label=OUTCOMES[predictor.outcome].label,
        version=predictor.version,
        state=say(f"risk.{predictor.state}"),
        auc=f"{figures['auc']:.3f}",
        low=f"{figures['auc_low']:.3f}",
        high=f"{figures['auc_high']:.3f}",
        samples=figures["samples"],
        outcomes=figures["outcomes"],
        calibration=f"{figures['calibration']:.2f}",
        found=f"{figures['high_found']:.0%}",
    )
    return line + (say("risk.synthetic") if predictor.synthetic else "")


def _in_transaction(work: Callable[[AsyncSession, Core], Awaitable[str]]) -> str:
    async def run() -> str:
        async with core(command_settings("risk"), role="risk", pool_size=1) as parts, parts.db.transaction() as tx:
            return await work(tx, parts)

    return asyncio.run(run())
