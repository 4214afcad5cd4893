"""The walk through the daily jobs shows each what he may do, and its buttons are those of the pages."""

import re

import yaml

from console.app import ROUTES
from console.page import TEMPLATES
from console.words import area_words
from records.role import RIGHTS
from tests.console.stage import Stage


async def test_each_sees_the_jobs_he_may_do(stage: Stage) -> None:
    nurse, lead, admin = [await (await stage.client(userid)).text("/tour") for userid in ("linyue", "zhangwei", "admin")]
    assert "接手一条预警" in nurse and "排值班" not in nurse
    assert "排值班" in lead and "审核通过" in lead
    assert "查谁看过一位患儿" in admin and "接手一条预警" not in admin


def test_its_words_are_those_of_the_pages() -> None:
    jobs, paths = area_words("tour")["jobs"], {route.path for route in ROUTES}
    pages = [path for path in TEMPLATES.rglob("*.*") if path.suffix in (".html", ".yml") and "tour" not in path.parts]
    written = "".join(path.read_text("utf-8") for path in pages)
    for job in jobs:
        assert job["path"] in paths and job["needs"] in RIGHTS
        for button in re.findall("「(.+?)」", yaml.safe_dump(job, allow_unicode=True, width=10_000)):
            assert button in written, f"{job['id']}: no page has 「{button}」"
