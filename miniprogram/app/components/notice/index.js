// What went wrong, in words, with a button where trying again can help.
Component({
  properties: { what: { type: Object, value: null } },
  methods: {
    onAgain() {
      this.triggerEvent('again')
    },
  },
})
