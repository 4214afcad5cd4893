const { Wechat, openPage } = require('./wechat')
const session = require('../app/lib/session')
const { server } = require('../app/config')

let wechat
beforeEach(() => {
  wechat = new Wechat()
  session.take()
})

const start = (query) => openPage('pages/start/index', query)

test('a family opens its pages by one tap', async () => {
  const page = await start()
  expect(page.text()).toContain('示范儿童医院')
  expect(wechat.codes).toBe(0)
  await wechat.tap(page, '.open')
  expect(wechat.requested('/h5/mini/login')).toEqual([{ path: '/h5/mini/login', data: { code: 'code-1' } }])
  expect(wechat.went).toEqual(['navigateTo /pages/web/index'])
  expect(session.take()).toBe(`${server}/h5/enter?token=sealed.token`)
})

test('the token stands in no path of a page', async () => {
  const page = await start({ to: 'trends' })
  await wechat.tap(page, '.open')
  expect(wechat.went.join()).not.toContain('sealed')
})

test('a code or a card opens the page that it names', async () => {
  await start({ scene: 'to%3Dtrends' })
  expect(session.take()).toBe(`${server}/h5/enter?token=sealed.token&next=%2Fh5%2Ftrends`)
})

test('a printed link of the chat leads to the chat', async () => {
  const link = 'https://work.weixin.qq.com/kfid/kfc12ab?enc_scene=ENC1&scene_param=a%2Fb'
  await start({ q: encodeURIComponent(link) })
  expect(wechat.went).toEqual([`redirectTo /pages/chat/index?kf=${encodeURIComponent(link)}`])
  expect(wechat.requests).toEqual([])
})

test('two taps sign in once', async () => {
  const page = await start()
  page.find('.open').dispatchEvent('tap')
  await wechat.tap(page, '.open')
  expect(wechat.codes).toBe(1)
  expect(wechat.went).toHaveLength(1)
})

test('without network the page says so, and the same button goes on when it is back', async () => {
  wechat.online = false
  const page = await start({ to: 'today' })
  expect(page.text()).toContain('没有网络')
  wechat.online = true
  await wechat.tap(page, '.failure .again')
  expect(page.text()).not.toContain('没有网络')
  expect(session.take()).toContain('next=%2Fh5%2Ftoday')
})

test('after a failed start nobody is signed in who did not ask for it', async () => {
  wechat.online = false
  const page = await start()
  wechat.online = true
  await wechat.tap(page, '.failure .again')
  expect(wechat.codes).toBe(0)
  expect(page.find('.open')).toBeTruthy()
})

test.each([
  [400, 'bad_code', '微信登录没有成功'],
  [403, 'unknown_family', '还没有和孩子关联'],
  [404, undefined, '医院还没有开通这里'],
  [429, 'too_many', '人有点多'],
  [500, undefined, '医院的系统正忙'],
])('a login that is refused with %i %s is told in plain words', async (status, code, words) => {
  const page = await start()
  wechat.refuse('POST /h5/mini/login', status, code)
  await wechat.tap(page, '.open')
  expect(page.text()).toContain(words)
  expect(wechat.went).toEqual([])
})

test('a slow server is told from a missing network', async () => {
  const page = await start()
  wechat.slow = true
  await wechat.tap(page, '.open')
  expect(page.text()).toContain('网络有些慢')
})

test.each([
  'https://evil.example/h5/enter',
  `${server}.evil.example/h5/enter`,
  `${server}/elsewhere`,
  'javascript:alert(1)',
  undefined,
])('an answer that leads to %s is not opened', async (url) => {
  const page = await start()
  wechat.answers['POST /h5/mini/login'] = () => [200, { token: 'sealed.token', url }]
  await wechat.tap(page, '.open')
  expect(page.text()).toContain('页面地址不对')
  expect(wechat.went).toEqual([])
  expect(session.take()).toBeNull()
})

describe('the privacy guide', () => {
  beforeEach(() => {
    wechat.agreed = false
  })

  test('is asked before WeChat says who it is', async () => {
    const page = await start()
    await wechat.tap(page, '.open')
    expect(wechat.codes).toBe(0)
    await wechat.tap(page, '.consent .link')
    expect(wechat.went).toEqual(['openPrivacyContract'])
    await wechat.tap(page, '.consent .main', 'agreeprivacyauthorization')
    expect(wechat.codes).toBe(1)
    expect(wechat.went).toContain('navigateTo /pages/web/index')
  })

  test('may be refused, and asked again', async () => {
    const page = await start()
    await wechat.tap(page, '.open')
    await wechat.tap(page, '.consent .plain')
    expect(page.text()).toContain('需要您同意后才能打开')
    expect(wechat.codes).toBe(0)
    await wechat.tap(page, '.failure .again')
    await wechat.tap(page, '.consent .main', 'agreeprivacyauthorization')
    expect(wechat.went).toEqual(['navigateTo /pages/web/index'])
  })

  test('cannot be asked by an old WeChat, which must be renewed', async () => {
    delete global.wx.requirePrivacyAuthorize
    const page = await start()
    await wechat.tap(page, '.open')
    expect(page.text()).toContain('微信版本太低')
    expect(page.find('.failure .again')).toBeFalsy()
  })
})

test('the card that a family passes on holds neither token nor name', async () => {
  const page = await start({ to: 'trends' })
  const card = page.instance.onShareAppMessage({ from: 'menu', webViewUrl: `${server}/h5/enter?token=sealed.token` })
  expect(card).toEqual({ title: '孩子出院以后，在微信里也有人照看', path: '/pages/start/index' })
})
