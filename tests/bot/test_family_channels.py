"""A nurse looks where a family can be reached, and takes its no down."""

from datetime import UTC, date, datetime

import pytest

from bot.family_channels import channels_text, set_push
from bot.registry import RegistryError
from records.database import Database
from records.push_address import agree, end, keep_phones
from records.schema import Carer, Patient, PatientCarer, Team

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


async def test_addresses_are_shown_and_a_no_is_kept(db: Database) -> None:
    async with db.transaction() as tx:
        team = Team(name="新生儿随访组")
        zhao, wang = Carer(name="赵女士", external_userid="wm-zhao", phone="13800138000"), Carer(name="王先生", external_userid="wm-wang")
        tx.add_all([team, zhao, wang])
        await tx.flush()
        baby = Patient(team_id=team.id, record_number="R1", name="小满", birth_date=date(2026, 2, 20))
        tx.add(baby)
        await tx.flush()
        assert await channels_text(tx, "R1") == "这个孩子没有绑定家属。"
        tx.add(PatientCarer(patient_id=baby.id, carer_id=zhao.id, relationship="母亲"))
        await tx.flush()
        assert "没有推送地址" in await channels_text(tx, "R1")

        (await agree(tx, "official_account", "o-1234567", consent="follower", now=NOW)).carer_id = zhao.id
        (await agree(tx, "mini_program", "m-7654321", template="tpl", consent="one_time", now=NOW, count=2)).carer_id = zhao.id
        await tx.flush()
        await keep_phones(tx, NOW)
        assert (await channels_text(tx, "R1")).splitlines() == [
            "赵女士（wm-zhao）",
            "　服务号 …4567：已关注，可以推送",
            "　小程序 …4321：一次性订阅，还剩 2 次，可以推送",
            "　短信 …8000：手机号，可以推送",
        ]

        assert await set_push(tx, "R1", "wm-zhao", "sms", on=False, why="电话里说不要短信", now=NOW) == "改好了，共 1 个地址。"
        assert await set_push(tx, "R1", "wm-zhao", "sms", on=False, why="又说了一次", now=NOW) == "没有要改的地址。"
        await end(tx, "official_account", "o-1234567", now=NOW, reason="unfollowed")
        shown = await channels_text(tx, "R1")
        assert "短信 …8000：手机号，家属不要推送" in shown and "服务号 …4567：已关注，已取消" in shown
        assert await set_push(tx, "R1", "wm-zhao", "sms", on=True, why="改主意了", now=NOW) == "改好了，共 1 个地址。"

        wrong = [("wm-zhao", "fax", "没有“fax”这个渠道"), ("wm-wang", "sms", "没有绑定"), ("wm-nobody", "sms", "no carer")]
        for userid, channel, words in wrong:
            with pytest.raises(RegistryError, match=words):
                await set_push(tx, "R1", userid, channel, on=False, why="x", now=NOW)
