"""Queue, checks, versions and comparisons as lines that an administrator reads."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.retraining.checks import Problem
from bot.retraining.limits import limits
from bot.retraining.queue import GroupView
from bot.retraining.texts import say
from bot.retraining.versions import Live
from bot.retraining.watch import Watched
from records.model_version import ModelComparison, ModelVersion, TrainingRun, TrainingSet

# So many texts of a group stand in the list; `show` has all. So many duplicates, leaks … of one kind stand in a report.
FEW, MANY = 3, 10


def collected(counts: Mapping[str, int]) -> list[str]:
    """What `collect` found."""
    if not counts:
        return [say("queue.nothing_new")]
    return [say("queue.collected", reasons="，".join(f"{say(f'why.{reason}')} {count}" for reason, count in counts.items()))]


def queue(groups: Sequence[GroupView]) -> list[str]:
    """A few lines for each group."""
    return [line for each in groups for line in group(each, most=FEW)] or [say("queue.empty")]


def group(view: GroupView, *, most: int | None = None) -> list[str]:
    """A group with its texts, all or the first `most`."""
    why = "，".join(f"{say(f'why.{reason}')} {count}" for reason, count in view.why.items())
    lines = [say("queue.group", id=view.id, count=view.count, why=why, intent=f" → {view.intent}" if view.intent else "")]
    lines += [f"    {item}  {text}" + (f"  ×{times}" if times > 1 else "") for item, text, times in view.texts[:most]]
    if most is not None and len(view.texts) > most:
        lines.append(say("queue.more", count=len(view.texts) - most, id=view.id))
    if view.suggestions:
        guesses = "，".join(f"{each['intent']} {each['confidence']:.0%}" for each in view.suggestions)
        lines.append(say("queue.suggested", guesses=guesses))
    return lines


def checked(problems: Sequence[Problem], *, examples: int, labelled: int) -> list[str]:
    """What is wrong with the data; a long list of the same kind is cut."""
    lines = [say("check.size", examples=examples, labelled=labelled)]
    shown: Counter[tuple[str, bool]] = Counter()
    for problem in problems:
        shown[problem.kind, problem.refused] += 1
        if problem.refused or shown[problem.kind, problem.refused] <= MANY:
            lines.append(say("check.must" if problem.refused else "check.may", sentence=problem.sentence))
    cut = sum(max(0, count - MANY) for (_, refused), count in shown.items() if not refused)
    lines += [say("check.cut", count=cut)] if cut else []
    must = sum(count for (_, refused), count in shown.items() if refused)
    return [*lines, say("check.bad", count=must) if must else say("check.good")]


def step(name: str) -> str:
    """A step of a training."""
    return say(f"steps.{name.replace(' ', '_')}")


def run(row: TrainingRun) -> list[str]:
    """How far a training is, or what became of it."""
    values = {"by": row.by, "percent": f"{row.progress:.0%}", "step": step(row.step), "version": row.version_id, "why": row.error or ""}
    return [say(f"runs.{row.state}", **values)]


def name(version_id: int | None) -> str:
    """How a version is called."""
    return say("version.own") if version_id is None else say("version.number", version=version_id)


def versions(rows: Sequence[tuple[ModelVersion, TrainingSet]], live: Live | None) -> list[str]:
    """All versions, the live one marked, and the program's own at the end."""
    lines = []
    for row, data in rows:
        figures = row.metrics
        told = _figure(figures["accuracy"]) if "accuracy" in figures else "?"
        macro = _figure(figures["macro_f1"], plain=True) if "macro_f1" in figures else "?"
        lines.append(
            say(
                "version.line",
                version=row.id,
                state=say(f"states.{row.state}"),
                at=f"{row.at:%Y-%m-%d %H:%M}",
                by=row.by,
                examples=data.examples,
                labelled=data.labelled,
                fingerprint=data.fingerprint,
                accuracy=told,
                macro_f1=macro,
            )
        )
    own = live is None or live.version_id is None
    return [*lines, say("version.own_line", state=say("states.published" if own else "states.retired"))]


def comparison(row: ModelComparison) -> list[str]:
    """A candidate beside the live model, the verdict last."""
    old, new, traffic = row.result["old"], row.result["new"], row.result["traffic"]
    lines = [say("compare.title", new=name(row.version_id), old=name(row.against_id), messages=new["messages"])]
    for key, plain in (("accuracy", False), ("macro_f1", True), ("heard", False)):
        lines.append(say(f"compare.{key}", old=_figure(old[key], plain=plain), new=_figure(new[key], plain=plain)))
    lines.append(say("compare.milliseconds", **row.result["milliseconds"]))
    lines += _intents(old["intents"], new["intents"])
    lines.append(
        say(
            "compare.traffic",
            days=limits().traffic_days,
            messages=traffic["messages"],
            changed=traffic["changed"],
            old=traffic["not_understood"]["old"],
            new=traffic["not_understood"]["new"],
        )
    )
    lines += [f"    {change}  ×{times}" for change, times in traffic["by_intent"]]
    lines += [say("compare.changed", **each) for each in traffic["examples"]]
    if not row.refusals:
        return [*lines, say("compare.good", version=row.version_id)]
    return [*lines, say("compare.bad", version=row.version_id), *(f"  - {reason}" for reason in row.refusals)]


def _intents(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[str]:
    """F1 of the intents that changed, and of all protected ones."""
    for intent in sorted({*old, *new}):
        if intent not in old or intent not in new:
            continue
        before, after, guarded = old[intent]["f1"], new[intent]["f1"], intent in limits().protected
        if guarded or before[0] != after[0]:
            mark = say("compare.protected") if guarded else ""
            yield say("compare.intent", intent=intent, mark=mark, old=_figure(before, plain=True), new=_figure(after, plain=True))


def watched(found: Watched | None) -> list[str]:
    """What changed since the last publication."""
    if found is None:
        return [say("watch.nothing")]
    at = found.publication.at
    lines = [say("watch.title", version=name(found.publication.version_id), at=f"{at:%Y-%m-%d %H:%M}", by=found.publication.by)]
    for key, figure, read in (("before", found.before, found.read_before), ("since", found.since, found.read_since)):
        lines.append(say(f"watch.{key}", figure=_figure(figure), read=read) if read else say(f"watch.{key}_none"))
    for load in found.loads:
        lines.append(say(f"watch.{load.state}", worker=load.worker, seconds=load.seconds, why=load.why or ""))
    lines += [] if found.loads else [say("watch.no_worker")]
    return [*lines, say("watch.worse")] if found.read_before and found.read_since and found.worse else lines


def _figure(figure: Sequence[float], *, plain: bool = False) -> str:
    """A value with its interval."""
    value, low, high = figure
    return f"{value:.3f}（{low:.3f}–{high:.3f}）" if plain else f"{value:.1%}（{low:.1%}–{high:.1%}）"
