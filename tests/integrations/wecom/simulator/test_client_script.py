"""The client's script beside a chat: what it signs is checked, what it shares reaches the chat of a servicer."""

from integrations.wecom.jssdk import sign
from integrations.wecom.simulator.client_script import PATH


async def test_a_signature_fits_its_ticket_and_address_alone(corp):
    tickets = {
        "jsapi": (await corp.call("get_jsapi_ticket"))["ticket"],
        "agent": (await corp.call("ticket/get", type="agent_config"))["ticket"],
    }
    url = "https://care.example/console/m/beside"
    body = {"kind": "jsapi", "url": f"{url}#wm1", "nonceStr": "n1", "timestamp": "1772413200"}
    good = sign(tickets["jsapi"], "n1", "1772413200", url)
    answers = [
        await corp.control("POST", "client/check", body | change)
        for change in ({"signature": good}, {"signature": good, "kind": "agent"}, {"signature": good, "url": url + "/x"}, {"signature": ""})
    ]
    assert [answer["errcode"] for answer in answers] == [0, 40093, 40093, 40093]


async def test_what_a_page_shares_reaches_the_chat_that_a_servicer_has(corp):
    family = await corp.family()
    await family.says("在吗")
    link = {"msgtype": "news", "news": {"title": "发热怎么护理", "link": "https://care.example/h5/content/x"}}
    share = {"external_userid": family.id, "message": link}
    assert (await corp.control("POST", "client/share", share))["errcode"] == 1
    await family.moved_to(3, "linyue")
    assert (await corp.control("POST", "client/share", share))["errcode"] == 0
    last = (await family.chat())["messages"][-1]
    assert (last["from"], last["text"]["content"]) == ("servicer", "发热怎么护理\nhttps://care.example/h5/content/x")
    await corp.control("POST", "client/share", share | {"message": {"msgtype": "video"}}, status=400)


async def test_the_script_offers_what_pages_beside_a_chat_use(corp):
    async with corp.http.get(f"{corp.url}{PATH}") as answer:
        text = await answer.text()
        assert answer.content_type == "text/javascript"
    assert all(f"{name}(" in text for name in ("register", "getContext", "getCurExternalContact", "sendChatMessage"))
