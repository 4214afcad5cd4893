// Asks for agreement to the privacy guide whenever WeChat wants it; a page that signs in holds one.
Component({
  data: { shown: false },
  lifetimes: {
    attached() {
      this.listen()
    },
  },
  pageLifetimes: {
    show() {
      this.listen()
    },
  },
  methods: {
    // The last listener gets the event: a page that comes back asks for it again.
    listen() {
      if (!wx.onNeedPrivacyAuthorization) return
      wx.onNeedPrivacyAuthorization((resolve) => {
        this.settle = resolve
        this.setData({ shown: true })
        resolve({ event: 'exposureAuthorization' })
      })
    },
    onRead() {
      wx.openPrivacyContract({})
    },
    onAgree() {
      this.answer({ event: 'agree', buttonId: 'agree' })
    },
    onRefuse() {
      this.answer({ event: 'disagree' })
    },
    answer(decision) {
      this.setData({ shown: false })
      this.settle(decision)
    },
  },
})
