const { failure, notice } = require('../../lib/failure')
const session = require('../../lib/session')
const share = require('../../lib/share')

// The family's pages fill this one. WeChat may bring it back without its memory; then the way leads through the home page again.
Component({
  data: { address: '', failure: null },
  methods: {
    onLoad() {
      const address = session.take()
      if (address) this.setData({ address })
      else wx.reLaunch({ url: '/pages/start/index' })
    },
    onError() {
      this.setData({ address: '', failure: notice(failure('page_failed')) })
    },
    // With a new login: the address that failed may have run out meanwhile.
    async onAgain() {
      try {
        await session.open()
        this.setData({ address: session.take(), failure: null })
      } catch (error) {
        this.setData({ failure: notice(error) })
      }
    },
    onShareAppMessage: share.card,
  },
})
