const { failure } = require('./failure')

// Resolves once the family has agreed to the privacy guide; components/privacy asks. Rejects with privacy_refused.
function agreed() {
  return new Promise((resolve, reject) => {
    if (!wx.requirePrivacyAuthorize) {
      reject(failure('old_wechat'))
      return
    }
    wx.requirePrivacyAuthorize({ success: () => resolve(), fail: () => reject(failure('privacy_refused')) })
  })
}

module.exports = { agreed }
