"""A dry run in words: how often, for whom, what would have been done, what families and clinicians would have had to do, and what it
cannot know."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from plans.adaptation.action import Do
from plans.adaptation.dry_run import DryRun
from plans.adaptation.explain import phrase
from plans.adaptation.words import say, words
from plans.clock import local_day
from tagging.cohort.scope import Scope

# So many examples are shown, the latest first.
EXAMPLES = 8


def report(done: DryRun, scope: Scope, zone: ZoneInfo, *, teams: Mapping[int, str], names: Mapping[int, str]) -> list[str]:
    """The lines; `teams` are names by id, `names` what the patients of the examples are called (the others are not named)."""
    days = max(1, round((done.until - done.since) / timedelta(days=1)))
    lines = [say("dry_run.head", since=local_day(done.since, zone), until=local_day(done.until, zone), days=days)]
    lines.append(say("dry_run.events", events=done.events, patients=done.patients))
    if done.known_from is None:
        lines.append(say("dry_run.never"))
    elif done.known_from > done.since:
        lines.append(say("dry_run.known_from", day=local_day(done.known_from, zone)))
    per_patient = done.per_patient()
    again = [count for count in per_patient.values() if count > 1]
    lines.append(
        say("dry_run.fired", fired=len(done.would), patients=len(per_patient), again=len(again), most=max(per_patient.values(), default=0))
    )
    if done.would:
        by_day = Counter(local_day(one.at, zone) for one in done.would)
        busiest, most = by_day.most_common(1)[0]
        lines.append(say("dry_run.per_day", mean=f"{len(done.would) / days:.1f}", most=most, day=busiest))
    rules = Counter(one.ready.rule.key for one in done.would)
    lines += [say("dry_run.rule", rule=rule, fired=count) for rule, count in rules.most_common()]
    acts = Counter(phrase(do, scope) for one in done.would for do in one.ready.rule.do)
    lines += [say("dry_run.act", act=act, times=times) for act, times in acts.most_common()]
    lines += _load(done, teams)
    if done.held:
        lines.append(say("dry_run.held", held="，".join(f"{words('held')[why]} {count}" for why, count in sorted(done.held.items()))))
    for one in sorted(done.would, key=lambda each: each.at, reverse=True)[:EXAMPLES]:
        at = f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}"
        who = names.get(one.patient_id, say("dry_run.unnamed"))
        lines.append(say("dry_run.example", at=at, who=who, rule=one.ready.rule.title, because=one.because))
    return [*lines, say("dry_run.note"), *(f"  - {caveat}" for caveat in words("dry_run")["caveats"])]


def _load(done: DryRun, teams: Mapping[int, str]) -> list[str]:
    """What families would have got, and what clinicians."""
    families, errands, alerts, plans = Counter[int](), Counter[str](), 0, 0
    for one in done.would:
        for do in one.ready.rule.do:
            families[one.patient_id] += contacts(do)
            errands[teams.get(one.team_id, str(one.team_id))] += do.errand is not None
            alerts += do.alert is not None
            plans += do.start_plan is not None or do.switch_plan is not None
    lines = [say("dry_run.families", contacts=families.total(), most=max(families.values(), default=0), plans=plans)]
    by_team = "，".join(f"{team} {count}" for team, count in errands.most_common() if count)
    lines.append(say("dry_run.clinicians", errands=errands.total(), teams=by_team or "-", alerts=alerts))
    return lines


def contacts(do: Do) -> int:
    """How many messages to the family an action adds by itself; a plan's own follow-ups are counted by its own dry run."""
    if do.change_frequency is not None:
        return -(-do.change_frequency.for_days // do.change_frequency.every_days)
    return int(do.add_task is not None or do.push_content is not None)
