"""客户联系: friendships, corp tags, greetings, mass messages."""

import pytest

from integrations.wecom.simulator import AppConfig, CallbackTarget

LIN, QIN = "linyue", "qinlan"


@pytest.fixture
def config(config):
    """A second app hears what the first one does."""
    target = config.apps[0].callback
    second = CallbackTarget(url=target.url, token=target.token, encoding_aes_key=target.encoding_aes_key)
    config.apps.append(AppConfig(secret="second-app", agentid=1000003, name="标签镜像", rights={"externalcontact"}, callback=second))
    return config


async def befriend(corp, mother, userid=LIN, **more):
    return await corp.control("POST", f"members/{userid}/contacts", {"external_userid": mother.id, **more})


async def add_tags(corp, *names, group="病种", errcode=0, **more):
    body = {"group_name": group, "tag": [{"name": name} for name in names], **more}
    return await corp.call("externalcontact/add_corp_tag", body, errcode=errcode)


async def mark(corp, mother, *, userid=LIN, errcode=0, **tags):
    await corp.call("externalcontact/mark_tag", {"userid": userid, "external_userid": mother.id, **tags}, errcode=errcode)


async def test_a_kf_customer_is_nobodys_contact(corp):
    mother = await corp.family()
    await mother.says("在吗")
    tag = (await add_tags(corp, "哮喘"))["tag_group"]["tag"][0]["id"]
    await mark(corp, mother, add_tag=[tag], errcode=84061)
    await corp.call("externalcontact/get", external_userid=mother.id, errcode=84061)
    await corp.call("externalcontact/list", userid=LIN, errcode=84061)


async def test_friendship_begins_and_ends_with_events(corp):
    mother = await corp.family()
    await befriend(corp, mother, state="ward3")
    await corp.control("DELETE", f"members/{LIN}/contacts/{mother.id}?by=customer")
    await corp.control("DELETE", f"members/{LIN}/contacts/{mother.id}?by=member")
    events = [e for e in await corp.delivered() if e["Event"] == "change_external_contact"]
    kinds = [e["ChangeType"] for e in events]
    assert kinds == [kind for kind in ("add_external_contact", "del_follow_user", "del_external_contact") for _ in corp.sim.config.apps]
    assert events[0]["FromUserName"] == "sys"
    assert (events[0]["UserID"], events[0]["ExternalUserID"], events[0]["State"]) == (LIN, mother.id, "ward3")
    assert events[0]["WelcomeCode"]


async def test_a_cut_by_the_customer_leaves_the_members_side(corp):
    mother = await corp.family()
    await befriend(corp, mother)
    tag = (await add_tags(corp, "哮喘"))["tag_group"]["tag"][0]["id"]
    await corp.control("DELETE", f"members/{LIN}/contacts/{mother.id}?by=customer")
    await mark(corp, mother, add_tag=[tag])
    await corp.control("DELETE", f"members/{LIN}/contacts/{mother.id}?by=member")
    await mark(corp, mother, add_tag=[tag], errcode=84061)


async def test_tags_belong_to_one_members_view(corp):
    mother = await corp.family()
    await befriend(corp, mother)
    await befriend(corp, mother, QIN)
    tag = (await add_tags(corp, "哮喘"))["tag_group"]["tag"][0]["id"]
    await mark(corp, mother, add_tag=[tag])
    shown = await corp.call("externalcontact/get", external_userid=mother.id)
    assert {f["userid"]: [t["tag_name"] for t in f["tags"]] for f in shown["follow_user"]} == {LIN: ["哮喘"], QIN: []}
    batch = await corp.call("externalcontact/batch/get_by_user", {"userid_list": [LIN, QIN]})
    assert [row["follow_info"]["tag_id"] for row in batch["external_contact_list"]] == [[tag], []]
    await mark(corp, mother, remove_tag=[tag])
    await mark(corp, mother, errcode=40063)
    await mark(corp, mother, add_tag=["et-unknown"], errcode=40068)
    await mark(corp, mother, userid="nobody", add_tag=[tag], errcode=60111)


async def test_equal_names_are_one_tag_and_a_group_is_extended(corp):
    first = (await add_tags(corp, "哮喘", "肾病", "哮喘"))["tag_group"]
    second = (await add_tags(corp, "哮喘", "过敏"))["tag_group"]
    assert second["group_id"] == first["group_id"]
    (group,) = (await corp.call("externalcontact/get_corp_tag_list", {}))["tag_group"]
    assert sorted(tag["name"] for tag in group["tag"]) == sorted(["哮喘", "肾病", "过敏"])
    assert first["tag"][0]["id"] == second["tag"][0]["id"]


async def test_three_thousand_tags_and_no_more(corp):
    for start in range(0, 3000, 1000):
        await add_tags(corp, *(f"标签{n}" for n in range(start, start + 1000)))
    await add_tags(corp, "标签7")
    await add_tags(corp, "第3001个", errcode=40126)
    assert sum(len(g["tag"]) for g in (await corp.call("externalcontact/get_corp_tag_list", {}))["tag_group"]) == 3000


async def test_tags_are_renamed_and_deleted_and_the_group_goes_with_the_last(corp):
    group = (await add_tags(corp, "哮喘", "肾病"))["tag_group"]
    asthma, kidney = (tag["id"] for tag in group["tag"])
    await corp.call("externalcontact/edit_corp_tag", {"id": asthma, "name": "肾病"}, errcode=40071)
    await corp.call("externalcontact/edit_corp_tag", {"id": asthma, "name": "支气管哮喘"})
    await corp.call("externalcontact/edit_corp_tag", {"id": group["group_id"], "name": "诊断"})
    found = await corp.call("externalcontact/get_corp_tag_list", {"tag_id": [asthma], "group_id": ["ignored"]})
    assert [(g["group_name"], [t["name"] for t in g["tag"]]) for g in found["tag_group"]] == [("诊断", ["支气管哮喘"])]
    await corp.call("externalcontact/del_corp_tag", {"tag_id": [asthma, kidney]})
    assert (await corp.call("externalcontact/get_corp_tag_list", {}))["tag_group"] == []
    await corp.call("externalcontact/del_corp_tag", {"tag_id": [asthma]}, errcode=40068)
    await corp.call("externalcontact/del_corp_tag", {}, errcode=40063)


async def test_other_apps_hear_of_tag_changes_the_caller_does_not(corp):
    group = (await add_tags(corp, "哮喘"))["tag_group"]
    await corp.call("externalcontact/edit_corp_tag", {"id": group["tag"][0]["id"], "name": "支气管哮喘"})
    await corp.call("externalcontact/del_corp_tag", {"group_id": [group["group_id"]]})
    told = [(e["ChangeType"], e["TagType"]) for e in await corp.delivered() if e["Event"] == "change_external_tag"]
    assert told == [("create", "tag_group"), ("create", "tag"), ("update", "tag"), ("delete", "tag_group")]


@pytest.mark.parametrize("tags", [["名" * 31], [""], []])
async def test_tag_names_have_a_length(corp, tags):
    errcode = 40072 if tags else 40058
    await add_tags(corp, *tags, errcode=errcode)
    await corp.call("externalcontact/add_corp_tag", {"tag": [{"name": "x"}]}, errcode=40063)
    await corp.call("externalcontact/add_corp_tag", {"group_id": "et-no", "tag": [{"name": "x"}]}, errcode=40068)


async def test_notes_on_a_customer(corp):
    mother = await corp.family()
    await befriend(corp, mother)
    ids = {"userid": LIN, "external_userid": mother.id}
    await corp.call("externalcontact/remark", {**ids, "remark": "果果妈妈", "remark_mobiles": ["13800000001"]})
    await corp.call("externalcontact/remark", {**ids, "description": "哮喘随访", "remark_mobiles": []})
    (row,) = (await corp.call("externalcontact/get", external_userid=mother.id))["follow_user"]
    assert (row["remark"], row["description"], row["remark_mobiles"]) == ("果果妈妈", "哮喘随访", [])
    await corp.call("externalcontact/remark", {**ids, "remark": "长" * 21}, errcode=40058)
    await corp.call("externalcontact/remark", {**ids, "userid": QIN, "remark": "x"}, errcode=84061)


async def test_a_batch_comes_in_pages(corp):
    families = [await corp.family(f"家长{n}") for n in range(5)]
    for family in families:
        await befriend(corp, family)
    seen, cursor = [], ""
    while True:
        body = {"userid_list": [LIN], "limit": 2, "cursor": cursor}
        page = await corp.call("externalcontact/batch/get_by_user", body)
        seen += [row["external_contact"]["external_userid"] for row in page["external_contact_list"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert seen == [family.id for family in families]


async def test_the_greeting_of_a_new_friend(corp):
    mother = await corp.family()
    code = (await befriend(corp, mother))["welcome_code"]
    hello = {"welcome_code": code, "text": {"content": "您好，我是林护士"}}
    await corp.call("externalcontact/send_welcome_msg", {**hello, "welcome_code": "made-up"}, errcode=41050)
    await corp.call("externalcontact/send_welcome_msg", hello)
    await corp.call("externalcontact/send_welcome_msg", hello, errcode=41051)
    late = (await befriend(corp, mother, QIN))["welcome_code"]
    await corp.pass_time(21)
    await corp.call("externalcontact/send_welcome_msg", {**hello, "welcome_code": late}, errcode=41050)


async def test_an_openid_for_a_customer_and_for_a_member(corp):
    mother = await corp.family()
    assert (await corp.call("externalcontact/convert_to_openid", {"external_userid": mother.id}))["openid"].startswith("o")
    openid = (await corp.call("user/convert_to_openid", {"userid": LIN}))["openid"]
    assert (await corp.call("user/convert_to_userid", {"openid": openid}))["userid"] == LIN
    await corp.call("user/convert_to_userid", {"openid": "made-up"}, errcode=40073)


async def mass_message(corp, *families, errcode=0, **more):
    body = {"external_userid": [f.id for f in families], "text": {"content": "明天随访"}, **more}
    return await corp.call("externalcontact/add_msg_template", body, errcode=errcode)


async def statuses(corp, msgid, userid=LIN):
    rows = (await corp.call("externalcontact/get_groupmsg_send_result", {"msgid": msgid, "userid": userid}))["send_list"]
    return {row["external_userid"]: row["status"] for row in rows}


async def test_nothing_is_sent_until_the_member_confirms(corp):
    mother, stranger = await corp.family(), await corp.family("路人")
    await befriend(corp, mother)
    answer = await mass_message(corp, mother, stranger)
    assert answer["fail_list"] == [stranger.id]
    msgid = answer["msgid"]
    assert await statuses(corp, msgid) == {mother.id: 0}
    (task,) = (await corp.call("externalcontact/get_groupmsg_task", {"msgid": msgid}))["task_list"]
    assert task == {"userid": LIN, "status": 0}
    await corp.control("POST", f"members/{LIN}/groupmsg/{msgid}/confirm", {})
    assert await statuses(corp, msgid) == {mother.id: 1}
    (task,) = (await corp.call("externalcontact/get_groupmsg_task", {"msgid": msgid}))["task_list"]
    assert task["status"] == 2
    await corp.control("POST", f"members/{LIN}/groupmsg/{msgid}/confirm", {}, status=409)
    now = int(corp.clock.timestamp())
    listed = await corp.call(
        "externalcontact/get_groupmsg_list_v2", {"chat_type": "single", "start_time": now - 100, "end_time": now + 100}
    )
    assert [row["msgid"] for row in listed["group_msg_list"]] == [msgid]


async def test_it_goes_through_the_member_who_talked_last(corp):
    mother = await corp.family()
    await befriend(corp, mother)
    await befriend(corp, mother, QIN)
    await corp.pass_time(60)
    await corp.control("POST", f"members/{LIN}/contacts/{mother.id}/talk", {})
    msgid = (await mass_message(corp, mother))["msgid"]
    assert (await statuses(corp, msgid, LIN), await statuses(corp, msgid, QIN)) == ({mother.id: 0}, {})
    with_sender = (await mass_message(corp, mother, sender=QIN))["msgid"]
    assert await statuses(corp, with_sender, QIN) == {mother.id: 0}


@pytest.mark.parametrize(("cap", "allowed"), [("month", 31), ("week", 7), ("day", 1)])
async def test_the_cap_counts_what_was_delivered(corp, cap, allowed):
    await corp.switch(mass_cap=cap)
    mother = await corp.family()
    await befriend(corp, mother)
    for n in range(allowed + 1):
        msgid = (await mass_message(corp, mother))["msgid"]
        counts = await corp.control("POST", f"members/{LIN}/groupmsg/{msgid}/confirm", {})
        assert counts == {"sent": int(n < allowed), "not_a_friend": 0, "over_cap": int(n >= allowed)}
    assert await statuses(corp, msgid) == {mother.id: 3}


async def test_a_lost_friend_gets_nothing(corp):
    mother = await corp.family()
    await befriend(corp, mother)
    msgid = (await mass_message(corp, mother))["msgid"]
    await corp.control("DELETE", f"members/{LIN}/contacts/{mother.id}?by=customer")
    await corp.control("POST", f"members/{LIN}/groupmsg/{msgid}/confirm", {})
    assert await statuses(corp, msgid) == {mother.id: 2}


async def test_tags_choose_or_inside_a_group_and_and_between_groups(corp):
    both, one = await corp.family("两者"), await corp.family("其一")
    group = (await add_tags(corp, "哮喘", "肾病"))["tag_group"]["tag"]
    ward = (await add_tags(corp, "三病区", group="病区"))["tag_group"]["tag"][0]["id"]
    for family, tags in ((both, [group[0]["id"], ward]), (one, [group[1]["id"]])):
        await befriend(corp, family)
        await mark(corp, family, add_tag=tags)
    either = [{"tag_list": [tag["id"] for tag in group]}]
    msgid = (await mass_message(corp, tag_filter={"group_list": either}))["msgid"]
    assert set(await statuses(corp, msgid)) == {both.id, one.id}
    msgid = (await mass_message(corp, tag_filter={"group_list": [*either, {"tag_list": [ward]}]}))["msgid"]
    assert set(await statuses(corp, msgid)) == {both.id}


async def test_refusals_reminders_and_cancelling(corp):
    mother = await corp.family()
    await mass_message(corp, mother, errcode=41048)
    await befriend(corp, mother)
    await mass_message(corp, mother, text={}, errcode=40063)
    await mass_message(corp, mother, text={"content": "长" * 1334}, errcode=45002)
    await mass_message(corp, mother, attachments=[{"msgtype": "poll"}], errcode=41065)
    await corp.call("externalcontact/get_groupmsg_task", {"msgid": "unknown"}, errcode=41047)
    msgid = (await mass_message(corp, mother))["msgid"]
    for errcode in (0, 0, 0, 41094):
        await corp.call("externalcontact/remind_groupmsg_send", {"msgid": msgid}, errcode=errcode)
    await corp.call("externalcontact/cancel_groupmsg_send", {"msgid": msgid})
    await corp.call("externalcontact/remind_groupmsg_send", {"msgid": msgid}, errcode=41093)
    await corp.control("POST", f"members/{LIN}/groupmsg/{msgid}/confirm", {}, status=409)


async def test_the_member_may_leave_customers_out_if_the_message_lets_him(corp):
    mother, other = await corp.family(), await corp.family("乐乐妈妈")
    for family in (mother, other):
        await befriend(corp, family)
    fixed = (await mass_message(corp, mother, other))["msgid"]
    await corp.control("POST", f"members/{LIN}/groupmsg/{fixed}/confirm", {"without": [other.id]}, status=409)
    msgid = (await mass_message(corp, mother, other, allow_select=True))["msgid"]
    counts = await corp.control("POST", f"members/{LIN}/groupmsg/{msgid}/confirm", {"without": [other.id]})
    assert counts["sent"] == 1 and await statuses(corp, msgid) == {mother.id: 1, other.id: 0}
    assert [each["msgid"] for each in await corp.control("GET", f"customers/{mother.id}/groupmsg")] == [msgid]
    assert await corp.control("GET", f"customers/{other.id}/groupmsg") == []
    ledger = {each["msgid"]: each for each in (await corp.control("GET", "ledger"))["mass_messages"]}
    assert (ledger[fixed]["confirmed"], ledger[msgid]["confirmed"]) == ([], [LIN])


async def test_the_tasks_take_a_moment_to_reach_the_members(corp):
    mother = await corp.family()
    await befriend(corp, mother)
    await corp.switch(mass_dispatch_seconds=30)
    msgid = (await mass_message(corp, mother))["msgid"]
    await corp.call("externalcontact/get_groupmsg_task", {"msgid": msgid}, errcode=41063)
    await corp.call("externalcontact/remind_groupmsg_send", {"msgid": msgid}, errcode=41063)
    await corp.control("POST", f"members/{LIN}/groupmsg/{msgid}/confirm", {}, status=409)
    await corp.pass_time(31)
    assert await statuses(corp, msgid) == {mother.id: 0}
    await corp.call("externalcontact/remind_groupmsg_send", {"msgid": msgid})
    (waiting,) = await corp.control("GET", f"members/{LIN}/groupmsg")
    assert (waiting["reminded"], waiting["confirmed"]) == (1, False)


async def test_what_was_sent_stays_sent_when_the_rest_is_stopped(corp):
    mother, other = await corp.family(), await corp.family("乐乐妈妈")
    await befriend(corp, mother)
    await befriend(corp, other, QIN)
    msgid = (await mass_message(corp, mother, other))["msgid"]
    await corp.control("POST", f"members/{LIN}/groupmsg/{msgid}/confirm", {})
    await corp.call("externalcontact/cancel_groupmsg_send", {"msgid": msgid})
    await corp.control("POST", f"members/{QIN}/groupmsg/{msgid}/confirm", {}, status=409)
    assert (await statuses(corp, msgid), await statuses(corp, msgid, QIN)) == ({mother.id: 1}, {other.id: 0})


async def test_a_contact_me_code(corp):
    made = await corp.call("externalcontact/add_contact_way", {"type": 1, "scene": 2, "user": [LIN], "state": "ward3"})
    shown = await corp.call("externalcontact/get_contact_way", {"config_id": made["config_id"]})
    assert (shown["contact_way"]["user"], shown["contact_way"]["state"]) == ([LIN], "ward3")
    await corp.call("externalcontact/add_contact_way", {"type": 3, "scene": 2}, errcode=41039)
