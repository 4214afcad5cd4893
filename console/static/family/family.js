// What makes an entry easier for a thumb. Every page works without it.

for (const box of document.querySelectorAll('[data-value]')) {
  const number = box.querySelector('input[inputmode]')
  const slide = box.querySelector('[data-slide]')
  const digits = (slide.step.split('.')[1] || '').length
  const low = Number(slide.min), high = Number(slide.max)

  slide.addEventListener('input', () => { number.value = Number(slide.value).toFixed(digits) })
  number.addEventListener('input', () => {
    const value = Number(number.value)
    if (number.value && Number.isFinite(value)) slide.value = String(Math.min(high, Math.max(low, value)))
  })
  for (const button of box.querySelectorAll('[data-step]')) {
    button.addEventListener('click', () => {
      const from = number.value === '' ? Number(slide.value) : Number(number.value) + Number(button.dataset.step) * Number(slide.step)
      const value = Math.max(0, Number.isFinite(from) ? from : Number(slide.value))
      number.value = value.toFixed(digits)
      slide.value = number.value
    })
  }
}

// 都没有 and the signs exclude each other.
for (const none of document.querySelectorAll('[data-none]')) {
  const others = [...none.form.querySelectorAll('input[type=checkbox]')].filter((each) => each !== none)
  none.addEventListener('change', () => { if (none.checked) for (const each of others) each.checked = false })
  for (const each of others) each.addEventListener('change', () => { if (each.checked) none.checked = false })
}

// A second tap sends nothing; going back makes the form usable again.
for (const form of document.querySelectorAll('form[data-once]')) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) event.preventDefault()
    form.dataset.sent = '1'
    form.setAttribute('aria-busy', 'true')
  })
}
window.addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-once]')) {
    delete form.dataset.sent
    form.removeAttribute('aria-busy')
  }
})

// The link's own page: a phone that runs scripts needs no tap.
document.querySelector('form[data-send-now]')?.requestSubmit()
