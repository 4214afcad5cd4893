"""The sandbox's HTTP side: page, files, JSON calls."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from console.sandbox import LONGEST_ADVANCE_S, SandboxError, read_advance, read_static
from tests.console.sandbox_stage import START, Stage

STATIC = Path(__file__).parents[2] / "console" / "static" / "sandbox"


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.open()
    yield stage
    await stage.close()


async def test_the_page_allows_no_script_but_its_own(stage: Stage) -> None:
    async with stage.http.get(stage.url("/sandbox")) as answer:
        page = await answer.text()
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|<style|\sstyle=|javascript:", page)


async def test_static_files_are_kept_for_ever_under_the_hash_of_their_content(stage: Stage) -> None:
    async with stage.http.get(stage.url("/sandbox")) as answer:
        page = await answer.text()
    addresses = set(re.findall(r'(?:src|href)="(/sandbox/static/[^"]+)"', page))
    assert any(address.endswith("/main.js") for address in addresses)
    for address in addresses:
        async with stage.http.get(stage.url(address)) as file:
            assert file.status == 200
            assert "immutable" in file.headers["Cache-Control"]
            assert file.headers["X-Content-Type-Options"] == "nosniff"


def test_a_changed_file_changes_the_address_of_all(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    (tmp_path / "b.js").write_text("2")
    before = read_static(tmp_path).version
    (tmp_path / "b.js").write_text("3")
    assert read_static(tmp_path).version != before


@pytest.mark.parametrize("path", ["0000000000000000/main.js", "{version}/nothing.js", "{version}/..%2Fsandbox.html"])
async def test_other_files_are_not_served(stage: Stage, path: str) -> None:
    version = read_static(STATIC).version
    async with stage.http.get(stage.url("/sandbox/static/") + path.format(version=version)) as answer:
        assert answer.status == 404
        assert "immutable" not in answer.headers["Cache-Control"]


async def test_people_desk_and_work_come_from_the_product(stage: Stage) -> None:
    item = {"kind": "question", "level": "same_day", "patient": "朵朵", "text": "能喝奶吗", "at": START.isoformat(), "state": "open"}
    stage.product.work = [item]
    answers = {}
    for path in ("people", "desk", "work-list?userid=linyue", "work-list?userid=qinlan"):
        async with stage.http.get(stage.url("/sandbox/api/") + path) as answer:
            answers[path] = await answer.json()
    assert [person["nickname"] for person in answers["people"]] == ["赵晓燕", "钱建国"]
    assert [member["userid"] for member in answers["desk"]] == ["linyue", "qinlan"]
    assert [item["text"] for item in answers["work-list?userid=linyue"]] == ["能喝奶吗"]
    assert answers["work-list?userid=qinlan"] == []


async def test_a_work_list_needs_a_member(stage: Stage) -> None:
    async with stage.http.get(stage.url("/sandbox/api/work-list")) as answer:
        assert answer.status == 400
        assert (await answer.json())["code"] == "no_member"


async def test_the_clock_is_read_and_moved(stage: Stage) -> None:
    async with stage.http.get(stage.url("/sandbox/api/clock")) as answer:
        assert (await answer.json())["now"] == "2026-03-01T02:00:05+00:00"
    async with stage.http.post(stage.url("/sandbox/api/clock"), json={"advance": 600}) as answer:
        assert (await answer.json())["now"] == "2026-03-01T02:10:05+00:00"


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"advance": "600"}', b'{"advance": true}', b'{"advance": -1}', b'{"advance": 1e99}', b"{"]
)
async def test_a_bad_move_of_the_clock_is_refused_in_words(stage: Stage, body: bytes) -> None:
    async with stage.http.post(stage.url("/sandbox/api/clock"), data=body, headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 400
        said = await answer.json()
    assert said["code"] in {"bad_advance", "bad_json"}
    assert re.search(r"[\u4e00-\u9fff]", said["message"])
    assert stage.clock.now() == START


async def test_another_site_cannot_move_the_clock(stage: Stage) -> None:
    async with stage.http.post(stage.url("/sandbox/api/clock"), data=b'{"advance": 600}', headers={"Content-Type": "text/plain"}) as answer:
        assert answer.status == 415
    assert stage.clock.now() == START


async def test_a_failure_inside_is_told_without_its_details(stage: Stage) -> None:
    stage.product.broken = True
    async with stage.http.get(stage.url("/sandbox/api/people")) as answer:
        assert answer.status == 500
        text = await answer.text()
    assert "出了点小问题" in text and "db.internal" not in text


@given(st.one_of(st.floats(), st.integers(), st.text(), st.booleans(), st.none(), st.lists(st.integers())))
def test_only_a_span_that_can_be_moved_is_read(value: Any) -> None:
    try:
        seconds = read_advance({"advance": value})
    except SandboxError as error:
        assert error.code == "bad_advance"
    else:
        assert seconds == value and 0 < seconds <= LONGEST_ADVANCE_S


def test_no_file_of_the_page_parses_text_as_markup() -> None:
    markup = re.compile(r"\.(inner|outer)HTML|insertAdjacentHTML|document\.write|eval\(|new Function")
    assert [path.name for path in STATIC.glob("*.js") if markup.search(path.read_text("utf-8"))] == []
