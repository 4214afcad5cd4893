const { Wechat, openPage, HOSPITAL } = require('./wechat')
const { askable } = require('../app/lib/consent')

let wechat
beforeEach(() => {
  wechat = new Wechat()
})

const asked = async () => {
  const page = await openPage('pages/start/index')
  await wechat.tap(page, '.offer .ask')
  return page
}

test('opening the mini program asks for nothing', async () => {
  await openPage('pages/start/index')
  expect(wechat.subscribed).toEqual([])
})

test('a tap asks for the template of the hospital, and tells whose parent agreed', async () => {
  const page = await asked()
  expect(wechat.subscribed).toEqual([['tpl-long']])
  expect(page.text()).toContain('会在微信里提醒您')
  expect(wechat.requested('/weixin/mini_program/login')).toEqual([{ path: '/weixin/mini_program/login', data: { code: 'code-1' } }])
})

test('a refusal is respected, and nobody is identified for it', async () => {
  wechat.subscription = { 'tpl-long': 'reject' }
  const page = await asked()
  expect(page.text()).toContain('没有打开提醒')
  expect(wechat.codes).toBe(0)
})

test.each([
  [20004, '订阅消息总开关关着'],
  [20002, '这次没有打开提醒'],
])('when WeChat answers %i the family reads what to do', async (code, words) => {
  wechat.subscriptionError = code
  expect((await asked()).text()).toContain(words)
})

test('a template that WeChat blocked is told as ours to mend', async () => {
  wechat.subscription = { 'tpl-long': 'ban' }
  expect((await asked()).text()).toContain('医院的提醒模板暂时不能用')
})

test('an agreement whose owner cannot be told says so', async () => {
  wechat.refuse('POST /weixin/mini_program/login', 503, 'busy')
  expect((await asked()).text()).toContain('请过几分钟再试')
})

test('without templates there is no button', async () => {
  wechat.answers['GET /h5/mini/config'] = () => [200, { ...HOSPITAL, templates: [] }]
  const page = await openPage('pages/start/index')
  expect(page.find('.offer .ask')).toBeFalsy()
})

test('long-term and one-time templates are never mixed, and at most three are asked for', () => {
  const once = ['a', 'b', 'c', 'd'].map((id) => ({ id, kind: 'one_time' }))
  expect(askable(once)).toEqual(['a', 'b', 'c'])
  expect(askable([...once, { id: 'lasting', kind: 'long_term' }])).toEqual(['lasting'])
  expect(askable([])).toEqual([])
})
