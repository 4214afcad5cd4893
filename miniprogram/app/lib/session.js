const config = require('../config')
const { failure } = require('./failure')
const { agreed } = require('./privacy')
const server = require('./server')

// Kept in memory alone: an address with a token in a page's own path could be shared or stored.
let address = null

function wechatCode() {
  return new Promise((resolve, reject) => {
    wx.login({
      success: ({ code }) => (code ? resolve(code) : reject(failure('login_failed'))),
      fail: () => reject(failure('login_failed')),
    })
  })
}

// Signs the family in and keeps the address of its pages for pages/web; `next` is the page to start with, a path under /h5/.
async function open(next) {
  await agreed()
  const { token, url } = await server.login(await wechatCode())
  if (typeof token !== 'string' || !token || typeof url !== 'string' || !url.startsWith(config.server + '/h5/')) {
    throw failure('bad_answer')
  }
  const onward = next ? `&next=${encodeURIComponent(next)}` : ''
  address = `${url}${url.includes('?') ? '&' : '?'}token=${encodeURIComponent(token)}${onward}`
}

// The address that open() kept, once; null when nobody signed in.
function take() {
  const kept = address
  address = null
  return kept
}

// Tells the hospital whose WeChat this is, for reminders.
async function introduce() {
  await agreed()
  await server.introduce(await wechatCode())
}

module.exports = { open, take, introduce }
