const words = require('../words').consent

const AT_ONCE = 3 // WeChat takes no more in one question
const SWITCHED_OFF = 20004

// The template ids to ask for: long-term and one-time ones cannot be asked together, and a long-term one needs no second question.
function askable(templates) {
  const of = (kind) => templates.filter((template) => template.kind === kind).map((template) => template.id)
  const lasting = of('long_term')
  return (lasting.length ? lasting : of('one_time')).slice(0, AT_ONCE)
}

// Asks for agreement to reminders and resolves to {accepted, text}. To be called first thing in a tap, or WeChat refuses. What was
// agreed to WeChat tells the hospital itself.
function ask(ids) {
  return new Promise((resolve) => {
    const say = (name) => resolve({ accepted: name === 'accepted', text: words[name] })
    wx.requestSubscribeMessage({
      tmplIds: ids,
      success: (answer) => {
        const answers = ids.map((id) => answer[id])
        if (answers.includes('accept')) say('accepted')
        else say(answers.includes('reject') ? 'refused' : 'banned')
      },
      fail: ({ errCode }) => say(errCode === SWITCHED_OFF ? 'switched_off' : 'not_possible'),
    })
  })
}

module.exports = { askable, ask }
