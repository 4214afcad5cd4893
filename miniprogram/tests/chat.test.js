const { Wechat, openPage } = require('./wechat')
const { corpId } = require('../app/config')

const LINK = 'https://work.weixin.qq.com/kf/kfc1a2b3c?enc_scene=ENC9%2Fx&scene_param=p.A%2Bb_c'

let wechat
beforeEach(() => {
  wechat = new Wechat()
})

const chat = (kf) => openPage('pages/chat/index', { kf })

test.each([
  ['quoted', encodeURIComponent(LINK)],
  ['unquoted', LINK],
])('a reminder opens the chat that it names, its link %s by WeChat', async (_, kf) => {
  const page = await chat(kf)
  expect(wechat.chats).toEqual([])
  await wechat.tap(page, '.open')
  expect(wechat.chats).toEqual([{ url: LINK, corpId }])
})

test('the chat opens while the hospital cannot be reached', async () => {
  wechat.refuse('GET /h5/mini/config', 502)
  const page = await chat(LINK)
  await wechat.tap(page, '.open')
  expect(wechat.chats).toHaveLength(1)
  expect(page.find('.offer .ask')).toBeFalsy()
})

test.each(['', 'https://evil.example/kf/kfc1', 'https://work.weixin.qq.com.evil.example/kf/kfc1', 'https://work.weixin.qq.com/kf/%E0%A4%A', '%'])(
  'a link that is no chat of ours is not opened: %s',
  async (kf) => {
    const page = await chat(kf)
    expect(page.text()).toContain('这个链接打不开')
    expect(page.find('.open')).toBeFalsy()
  },
)

test('a family that changes its mind is not told of a failure, one that cannot get in is', async () => {
  wechat.chatError = 'cancel'
  const page = await chat(LINK)
  await wechat.tap(page, '.open')
  expect(page.text()).not.toContain('没能打开聊天')
  wechat.chatError = 'internal error'
  await wechat.tap(page, '.open')
  expect(page.text()).toContain('没能打开聊天')
  wechat.chatError = ''
  await wechat.tap(page, '.failure .again')
  expect(wechat.chats).toHaveLength(1)
  expect(page.text()).not.toContain('没能打开聊天')
})

test('an old WeChat is told from a failure', async () => {
  delete global.wx.openCustomerServiceChat
  const page = await chat(LINK)
  await wechat.tap(page, '.open')
  expect(page.text()).toContain('微信版本太低')
})

test('the way to the pages goes through the home page, and so does a shared card', async () => {
  const page = await chat(LINK)
  await wechat.tap(page, '.home')
  expect(wechat.went).toEqual(['reLaunch /pages/start/index'])
  expect(JSON.stringify(page.instance.onShareAppMessage())).not.toContain('kfc')
})
