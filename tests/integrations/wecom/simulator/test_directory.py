"""The directory read by our client, and what it hears of changes."""

from typing import Any

import pytest

from integrations.wecom.agent import agent
from integrations.wecom.callback import Callback
from integrations.wecom.client import WecomClient
from integrations.wecom.directory import Member, department_members, department_names, departments, member, members
from integrations.wecom.directory_event import DepartmentChange, MemberChange, read_contact_change
from integrations.wecom.errors import WecomError
from integrations.wecom.simulator import AppConfig, SimulatorConfig
from integrations.wecom.token import MemoryTokenStore
from integrations.wecom.xml import read_xml


@pytest.fixture
def config(config: SimulatorConfig) -> SimulatorConfig:
    config.apps.append(AppConfig(secret="narrow-app", agentid=1000003, name="呼吸科随访", visible=["suyang"]))
    return config


def client_of(corp: Any, secret: str) -> WecomClient:
    async def no_sleep(seconds: float) -> None:
        """Retries need not wait in a test."""

    return WecomClient(corp.http, corp.url, corp.sim.config.corp_id, secret, MemoryTokenStore(), corp.clock.now, no_sleep)


@pytest.fixture
def client(corp: Any) -> WecomClient:
    return client_of(corp, corp.app.secret)


async def changes(corp: Any) -> list[MemberChange | DepartmentChange | None]:
    await corp.delivered()
    return [read_contact_change(each) for each in corp.receiver.of("change_contact")]


async def test_the_tree_of_departments(client: WecomClient) -> None:
    tree = {each.name: each for each in await departments(client)}
    assert list(tree) == ["儿童医院", "随访中心", "呼吸科", "肾脏科", "信息科"]
    assert tree["随访中心"].parentid == tree["儿童医院"].id
    assert [each.name for each in await departments(client, tree["呼吸科"].id)] == ["呼吸科"]


async def test_every_member_comes_once_though_she_stands_in_two_departments(client: WecomClient) -> None:
    found = [each async for each in members(client, await departments(client))]
    assert len(found) == len({each.userid for each in found}) == 11
    xie = next(each for each in found if each.userid == "xiejing")
    assert (xie.name, xie.department, xie.main_department, xie.employed) == ("谢静", (2, 3), 2, True)


async def test_members_of_one_department(client: WecomClient) -> None:
    assert {each.userid for each in await department_members(client, 3)} == {"suyang", "zhouwei", "tangxin", "xiejing"}
    assert {each.name for each in await department_names(client, 4)} == {"郭真", "陆琦", "方锐"}
    assert {each.userid async for each in members(client, await departments(client, 4))} == {"guozhen", "luqi", "fangrui"}


async def test_an_app_knows_its_own_trusted_domain_and_no_other_apps(corp: Any, client: WecomClient) -> None:
    assert (await agent(client, corp.app.agentid)).redirect_domain == ""
    corp.app.trusted_domains = ["console.example", "other.example"]
    assert (await agent(client, corp.app.agentid)).redirect_domain == "console.example"
    for number, errcode in ((1000003, 301002), (1, 40056)):
        with pytest.raises(WecomError) as refused:
            await agent(client, number)
        assert refused.value.errcode == errcode


async def test_an_app_sees_its_range_and_no_more(corp: Any) -> None:
    narrow = client_of(corp, "narrow-app")
    assert [each.userid async for each in members(narrow, await departments(narrow))] == ["suyang"]
    with pytest.raises(WecomError, match="not_granted"):
        await member(narrow, "linyue")


async def test_one_member_and_nobody(client: WecomClient) -> None:
    assert (await member(client, "qinlan")).name == "秦岚"  # type: ignore[union-attr]
    assert await member(client, "nobody") is None
    with pytest.raises(WecomError, match="no_department"):
        await departments(client, 99)


async def test_a_department_that_cannot_be_read_does_not_look_empty(corp: Any, client: WecomClient) -> None:
    await corp.control("POST", "faults", {"path": "user/list", "errcode": 60011})
    seen = []
    with pytest.raises(WecomError, match="not_granted"):
        async for each in members(client, await departments(client)):
            seen.append(each)
    assert seen == []


async def test_somebody_joins_moves_and_leaves(corp: Any, client: WecomClient) -> None:
    await corp.control("POST", "members", {"userid": "wanghua", "name": "王桦", "departments": [2, 3]})
    await corp.control("POST", "members/wanghua/change", {"departments": [4]})
    await corp.control("POST", "members/wanghua/change", {"name": "王华", "active": False})
    left = await corp.control("DELETE", "members/wanghua")
    assert left == {"userid": "wanghua"}
    assert await changes(corp) == [
        MemberChange("create", "wanghua", name="王桦", department=(2, 3), status=1),
        MemberChange("update", "wanghua", department=(4,)),
        MemberChange("update", "wanghua", name="王华", status=4),
        MemberChange("delete", "wanghua"),
    ]
    assert await member(client, "wanghua") is None
    await corp.control("POST", "members/wanghua/change", {"name": "x"}, status=404)
    await corp.control("POST", "members/linyue/change", {"userid": "x"}, status=400)


async def test_who_leaves_serves_no_chat_and_stays_away_after_a_restart(corp: Any) -> None:
    await corp.control("DELETE", "members/hemin")
    state = await corp.call("kf/servicer/list", open_kfid=corp.sim.config.kf_accounts[0].open_kfid)
    assert "hemin" not in {each["userid"] for each in state["servicer_list"]}
    again = type(corp.sim)(corp.sim.config, clock=corp.clock, rng=corp.sim.rng, world=corp.sim.world)
    assert "hemin" not in again.world.members and "linyue" in again.world.members


def test_changes_as_wecom_writes_them() -> None:
    # The plain form of doc:90970, read by our own callback after sealing.
    callback = Callback("Token", "SandboxOnlySandboxOnlySandboxOnlySandboxOnA", "wwcorp")
    head = "<ToUserName>wwcorp</ToUserName><FromUserName>sys</FromUserName><CreateTime>1403610513</CreateTime><MsgType>event</MsgType>"
    xml = (
        f"<xml>{head}<Event>change_contact</Event><ChangeType>update_user</ChangeType><UserID>zhangsan</UserID>"
        "<NewUserID>zhangsan001</NewUserID><Name>张三</Name><Department>1,2,3</Department><IsLeaderInDept>1,0,0</IsLeaderInDept>"
        "<Status>5</Status><ExtAttr><Item><Name>爱好</Name><Type>0</Type><Text><Value>旅游</Value></Text></Item></ExtAttr></xml>"
    )
    fields = read_xml(callback.decrypt(callback.encrypt(xml)))
    expected = MemberChange("update", "zhangsan", new_userid="zhangsan001", name="张三", department=(1, 2, 3), status=5)
    assert read_contact_change(fields) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"ChangeType": "create_party", "Id": "7", "Name": "血液科", "ParentId": "1"}, DepartmentChange("create", 7, "血液科", 1)),
        ({"ChangeType": "delete_party", "Id": "7"}, DepartmentChange("delete", 7)),
        ({"ChangeType": "delete_user", "UserID": "lin"}, MemberChange("delete", "lin")),
        ({"ChangeType": "update_user", "UserID": "lin", "Department": "1,x", "Status": "²"}, MemberChange("update", "lin")),
        ({"ChangeType": "create_user", "UserID": ""}, None),
        ({"ChangeType": "create_user", "UserID": {"Item": "x"}}, None),
        ({"ChangeType": "update_party", "Id": "-7"}, None),
        ({"ChangeType": "update_tag", "TagId": "1"}, None),
        ({"Event": "change_external_contact", "ChangeType": "delete_user", "UserID": "lin"}, None),
    ],
)
def test_changes_whole_or_not_at_all(fields: dict[str, Any], expected: object) -> None:
    assert read_contact_change({"Event": "change_contact", **fields}) == expected


def test_who_leads_and_who_has_gone() -> None:
    lin = Member(userid="lin", department=(1, 2), is_leader_in_dept=(0, 1))
    assert lin.leads == (2,)
    assert [Member(userid="x", status=status).employed for status in (1, 2, 4, 5)] == [True, False, True, False]
