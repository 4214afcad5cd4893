"""Plans, steps and articles that a rule names, and that there are not."""

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.rule import Rule
from plans.adaptation.words import say
from plans.definition import newest_templates
from plans.template import PlanTemplate
from records.content import ContentItem


async def unknown_names(tx: AsyncSession, rule: Rule) -> list[str]:
    """A sentence for each name that this hospital does not know."""
    templates = await newest_templates(tx)
    wants_articles = any(do.push_content is not None for do in rule.do)
    articles = set(await tx.scalars(select(ContentItem.code))) if wants_articles else set[str]()
    return unknown_among(rule, templates, articles)


def unknown_among(rule: Rule, templates: Mapping[str, PlanTemplate], articles: Iterable[str]) -> list[str]:
    """The same for given templates and articles. Pure."""
    found, known = list[str](), set(articles)
    for do in rule.do:
        said = do.said
        names = (said.from_, said.to) if do.switch_plan is not None else (getattr(said, "template", None),)
        for name in names:
            if name is not None and name not in templates:
                found.append(say("mistakes.unknown_template", name=name))
        step = getattr(said, "step", None)
        if step is not None and said.template in templates and step not in {each.id for each in templates[said.template].steps}:
            found.append(say("mistakes.unknown_step", template=said.template, name=step))
        if do.push_content is not None and said.article not in known:
            found.append(say("mistakes.unknown_article", name=said.article))
    return found
