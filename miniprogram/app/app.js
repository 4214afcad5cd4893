App({
  // A push or a printed code can outlive the page that it names.
  onPageNotFound() {
    wx.reLaunch({ url: '/pages/start/index' })
  },
})
