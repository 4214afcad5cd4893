"""kf/sync_msg: cursors, pages, retention, tokens."""

ACCOUNT = "wkSimulatedChildrensHospital01"


async def page(corp, *, errcode=0, **body):
    return await corp.call("kf/sync_msg", {"open_kfid": ACCOUNT, **body}, errcode=errcode)


async def texts(corp, **body):
    return [item["text"]["content"] for item in (await page(corp, **body))["msg_list"]]


async def test_pages_follow_each_other_without_loss_or_repeat(corp):
    mother = await corp.family()
    for n in range(25):
        await mother.says(str(n))
    seen, cursor, more = [], "", 1
    while more:
        answer = await page(corp, cursor=cursor, limit=10)
        cursor, more = answer["next_cursor"], answer["has_more"]
        seen += [int(item["text"]["content"]) for item in answer["msg_list"]]
    assert seen == list(range(25))
    assert await texts(corp, cursor=cursor) == []


async def test_half_of_a_character_pair_arrives_as_it_was_said(corp):
    await (await corp.family()).says("心\ud83d")
    assert await texts(corp) == ["心\ud83d"]


async def test_a_page_may_be_shorter_than_asked_and_even_empty_with_more_to_come(corp):
    await corp.switch(sync_page_max=3, sync_empty_every=2)
    mother = await corp.family()
    for n in range(7):
        await mother.says(str(n))
    answer = await page(corp, limit=1000)
    assert (len(answer["msg_list"]), answer["has_more"]) == (3, 1)
    hollow = await page(corp, limit=1000, cursor=answer["next_cursor"])
    assert (hollow["msg_list"], hollow["has_more"]) == ([], 1)
    corp.cursor = hollow["next_cursor"]
    assert [item["text"]["content"] for item in await corp.pull()] == ["3", "4", "5", "6"]


async def test_three_days_are_kept_and_old_cursors_still_work(corp):
    mother = await corp.family()
    await mother.says("前天")
    early = (await page(corp, limit=1))["next_cursor"]
    await corp.pass_time(2 * 86400)
    await mother.says("今天")
    await corp.pass_time(1.5 * 86400)
    assert await texts(corp) == ["今天"]
    assert await texts(corp, cursor=early) == ["今天"]
    await corp.pass_time(2 * 86400)
    assert await texts(corp, cursor=early) == []


async def test_cursors_are_opaque_and_belong_to_one_account(corp):
    mother = await corp.family()
    await mother.says("在吗")
    cursor = (await page(corp))["next_cursor"]
    assert len(cursor.encode()) <= 64
    other = (await corp.control("POST", "accounts", {"name": "护理咨询"}))["open_kfid"]
    await corp.call("kf/sync_msg", {"open_kfid": other, "cursor": cursor}, errcode=40058)
    for bad in ("1", "????", cursor[:-1], "é" * 20):
        await page(corp, cursor=bad, errcode=40058)


async def test_the_account_must_be_named(corp):
    await corp.call("kf/sync_msg", {"cursor": ""}, errcode=40058)
    await corp.call("kf/sync_msg", {"open_kfid": "wkNowhere"}, errcode=95004)
    await page(corp, limit=1001, errcode=40058)
    await page(corp, limit="100", errcode=40058)
    await page(corp, voice_format=2, errcode=40058)


async def test_the_callbacks_token_lives_ten_minutes(corp):
    mother = await corp.family()
    await mother.says("在吗")
    (event,) = await corp.delivered()
    assert await texts(corp, token=event["Token"]) == ["在吗"]
    await corp.pass_time(599)
    assert await texts(corp, token=event["Token"]) == ["在吗"]
    await corp.pass_time(2)
    await page(corp, token=event["Token"], errcode=95007)
    await page(corp, token="ENCmadeup", errcode=95007)


async def test_without_token_the_limit_is_tighter(corp):
    await corp.switch(tokenless_sync_per_minute=2)
    mother = await corp.family()
    await mother.says("在吗")
    (event,) = await corp.delivered()
    await page(corp)
    await page(corp)
    await page(corp, errcode=45009)
    await page(corp, token=event["Token"])
    await corp.pass_time(61)
    await page(corp)
