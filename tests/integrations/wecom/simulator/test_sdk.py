"""An SDK that was not written for the simulator works against it unchanged: wechatpy 1.8.18, whose calls are only sent elsewhere."""

import asyncio
import io

import pytest
from requests.adapters import HTTPAdapter
from wechatpy.enterprise import WeChatClient
from wechatpy.enterprise.crypto import WeChatCrypto
from wechatpy.exceptions import WeChatClientException

REAL_HOST = "https://qyapi.weixin.qq.com"
ACCOUNT = "wkSimulatedChildrensHospital01"


class Elsewhere(HTTPAdapter):
    """Sends what is meant for WeCom to another base URL, as a proxy or an entry in the hosts file would."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def send(self, request, **options):
        request.url = request.url.replace(REAL_HOST, self.base)
        return super().send(request, **options)


@pytest.fixture
def sdk(corp):
    client = WeChatClient(corp.sim.config.corp_id, corp.app.secret, timeout=10, auto_retry=False)
    client._http.mount(REAL_HOST, Elsewhere(corp.url))
    return client


async def test_token_and_messages(corp, sdk):
    def work():
        sdk.message.send_text(1000002, ["linyue", "nobody"], "新预警")
        sdk.message.send_markdown(1000002, "linyue", "**注意**")
        sdk.message.send_text_card(1000002, "linyue", "复诊", "明天上午", "https://example.com/visit")
        sdk.message.send_articles(1000002, "linyue", [{"title": "t", "description": "d", "url": "https://a.cn", "image": "https://a.cn/i"}])
        return sdk.message.send_text(1000002, "linyue", "再看一眼")

    answer = await asyncio.to_thread(work)
    assert answer["msgid"]
    seen = await corp.control("GET", "members/linyue/messages")
    assert [m["msgtype"] for m in seen] == ["text", "markdown", "textcard", "news", "text"]
    assert sdk.access_token == await corp.token()


async def test_errors_reach_the_caller(corp, sdk):
    with pytest.raises(WeChatClientException) as failure:
        await asyncio.to_thread(sdk.message.send_text, 1000002, "nobody", "x")
    assert failure.value.errcode == 81013


async def test_media_there_and_back(corp, sdk, png):
    made = await asyncio.to_thread(sdk.media.upload, "image", ("a.png", io.BytesIO(png), "image/png"))
    picture = await asyncio.to_thread(sdk.get, "media/get", params={"media_id": made["media_id"]})
    assert picture.content == png
    await asyncio.to_thread(sdk.message.send_image, 1000002, "linyue", made["media_id"])
    assert (await asyncio.to_thread(sdk.media.upload_img, ("a.png", io.BytesIO(png), "image/png")))["url"]


async def test_contacts_tags_and_mass_messages(corp, sdk):
    mother = await corp.family()
    await corp.control("POST", "members/linyue/contacts", {"external_userid": mother.id})
    contacts = sdk.external_contact

    def work():
        assert "linyue" in contacts.get_follow_user_list()["follow_user"]
        assert contacts.list("linyue")["external_userid"] == [mother.id]
        group = contacts.add_corp_tag(None, "病种", 1, [{"name": "哮喘", "order": 1}])["tag_group"]
        tag = group["tag"][0]["id"]
        contacts.edit_corp_tag(tag, "支气管哮喘", 2)
        contacts.mark_tag("linyue", mother.id, add_tag=[tag])
        shown = contacts.get(mother.id)["follow_user"][0]["tags"]
        assert [t["tag_name"] for t in shown] == ["支气管哮喘"]
        contacts.mark_tag("linyue", mother.id, remove_tag=[tag])
        assert contacts.get_corp_tag_list()["tag_group"][0]["tag"][0]["id"] == tag
        contacts.del_corp_tag(tag_id=[tag])
        way = contacts.add_contact_way(1, 2, user=["linyue"], state="ward3")
        assert contacts.get_contact_way(way["config_id"])["contact_way"]["state"] == "ward3"
        return contacts.add_msg_template({"external_userid": [mother.id], "sender": "linyue", "text": {"content": "明天随访"}})

    assert (await asyncio.to_thread(work))["fail_list"] == []


async def test_directory_tickets_and_login(corp, sdk):
    code = (await corp.control("POST", "members/linyue/oauth_code", {}))["code"]

    def work():
        assert sdk.user.get("linyue")["name"] == "林悦"
        assert len(sdk.department.get()) == 5
        assert sdk.jsapi.get_jsapi_ticket() and sdk.jsapi.get_agent_ticket()
        assert sdk.oauth.get_user_info(code)["UserId"] == "linyue"
        return sdk.misc.get_wechat_ips()

    assert await asyncio.to_thread(work)


async def test_kf_and_cards_through_its_generic_calls(corp, sdk):
    mother = await corp.family()
    await mother.says("宝宝发烧了")

    def work():
        items = sdk.post("kf/sync_msg", data={"open_kfid": ACCOUNT})["msg_list"]
        message = {"touser": items[0]["external_userid"], "open_kfid": ACCOUNT, "msgtype": "text", "text": {"content": "多少度？"}}
        sdk.post("kf/send_msg", data=message)
        buttons = [{"text": "我来处理", "key": "claim"}]
        card = {"card_type": "button_interaction", "main_title": {"title": "高热"}, "task_id": "a1", "button_list": buttons}
        return sdk.message.send(1000002, "linyue", msg={"msgtype": "template_card", "template_card": card})

    assert (await asyncio.to_thread(work))["response_code"]
    assert (await mother.chat())["messages"][-1]["text"]["content"] == "多少度？"


async def test_its_crypto_opens_our_callbacks_and_its_parser_reads_them(corp):
    mother = await corp.family()
    await mother.says("在吗")
    (event,) = await corp.delivered()
    assert event["Event"] == "kf_msg_or_event"
    assert isinstance(corp.receiver.crypto, WeChatCrypto)


async def test_a_revoked_token_is_fetched_again(corp, sdk):
    sdk.auto_retry = True
    await asyncio.to_thread(sdk.user.get, "linyue")
    await corp.control("POST", "tokens/revoke", {})
    assert (await asyncio.to_thread(sdk.user.get, "linyue"))["name"] == "林悦"
