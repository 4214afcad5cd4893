"""kf accounts, servicers, links, customers, upgrade and statistics; the directory."""

import pytest

from integrations.wecom.simulator import AppConfig

ACCOUNT = "wkSimulatedChildrensHospital01"


@pytest.fixture
def config(config):
    config.apps.append(AppConfig(secret="narrow", agentid=1000003, name="窄", visible=["linyue"], open_kfids=[ACCOUNT]))
    return config


async def test_accounts_come_change_and_go(corp, png):
    picture = (await corp.upload(png))["media_id"]
    made = (await corp.call("kf/account/add", {"name": "护理咨询", "media_id": picture}))["open_kfid"]
    await corp.call("kf/account/update", {"open_kfid": made, "name": "护理门诊"})
    listed = await corp.call("kf/account/list", {"offset": 1, "limit": 100}, secret="narrow")
    assert [(a["open_kfid"], a["name"], a["manage_privilege"]) for a in listed["account_list"]] == [(made, "护理门诊", False)]
    assert len((await corp.call("kf/account/list"))["account_list"]) == 2
    await corp.call("kf/account/del", {"open_kfid": made})
    await corp.call("kf/account/update", {"open_kfid": made, "name": "x"}, errcode=95004)
    await corp.call("kf/account/add", {"name": "名" * 17, "media_id": picture}, errcode=95006)
    await corp.call("kf/account/add", {"name": "名", "media_id": "gone"}, errcode=40007)


async def test_servicers_each_have_a_result(corp):
    body = {"open_kfid": ACCOUNT, "userid_list": ["linyue", "zhouwei", "nobody"], "department_id_list": [4, 99]}
    results = (await corp.call("kf/servicer/add", body))["result_list"]
    assert [(r["errcode"], r["errmsg"]) for r in results[:2]] == [(0, "ignored"), (0, "success")]
    assert [r["errcode"] for r in results] == [0, 0, 60111, 0, 60003]
    listed = (await corp.call("kf/servicer/list", open_kfid=ACCOUNT))["servicer_list"]
    assert {"userid": "zhouwei", "status": 0} in listed
    assert {"department_id": 4} in listed
    gone = (await corp.call("kf/servicer/del", {"open_kfid": ACCOUNT, "userid_list": ["zhouwei"]}))["result_list"]
    assert gone == [{"userid": "zhouwei", "errcode": 0, "errmsg": "success"}]
    await corp.call("kf/servicer/add", {"open_kfid": ACCOUNT}, errcode=40063)
    await corp.call("kf/servicer/list", errcode=40058)


async def test_a_member_of_a_servicing_department_can_take_a_chat(corp):
    await corp.call("kf/servicer/add", {"open_kfid": ACCOUNT, "department_id_list": [4]})
    mother = await corp.family()
    await mother.says("肾病问题")
    await mother.moved_to(3, "luqi")


async def test_links_carry_a_scene(corp):
    url = (await corp.call("kf/add_contact_way", {"open_kfid": ACCOUNT, "scene": "ward3"}))["url"]
    assert url.startswith("https://work.weixin.qq.com/kf/kfc")
    assert (await corp.call("kf/add_contact_way", {"open_kfid": ACCOUNT, "scene": "ward3"}))["url"] == url
    await corp.call("kf/add_contact_way", {"open_kfid": ACCOUNT, "scene": "a b"}, errcode=40058)


async def test_customers_by_the_hundred(corp):
    mother = await corp.family()
    await mother.does("enter", scene="ward3", scene_param="visit-12")
    body = {"external_userid_list": [mother.id, "wmNobody"], "need_enter_session_context": 1}
    answer = await corp.call("kf/customer/batchget", body)
    (row,) = answer["customer_list"]
    assert row["nickname"] == "果果妈妈"
    assert row["enter_session_context"] == {"scene": "ward3", "scene_param": "visit-12"}
    assert answer["invalid_external_userid"] == ["wmNobody"]
    await corp.pass_time(49 * 3600)
    assert "enter_session_context" not in (await corp.call("kf/customer/batchget", body))["customer_list"][0]
    await corp.call("kf/customer/batchget", {"external_userid_list": []}, errcode=40058)


async def test_upgrade_proposes_a_servicer(corp):
    mother = await corp.family()
    body = {"open_kfid": ACCOUNT, "external_userid": mother.id, "type": 1}
    assert "linyue" in (await corp.call("kf/customer/get_upgrade_service_config"))["member_range"]["userid_list"]
    await corp.call("kf/customer/upgrade_service", {**body, "member": {"userid": "linyue", "wording": "专属护士"}})
    await corp.call("kf/customer/upgrade_service", {**body, "member": {"userid": "dingkai"}}, errcode=95021)
    await corp.call("kf/customer/cancel_upgrade_service", {"open_kfid": ACCOUNT, "external_userid": mother.id})


async def test_statistics_are_of_past_days(corp):
    mother = await corp.family()
    await mother.says("在吗")
    await mother.hears("在的")
    await mother.says("要人工")
    await mother.moved_to(3, "linyue")
    await corp.pass_time(30)
    await mother.nurse("linyue", "say", text={"content": "我是林护士"})
    day = int(corp.clock.timestamp()) // 86400 * 86400
    span = {"open_kfid": ACCOUNT, "start_time": day, "end_time": day}
    await corp.call("kf/get_corp_statistic", span, errcode=40058)
    await corp.pass_time(86400)
    (row,) = (await corp.call("kf/get_corp_statistic", span))["statistic_list"]
    figures = row["statistic"]
    assert (figures["session_cnt"], figures["customer_cnt"], figures["customer_msg_cnt"]) == (1, 1, 2)
    assert (figures["ai_session_reply_cnt"], figures["ai_transfer_rate"]) == (1, 1.0)
    (row,) = (await corp.call("kf/get_servicer_statistic", {**span, "servicer_userid": "linyue"}))["statistic_list"]
    assert row["statistic"]["session_cnt"] == 1
    await corp.call("kf/get_corp_statistic", {**span, "start_time": day - 32 * 86400}, errcode=40058)


async def test_the_directory(corp):
    assert [d["id"] for d in (await corp.call("department/list"))["department"]] == [1, 2, 3, 4, 5]
    assert [d["id"] for d in (await corp.call("department/simplelist", id=2))["department_id"]] == [2]
    assert (await corp.call("user/get", userid="linyue"))["name"] == "林悦"
    await corp.call("user/get", userid="nobody", errcode=60111)
    await corp.call("user/get", userid="qinlan", secret="narrow", errcode=60011)
    names = [m["userid"] for m in (await corp.call("user/simplelist", department_id=3))["userlist"]]
    assert names == ["suyang", "zhouwei", "tangxin", "xiejing"]
    assert len((await corp.call("user/list", department_id=1, fetch_child=1))["userlist"]) == 11
    assert len((await corp.call("user/list_id", {"limit": 5}))["dept_user"]) == 5
    await corp.call("department/list", id=99, errcode=60003)


async def test_names_outside_the_apps_range_are_invalid(corp):
    message = {"touser": "linyue|qinlan", "msgtype": "text", "agentid": 1000003, "text": {"content": "x"}}
    assert (await corp.call("message/send", message, secret="narrow"))["invaliduser"] == "qinlan"
