const words = require('../words')

// The card of every page: the home page and fixed words. Never the page that is open: its address holds the family's token.
const card = () => ({ title: words.share.title, path: '/pages/start/index' })

module.exports = { card }
