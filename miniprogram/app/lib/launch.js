const { server } = require('../config')

const CHAT = /^https:\/\/work\.weixin\.qq\.com\/(kf|kfid)\/[0-9A-Za-z_-]+(\?[!-~]*)?$/
const PAGE = /^[a-z][a-z_]{0,23}$/

function decoded(text) {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    return ''
  }
}

// WeChat hands some addresses over quoted and some not; one that was unquoted already must stay as it is.
const plain = (text) => (/^https%3a/i.test(text) ? decoded(text) : text)

const isChat = (link) => CHAT.test(link)

// `to=trends` out of a mini program code's scene.
function sceneTarget(scene) {
  const found = /^to=(.*)$/.exec(decoded(scene || ''))
  return found ? found[1] : ''
}

// What a launch asks for: {chat: link}, {next: path under /h5/}, or {} for the home page. Anything else counts as nothing asked, so that
// no code on a wall opens a foreign page in the hospital's name.
function readLaunch(query) {
  const link = plain(query.q || '')
  if (isChat(link)) return { chat: link }
  if (link.startsWith(`${server}/h5/`) && !/[\s\\]|\/\.\./.test(link)) return { next: link.slice(server.length) }
  const page = query.to || sceneTarget(query.scene)
  return PAGE.test(page) ? { next: `/h5/${page}` } : {}
}

module.exports = { readLaunch, isChat, plain }
