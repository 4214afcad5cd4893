const { readLaunch } = require('../../lib/launch')
const { notice } = require('../../lib/failure')
const server = require('../../lib/server')
const session = require('../../lib/session')
const share = require('../../lib/share')

Component({
  data: { hospital: '', templates: [], opening: false, failure: null },
  methods: {
    async onLoad(query) {
      const { chat, next } = readLaunch(query)
      if (chat) {
        wx.redirectTo({ url: `/pages/chat/index?kf=${encodeURIComponent(chat)}` })
        return
      }
      this.next = next
      this.wanted = Boolean(next)
      await this.prepare()
      if (this.wanted && !this.data.failure) await this.open()
    },
    async prepare() {
      try {
        const { hospital = '', templates = [] } = await server.config()
        this.setData({ hospital, templates, failure: null })
      } catch (error) {
        this.setData({ failure: notice(error) })
      }
    },
    // A second tap while the first is still on its way does nothing: a login code works once.
    async open() {
      if (this.data.opening) return
      this.wanted = true
      this.setData({ opening: true, failure: null })
      try {
        await session.open(this.next)
        this.next = undefined
        this.wanted = false
        wx.navigateTo({ url: '/pages/web/index' })
      } catch (error) {
        this.setData({ failure: notice(error) })
      }
      this.setData({ opening: false })
    },
    async onAgain() {
      await this.prepare()
      if (this.wanted && !this.data.failure) await this.open()
    },
    onShareAppMessage: share.card,
  },
})
