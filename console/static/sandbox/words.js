// Every word the sandbox itself says, in one place.

export const CLOCK = {
  label: "沙盒时间",
  forward: "快进",
  steps: [
    { text: "10 分钟", seconds: 600 },
    { text: "1 小时", seconds: 3600 },
    { text: "到明早 8 点", morning: true },
    { text: "1 天", seconds: 86400 },
    { text: "2 天", seconds: 172800 },
  ],
  moving: "时间正在走…",
  arrived: (when) => `时间到了 ${when}`,
};

export const LIVE = { on: "实时", off: "连接断开，正在重连" };

export const HINTS = {
  title: "可以这样试试",
  close: "不再提示",
  tries: ["宝宝今天6斤8两", "烧到38度5了，才两个月", "转人工"],
  more: "右边选护士，就能看到她收到的提醒；上面的“快进”可以让随访提前到来。",
};

export const SHEET = {
  title: "出院小结",
  hint: "新来的家长手里有这张纸。扫码绑定，或者回复“绑定孩子”，照着上面的号码发。",
  fields: { name: "姓名", record_number: "住院号", birth_date: "出生日期", phone: "登记电话" },
  scan: "扫码",
  next: "换一张",
};

export const PHONE = {
  home: "微信",
  tabs: ["微信", "通讯录", "发现", "我"],
  back: "返回",
  placeholder: "发消息",
  send: "发送",
  emoji: "表情",
  more: "更多",
  photo: "照片",
  voice: "语音",
  place: "位置",
  typing: "对方正在输入…",
  empty: "还没有聊天",
  recall: "撤回",
  retry: "没发出去，点这里重发",
  sending: "发送中",
  newcomer: "新访客",
  newcomerHint: "第一次来的家长，医院还不认识",
  newcomerNames: ["暖暖妈妈", "乐乐爸爸", "小满妈妈", "果果外婆", "一一妈妈", "豆包爸爸"],
  window: (span, left) => `医院还可主动发 ${left} 条 · ${span}后关闭`,
  windowShut: "回复窗口没开：家长先说一句，医院才能发消息",
  windowHelp: "微信规定：家长每说一句话，医院可在 48 小时内发 5 条消息",
  uploading: "正在发送图片…",
  tooBig: "图片超过 2 MB，微信客服收不到，请换一张小一点的",
  places: [
    { name: "阳光花园小区", address: "建设路 88 号", latitude: 31.2304, longitude: 121.4737 },
    { name: "市儿童医院（东门）", address: "健康大道 1 号", latitude: 31.2222, longitude: 121.4581 },
  ],
  emojis: [..."😀😊😂🥰😘😴😭😢😰😱😷🤒🤧🤮😡🙏👍👌💪👏🌹❤️🎉👶🍼💊🌡️☀️🌙🆘"].filter((c) => c !== "\ufe0f"),
};

export const CHAT = {
  bot: "随访助手",
  servicerNow: (name) => `以下为${name}的回复`,
  recalled: { mine: "你撤回了一条消息", other: "对方撤回了一条消息" },
  failed: "没有送达",
  image: "[图片]",
  voice: "[语音]",
  video: "[视频]",
  file: "[文件]",
  location: "[位置]",
  link: "[链接]",
  card: "[名片]",
  miniprogram: "[小程序]",
  menu: "[菜单]",
  other: "[这种消息沙盒不显示]",
  broken: "图片已过期",
  businessCard: "企业名片",
  acquire: "点击添加企业微信",
  member: "医护人员",
};

// Administrative sex as FHIR and the record abbreviate it.
export const SEX = { F: "女", M: "男", female: "女", male: "男" };

export const DESK = {
  members: "选择扮演的医护",
  inbox: "消息",
  service: "微信客服",
  work: "待办",
  unread: (count) => `${count} 条未读`,
  noCards: "还没有消息。家长说了要紧的话，提醒会出现在这里。",
  chosen: "已选择",
  choose: "请选择",
  submit: "提交",
  done: "已处理",
  recalled: "应用撤回了一条消息",
  menu: "更多操作",
  clicked: "已提交",
  open: "查看详情",
};

export const SERVICE = {
  groups: { pool: "待接入", mine: "我在接待", bot: "助手接待中", others: "同事接待中", ended: "已结束" },
  take: "接入",
  transfer: "转给同事",
  end: "结束会话",
  endSure: "确定结束？",
  reopen: "重新接入",
  send: "发送",
  back: "返回列表",
  none: "现在没有会话。家长说“转人工”后，会排在这里等人接。",
  pick: "选一个会话，看看聊了什么",
  placeholder: "以本人名义回复，Enter 发送",
  wechat: "@微信",
  notServicer: "不是这个客服账号的接待人员，看得到但接不了",
  duty: { on: "接待中", off: "已停止接待", pause: "暂停", resume: "恢复" },
  transferred: (name) => `已转给${name}`,
  states: {
    0: "家长刚发来消息，助手会先回",
    1: "助手正在接待，需要时会转到这里",
    2: "家长在排队等人工",
    3: (name) => `${name}正在接待`,
    4: "会话已结束，家长再说话由助手先接",
  },
  phrases: ["您好，我是护士，正在看您的消息", "麻烦量一下体温发给我", "请现在就带宝宝来急诊，到了联系我", "好的，有变化随时告诉我"],
};

export const WORK = {
  title: (name) => `${name}的待办`,
  none: "都处理完了，歇口气吧",
  kinds: {
    alert: "预警",
    flag: "预警",
    missed_task: "随访没答",
    missed: "随访没答",
    partial: "只答了一半",
    declined: "家长没空答",
    route_failed: "联系不上",
    undeliverable: "联系不上",
    stopped: "停了随访",
    unconfirmed: "待核对",
    question: "待回答",
  },
  noLevel: "随访",
  all: "全部",
  levels: { emergency: "危急", urgent: "紧急", same_day: "当天", routine: "一般" },
  states: { open: "未处理", raised: "待确认", delivered: "已送达", acknowledged: "已确认", closed: "已关闭", missed: "已错过", failed: "没送到" },
};

export const ERRORS = {
  offline: "连不上服务，请检查服务是否还在运行",
  unknown: "没有成功，请再试一次",
  // The platform's codes, and HTTP statuses of the simulator's control calls.
  codes: {
    95013: "会话已经结束了",
    95014: "这位同事不是接待人员",
    95016: "会话现在不能这样操作",
    95019: "这位同事已停止接待",
    400: "内容不完整，请再试一次",
    404: "没有找到，请刷新页面",
    409: "状态已经变了，现在不能这样操作",
  },
  send: "消息没发出去",
};
