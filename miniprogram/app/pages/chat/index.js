const { corpId } = require('../../config')
const { failure, notice } = require('../../lib/failure')
const { isChat, plain } = require('../../lib/launch')
const server = require('../../lib/server')
const share = require('../../lib/share')

// Where a subscription message leads: `kf` is the chat's address. WeChat opens a chat only after a tap, so there is a button.
Component({
  data: { link: '', templates: [], failure: null },
  methods: {
    async onLoad(query) {
      const link = plain(query.kf || '')
      if (isChat(link)) this.setData({ link })
      else this.setData({ failure: notice(failure('bad_link')) })
      await this.prepare()
    },
    // The chat opens without the hospital's server; only the reminders need it.
    async prepare() {
      try {
        const { templates = [] } = await server.config()
        this.setData({ templates })
      } catch (error) {
        this.setData({ templates: [] })
      }
    },
    onOpen() {
      if (!wx.openCustomerServiceChat) {
        this.setData({ failure: notice(failure('old_wechat')) })
        return
      }
      wx.openCustomerServiceChat({
        extInfo: { url: this.data.link },
        corpId,
        success: () => this.setData({ failure: null }),
        fail: ({ errMsg }) => {
          if (!/cancel/.test(errMsg)) this.setData({ failure: notice(failure('chat_failed')) })
        },
      })
    },
    onHome() {
      wx.reLaunch({ url: '/pages/start/index' })
    },
    onShareAppMessage: share.card,
  },
})
