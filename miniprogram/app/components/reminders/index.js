const consent = require('../../lib/consent')
const session = require('../../lib/session')
const { notice } = require('../../lib/failure')

// The button by which a family agrees to reminders; `templates` are the hospital's. Without any there is no button.
Component({
  properties: { templates: { type: Array, value: [] } },
  data: { ids: [], said: '' },
  observers: {
    templates(templates) {
      this.setData({ ids: consent.askable(templates || []) })
    },
  },
  methods: {
    async onTap() {
      const { accepted, text } = await consent.ask(this.data.ids)
      this.setData({ said: text })
      if (accepted) await this.introduce()
    },
    // Without it the hospital knows that somebody agreed, but not whose parent.
    async introduce() {
      try {
        await session.introduce()
      } catch (error) {
        this.setData({ said: notice(error).text })
      }
    },
  },
})
