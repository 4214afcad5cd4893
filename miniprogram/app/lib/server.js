const { server } = require('../config')
const { failure } = require('./failure')

const PATIENCE = 10000 // milliseconds
const REFUSALS = ['bad_code', 'unknown_family']

function ask(method, path, data) {
  return new Promise((resolve, reject) => {
    wx.request({
      url: server + path,
      method,
      data,
      timeout: PATIENCE,
      success: (answer) => (answer.statusCode === 200 ? resolve(answer.data || {}) : reject(refusal(answer))),
      fail: (error) => whyUnreachable(error).then((code) => reject(failure(code))),
    })
  })
}

function refusal({ statusCode, data }) {
  const code = data && data.code
  if (REFUSALS.includes(code)) return failure(code)
  if (statusCode === 404) return failure('not_ready')
  return failure(statusCode === 429 ? 'too_many' : 'busy')
}

function whyUnreachable({ errMsg }) {
  return new Promise((resolve) => {
    const otherwise = /timeout/i.test(errMsg) ? 'timeout' : 'unreachable'
    wx.getNetworkType({
      success: ({ networkType }) => resolve(networkType === 'none' ? 'offline' : otherwise),
      fail: () => resolve(otherwise),
    })
  })
}

// What the hospital set: {hospital, templates: [{id, kind}]}.
const config = () => ask('GET', '/h5/mini/config')

// Who opened this, and the family's pages: {token, url}.
const login = (code) => ask('POST', '/h5/mini/login', { code })

// Whose address this is, so that reminders reach the right family.
const introduce = (code) => ask('POST', '/weixin/mini_program/login', { code })

module.exports = { config, login, introduce }
