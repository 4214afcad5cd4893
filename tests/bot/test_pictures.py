"""What a picture says is shown back, and counts once the family has tapped 对; what may be dangerous does not wait for that."""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image
from sqlalchemy import select

from bot.ocr import OcrError, OcrProcess
from records.database import Database
from records.message import Inbound
from records.observation import Observation
from tagging.picture.reading import PictureValue
from tests.bot.conftest import Parrot
from tests.bot.stage import Family, Stage, open_stage
from tests.tagging.pictures.camera import photograph, shot
from tests.tagging.pictures.devices import draw_device
from tests.tagging.pictures.fonts import has_chinese

FEVER = PictureValue("体温", 38.6, "Cel", "38.6", "temperature")
PLATELETS = PictureValue("血小板", 62.0, "10*9/L", "62", "platelets", "platelets", arrow="low", low=100, high=300)
HAEMOGLOBIN = PictureValue("血红蛋白", 121.0, "g/L", "121", None, "haemoglobin")


class Eyes:
    """Stands where the OCR process stands, and says what a test wants a picture to say."""

    def __init__(self) -> None:
        self.sees: dict[str, Any] | OcrError = OcrError("picture_broken")

    def see(self, *values: PictureValue, kind: str = "thermometer", **more: str) -> None:
        self.sees = {"kind": kind, "values": [asdict(value) for value in values], **more}

    async def read(self, file: Path) -> dict[str, Any]:
        assert await asyncio.to_thread(file.exists)
        if isinstance(self.sees, OcrError):
            raise self.sees
        return self.sees


@pytest.fixture
def eyes() -> Eyes:
    return Eyes()


@pytest.fixture
async def stage(db: Database, tmp_path: Path, eyes: Eyes) -> AsyncIterator[Stage]:
    async with open_stage(db, Parrot(), tmp_path, reader=eyes) as opened:
        yield opened


async def sends_picture(family: Family, data: bytes = b"\x89PNG\r\n\x1a\n") -> None:
    form = aiohttp.FormData()
    form.add_field("media", data, filename="a.png", content_type="image/png")
    async with family.stage.session.post(f"{family.stage.simulator_url}/sim/media?type=image", data=form) as answer:
        media_id = (await answer.json())["media_id"]
    await family.sends("image", media_id=media_id)


async def buttons(family: Family) -> dict[str, str]:
    """The buttons of the last message: what stands on them, and their ids."""
    message = (await family.chat())["messages"][-1]
    return {item["click"]["content"]: item["click"]["id"] for item in message["msgmenu"]["list"]}


async def kept(stage: Stage) -> dict[str, float | None]:
    async with stage.db.transaction() as tx:
        return {row.code: row.value for row in await tx.scalars(select(Observation))}


async def taps(family: Family, label: str) -> None:
    await family.says(label, menu_id=(await buttons(family))[label])


async def test_a_value_counts_once_it_is_confirmed(stage: Stage, eyes: Eyes) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    eyes.see(FEVER)
    await sends_picture(mother)
    assert "体温 38.6 ℃" in await mother.last()
    assert await kept(stage) == {}
    tapped = (await buttons(mother))["对"]
    await mother.says("对", menu_id=tapped)
    assert await kept(stage) == {"temperature": 38.6}
    assert "38.6" in await mother.last()
    await mother.says("对", menu_id=tapped)
    assert "已经回复过" in await mother.last()
    assert await kept(stage) == {"temperature": 38.6}


async def test_a_value_that_is_denied_never_counts(stage: Stage, eyes: Eyes) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    eyes.see(FEVER)
    await sends_picture(mother)
    await taps(mother, "不对")
    assert "打字" in await mother.last()
    assert await kept(stage) == {}


@pytest.mark.parametrize(("typed", "counts"), [("对", True), ("没错。", True), ("不对", False)])
async def test_the_answer_may_be_typed(stage: Stage, eyes: Eyes, typed: str, counts: bool) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    eyes.see(FEVER)
    await sends_picture(mother)
    await mother.says(typed)
    assert bool(await kept(stage)) == counts


async def test_a_yes_to_something_else_confirms_nothing(stage: Stage, eyes: Eyes) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    eyes.see(FEVER)
    await sends_picture(mother)
    await mother.says("在吗")
    await mother.says("对")
    assert await kept(stage) == {}
    assert await mother.last() == "听到：对"


async def test_danger_in_a_picture_does_not_wait_for_a_tap(stage: Stage, eyes: Eyes) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 40})
    eyes.see(FEVER)
    await sends_picture(mother)
    [flag] = await stage.flags()
    assert (flag.level, flag.category) == ("emergency", "fever_infant_lt3m")
    assert "还没确认" in flag.said
    assert len(await stage.cards("linyue")) == 1
    said = await mother.last()
    assert said.index("120") < said.index("体温 38.6")
    await taps(mother, "对")
    [flag] = await stage.flags()
    assert "已确认" in flag.said
    assert await kept(stage) == {"temperature": 38.6}


async def test_of_two_children_the_button_says_which(stage: Stage, eyes: Eyes) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900}, {"name": "小雨", "days": 40})
    eyes.see(FEVER)
    await sends_picture(mother)
    # It may be the newborn's.
    assert [flag.level for flag in await stage.flags()] == ["emergency"]
    await taps(mother, "对，是小满的")
    async with stage.db.transaction() as tx:
        [row] = await tx.scalars(select(Observation))
    assert row.patient_id == mother.patients[0]


async def test_a_report_is_kept_whole_and_on_its_day(stage: Stage, eyes: Eyes) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    eyes.see(PLATELETS, HAEMOGLOBIN, kind="report", person="小满", day="2026-03-01")
    await sends_picture(mother)
    assert "血小板 62 ×10⁹/L ↓（参考 100–300）" in await mother.last()
    await taps(mother, "对")
    async with stage.db.transaction() as tx:
        rows = {row.code: row for row in await tx.scalars(select(Observation))}
    assert rows["platelets"].value == 62
    assert [each["analyte"] for each in rows["lab_report"].detail["values"]] == ["haemoglobin"]
    assert {row.effective_at.date().isoformat() for row in rows.values()} == {"2026-03-01"}


async def test_a_report_in_another_name_is_pointed_out(stage: Stage, eyes: Eyes) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    eyes.see(PLATELETS, kind="report", person="王大力")
    await sends_picture(mother)
    assert "王大力" in await mother.last()


async def test_nothing_counts_for_a_family_without_a_record(stage: Stage, eyes: Eyes) -> None:
    stranger = await stage.stranger("qian")
    eyes.see(FEVER)
    await sends_picture(stranger)
    assert "绑定" in await stranger.last()
    await stranger.says("对")
    assert await kept(stage) == {}


async def test_a_tap_on_another_familys_picture_does_nothing(stage: Stage, eyes: Eyes) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    other = await stage.family("sun", {"name": "安安", "days": 900})
    eyes.see(FEVER)
    await sends_picture(mother)
    await other.says("对", menu_id=(await buttons(mother))["对"])
    assert await kept(stage) == {}


async def test_while_a_person_owns_the_chat_the_bot_is_silent_but_watches(stage: Stage, eyes: Eyes) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 40})
    await mother.says("人工")
    heard = len(await mother.hears())
    eyes.see(FEVER)
    await sends_picture(mother)
    assert len(await mother.hears()) == heard
    assert "fever_infant_lt3m" in {flag.category for flag in await stage.flags()}


async def test_a_picture_that_was_lost_on_the_way_is_read_by_the_sweep(stage: Stage, eyes: Eyes) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    await sends_picture(mother)
    async with stage.db.transaction() as tx:
        message = (await tx.scalars(select(Inbound).where(Inbound.msgtype == "image").with_for_update())).one()
        message.outcome = {name: value for name, value in message.outcome.items() if name != "picture"}
    eyes.see(FEVER)
    await stage.move(timedelta(minutes=2))
    async with stage.db.transaction() as tx:
        message = (await tx.scalars(select(Inbound).where(Inbound.msgtype == "image"))).one()
    assert message.outcome["picture"]["state"] == "shown"


async def test_a_picture_that_breaks_the_reading_is_given_up_and_answered(stage: Stage, eyes: Eyes) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 900})
    eyes.sees = {"kind": "thermometer", "values": [{"nonsense": 1}]}
    await sends_picture(mother)
    for _ in range(3):
        await stage.move(timedelta(minutes=2))
    assert "没从上面看出数值" in await mother.last()


@pytest.mark.skipif(not has_chinese(), reason="no Chinese font to draw with")
async def test_the_process_reads_refuses_and_comes_back(tmp_path: Path) -> None:
    process = OcrProcess()
    drawn = draw_device("thermometer", 2)
    good, bad = tmp_path / "good", tmp_path / "bad"
    await asyncio.to_thread(good.write_bytes, photograph(drawn.image, shot("clean", 2), 2))
    await asyncio.to_thread(bad.write_bytes, b"nothing")
    try:
        with pytest.raises(OcrError, match="picture_type"):
            await process.read(bad)
        read = await process.read(good)
        assert [value["value"] for value in read["values"]] == [drawn.values["temperature"]]
        # Killed in between, it is started anew for the next.
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(OcrError, match="ocr_died"):
            await process.read(good)
        assert (await process.read(good))["kind"] == "thermometer"
    finally:
        await process.close()
    assert not process.running


async def test_a_picture_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    process = OcrProcess(time_limit=0.001)
    with pytest.raises(OcrError, match="ocr_timeout"):
        await process.read(tmp_path / "any")
    assert not process.running


async def test_an_idle_process_goes(tmp_path: Path) -> None:
    process = OcrProcess(idle=0.01)
    file = tmp_path / "small.png"
    out = io.BytesIO()
    Image.new("RGB", (2, 2)).save(out, "PNG")
    await asyncio.to_thread(file.write_bytes, out.getvalue())
    with pytest.raises(OcrError, match="picture_small"):
        await process.read(file)
    await asyncio.sleep(0.1)
    assert not process.running
