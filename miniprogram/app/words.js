// What families read, apart from the pages' own fixed words. A failure's name is its code in lib/failure.js and on the server.
module.exports = {
  share: { title: '孩子出院以后，在微信里也有人照看' },
  consent: {
    accepted: '好的，有随访任务时会在微信里提醒您。',
    refused: '没有打开提醒。以后想要时，再点一次就可以。',
    banned: '医院的提醒模板暂时不能用，我们会处理。您仍可以在聊天里收到消息。',
    switched_off: '微信里的订阅消息总开关关着。请点右上角“…”，进入“设置”→“通知管理”打开，再回来点一次。',
    not_possible: '这次没有打开提醒，请稍后再点一次。',
  },
  failures: {
    offline: { title: '没有网络', text: '请检查手机的网络，连上以后点“再试一次”。', again: true },
    timeout: { title: '网络有些慢', text: '等了一会儿没有回应，请再试一次。', again: true },
    unreachable: { title: '暂时连不上医院', text: '不是您手机的问题，请过几分钟再试。', again: true },
    busy: { title: '医院的系统正忙', text: '请过几分钟再试，已经填好的内容不会丢。', again: true },
    too_many: { title: '人有点多', text: '请过一分钟再试。', again: true },
    login_failed: { title: '微信登录没有成功', text: '请再试一次；还是不行，请关掉小程序重新打开。', again: true },
    bad_code: { title: '微信登录没有成功', text: '登录凭证过期了，请再试一次。', again: true },
    page_failed: { title: '页面没有打开', text: '请检查网络，再试一次。', again: true },
    privacy_refused: {
      title: '需要您同意后才能打开',
      text: '我们要用您的微信身份确认您是谁的家长，不会读取手机号和通讯录。您随时可以改主意。',
      again: true,
    },
    unknown_family: {
      title: '还没有和孩子关联',
      text: '请先用微信扫一扫出院单上的二维码，和随访助手说上话，再回到这里。单子丢了，请联系科室。',
      again: true,
    },
    not_ready: { title: '医院还没有开通这里', text: '您仍可以在微信聊天里和随访助手说话，那里随时有人。', again: false },
    bad_answer: { title: '页面地址不对', text: '为了安全没有打开。请稍后再试，还是不行请告诉科室。', again: true },
    bad_link: { title: '这个链接打不开', text: '它可能已经过期或不完整。请回到微信聊天里找随访助手。', again: false },
    chat_failed: { title: '没能打开聊天', text: '请再试一次，或者在微信消息列表里找到医院的随访助手。', again: true },
    old_wechat: { title: '微信版本太低', text: '请把微信更新到最新版，再打开这里。', again: false },
  },
}
