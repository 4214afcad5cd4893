// WeChat as far as the pages use it, with a hospital's server behind it: strict like the real one, and remembers what was done.
const path = require('path')
const simulate = require('miniprogram-simulate')
const { server } = require('../app/config')

const APP = path.join(__dirname, '../app')
const HOSPITAL = { hospital: '示范儿童医院', templates: [{ id: 'tpl-long', kind: 'long_term' }, { id: 'tpl-once', kind: 'one_time' }] }

class Wechat {
  constructor() {
    this.online = true
    this.slow = false
    this.agreed = true // to the privacy guide
    this.asking = null // the privacy question that waits for an answer
    this.subscription = {} // template id → what the family answers; accept unless said
    this.subscriptionError = 0
    this.chatError = ''
    this.tapping = false
    this.codes = 0
    this.spent = new Set()
    this.requests = []
    this.went = []
    this.subscribed = []
    this.chats = []
    this.answers = {
      'GET /h5/mini/config': () => [200, HOSPITAL],
      'POST /h5/mini/login': ({ code }) => this.exchange(code, { token: 'sealed.token', url: `${server}/h5/enter` }),
      'POST /weixin/mini_program/login': ({ code }) => this.exchange(code, { code: 'ok' }),
    }
    global.wx = this.api()
  }

  exchange(code, answer) {
    if (this.spent.has(code)) return [400, { code: 'bad_code' }]
    this.spent.add(code)
    return [200, answer]
  }

  refuse(call, status, code) {
    this.answers[call] = () => [status, { code }]
  }

  requested(path) {
    return this.requests.filter((request) => request.path === path)
  }

  api() {
    const go = (how) => ({ url }) => this.went.push(`${how} ${url}`)
    return {
      navigateTo: go('navigateTo'),
      redirectTo: go('redirectTo'),
      reLaunch: go('reLaunch'),
      getNetworkType: ({ success }) => success({ networkType: this.online ? 'wifi' : 'none' }),
      login: ({ success, fail }) => (this.online ? success({ code: `code-${++this.codes}` }) : fail({ errMsg: 'login:fail' })),
      request: (options) => this.request(options),
      onNeedPrivacyAuthorization: (listener) => (this.privacyListener = listener),
      requirePrivacyAuthorize: (options) => this.requirePrivacy(options),
      openPrivacyContract: () => this.went.push('openPrivacyContract'),
      requestSubscribeMessage: (options) => this.subscribe(options),
      openCustomerServiceChat: (options) => this.openChat(options),
    }
  }

  request({ url, method, data, success, fail }) {
    if (!url.startsWith(server)) throw new Error(`${url} is not a domain of this mini program`)
    const path = url.slice(server.length)
    this.requests.push({ path, data })
    if (!this.online) fail({ errMsg: 'request:fail interrupted' })
    else if (this.slow) fail({ errMsg: 'request:fail timeout' })
    else {
      const [statusCode, body] = this.answers[`${method} ${path}`](data || {})
      success({ statusCode, data: body })
    }
  }

  requirePrivacy({ success, fail }) {
    if (this.agreed) {
      success()
      return
    }
    this.privacyListener(({ event }) => {
      if (event === 'agree') this.agreed = true
      if (event === 'agree') success()
      if (event === 'disagree') fail({ errMsg: 'requirePrivacyAuthorize:fail privacy permission is not authorized' })
    })
  }

  subscribe({ tmplIds, success, fail }) {
    if (!this.tapping) fail({ errCode: 10005, errMsg: 'requestSubscribeMessage:fail can only be invoked by user TAP gesture.' })
    else if (this.subscriptionError) fail({ errCode: this.subscriptionError })
    else {
      this.subscribed.push(tmplIds)
      success(Object.fromEntries(tmplIds.map((id) => [id, this.subscription[id] || 'accept'])))
    }
  }

  openChat({ extInfo, corpId, success, fail }) {
    if (!this.tapping || this.chatError) fail({ errMsg: `openCustomerServiceChat:fail ${this.chatError}` })
    else {
      this.chats.push({ url: extInfo.url, corpId })
      success({})
    }
  }

  // The family touches what `selector` finds; the gesture lasts as long as the handler has not waited for anything.
  async tap(page, selector, event = 'tap') {
    page.find(selector).dispatchEvent(event)
    this.tapping = true
    await null
    this.tapping = false
    await settled()
  }
}

// Until everything that was begun has come to rest: nothing here takes time, so one round of the event loop is enough.
const settled = () => simulate.sleep()

const loaded = {}

// A page as WeChat opens it, its components drawn; `find` looks into them too.
async function openPage(name, query = {}) {
  loaded[name] = loaded[name] || simulate.load(path.join(APP, name), { rootPath: APP })
  const page = simulate.render(loaded[name])
  page.attach(document.createElement('parent-wrapper'))
  page.find = (selector) => {
    const [outer, inner] = selector.split(' ')
    const found = page.querySelector(outer)
    return inner && found ? found.querySelector(inner) : found
  }
  page.text = () => page.dom.textContent
  page.instance.onLoad(query)
  await settled()
  return page
}

module.exports = { Wechat, openPage, settled, HOSPITAL }
