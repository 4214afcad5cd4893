const words = require('../words')

// An error that a page can show: `code` names its words; `permanent` when trying again changes nothing.
function failure(code) {
  const known = code in words.failures ? code : 'busy'
  return Object.assign(new Error(known), { code: known, permanent: !words.failures[known].again })
}

// The notice of whatever was thrown; what we did not foresee is shown as a busy hospital, never as a blank page.
function notice(error) {
  return words.failures[failure(error && error.code).code]
}

module.exports = { failure, notice }
