const { readLaunch } = require('../app/lib/launch')
const { server } = require('../app/config')

// As the service signs them.
const reading = 'AAAAAAAAAAdpo-3FqE0mS2wz_1rYdT7k'

test.each([
  [{}, {}],
  [{ to: 'today' }, { next: '/h5/today' }],
  [{ scene: 'to%3Dcalendar' }, { next: '/h5/calendar' }],
  [{ scene: 'to=questionnaires' }, { next: '/h5/questionnaires' }],
  [{ q: encodeURIComponent(`${server}/h5/content/${reading}`) }, { next: `/h5/content/${reading}` }],
  [{ q: encodeURIComponent('https://work.weixin.qq.com/kfid/kfc1?enc_scene=E') }, { chat: 'https://work.weixin.qq.com/kfid/kfc1?enc_scene=E' }],
])('%j asks for %j', (query, wanted) => {
  expect(readLaunch(query)).toEqual(wanted)
})

test.each([
  { q: encodeURIComponent('https://evil.example/h5/today') },
  { q: encodeURIComponent(`${server}.evil.example/h5/today`) },
  { q: encodeURIComponent(`${server}@evil.example/h5/today`) },
  { q: encodeURIComponent(`${server}/console/patients`) },
  { q: encodeURIComponent(`${server}/h5/../console`) },
  { q: encodeURIComponent(`${server}/h5/\\evil.example`) },
  { q: '%E0%A4%A' },
  { q: 'https%3A%E0%A4%A' },
  { scene: '%E0%A4%A' },
  { scene: 'to%3D..%2Fconsole' },
  { to: '//evil.example' },
  { to: 'https://evil.example' },
  { to: 'x'.repeat(25) },
  { to: '<script>' },
])('%j asks for nothing that we open', (query) => {
  expect(readLaunch(query)).toEqual({})
})
