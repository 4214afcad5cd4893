const { Wechat, openPage } = require('./wechat')
const session = require('../app/lib/session')
const { server } = require('../app/config')

let wechat
beforeEach(() => {
  wechat = new Wechat()
  session.take()
})

const opened = async () => {
  await session.open('/h5/today')
  return openPage('pages/web/index')
}

test('the pages of the family fill the mini program', async () => {
  const page = await opened()
  expect(page.data.address).toBe(`${server}/h5/enter?token=sealed.token&next=%2Fh5%2Ftoday`)
  expect(page.find('.web')).toBeTruthy()
})

test('what WeChat brings back without its memory starts at the home page', async () => {
  const page = await openPage('pages/web/index')
  expect(wechat.went).toEqual(['reLaunch /pages/start/index'])
  expect(page.data.address).toBe('')
})

test('an address is good for one opening', async () => {
  await opened()
  await openPage('pages/web/index')
  expect(wechat.went).toEqual(['reLaunch /pages/start/index'])
})

test('a page that does not load says so, and trying again signs in anew', async () => {
  const page = await opened()
  await wechat.tap(page, '.web', 'error')
  expect(page.text()).toContain('页面没有打开')
  wechat.online = false
  await wechat.tap(page, '.failure .again')
  expect(page.text()).toContain('微信登录没有成功')
  wechat.online = true
  await wechat.tap(page, '.failure .again')
  expect(page.data.address).toContain('token=')
  expect(wechat.spent.size).toBe(2)
})

test('the card never holds the address that is open', async () => {
  const page = await opened()
  const card = page.instance.onShareAppMessage({ from: 'menu', webViewUrl: page.data.address })
  expect(card.path).toBe('/pages/start/index')
  expect(JSON.stringify(card)).not.toMatch(/token|sealed|h5/)
})
