"""Articles for families: short, reviewed, with source and date, read from content/articles/*.yml."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from plans.content.model import Audience
from plans.content.reference import reference_of
from plans.template import Strict, TemplateError
from tagging.text import fold

FOLDER = Path(__file__).parent / "content" / "articles"


class Article(Strict):
    """One reviewed text. `questions` are ways in which families ask for it; `body` is what they read, at most 600 characters.

    `keywords` and `also` name its subject; the former make it rank higher. Where `within` names an illness or a treatment, a
    question has to name one of these too: 忌口 is the subject, 化疗 the frame. `medicines` are those it is about, no less. `tags` and
    `audience` say whose families it is pushed to.
    """

    id: str
    title: str = Field(min_length=2, max_length=30)
    questions: tuple[str, ...] = Field(min_length=3)
    keywords: tuple[str, ...] = Field(min_length=1)
    also: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    medicines: tuple[str, ...] = ()
    body: str = Field(min_length=80, max_length=600)
    source: str = Field(min_length=2)
    reviewed_by: str
    reviewed_at: date
    review_due: date
    tags: tuple[str, ...] = ()
    audience: Audience | None = None
    needs_clinician_review: bool
    version: int = Field(ge=1)

    def is_about(self, medicines: Iterable[str]) -> bool:
        """Whether one of the `medicines`, as families name them, is this article's own."""
        return any(fold(own) in fold(name) for name in medicines for own in self.medicines)

    @property
    def reference(self) -> str:
        """The guidelines behind it, as a family reads them; `source` is the trail for clinicians, by ids of tagging/data/sources.yml."""
        return reference_of(self.source)


def load_articles(folder: Path) -> list[Article]:
    """All articles of `folder`: a YAML list or one article a file, or `articles` beside a `review` that they share.

    Raises TemplateError naming the file, the field, a double id.
    """
    articles: list[Article] = []
    for path in sorted(folder.glob("*.yml")):
        for entry in _entries(yaml.safe_load(path.read_text(encoding="utf-8"))):
            try:
                articles.append(Article.model_validate(entry))
            except ValidationError as err:
                wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors())
                raise TemplateError(f"{path.name}: {wrong}") from err
    ids = [article.id for article in articles]
    if double := {id for id in ids if ids.count(id) > 1}:
        raise TemplateError(f"{folder.name}: article ids are not unique: {sorted(double)}")
    return articles


def _entries(raw: Any) -> list[Any]:
    if isinstance(raw, dict) and "articles" in raw:
        return [{**raw.get("review", {}), **entry} for entry in raw["articles"]]
    return raw if isinstance(raw, list) else [raw]
