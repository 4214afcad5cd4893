const fs = require('fs')
const path = require('path')
const { Wechat } = require('./wechat')
const { failure, notice } = require('../app/lib/failure')
const words = require('../app/words')

const APP = path.join(__dirname, '../app')
const app = JSON.parse(fs.readFileSync(path.join(APP, 'app.json'), 'utf8'))
const files = fs.readdirSync(APP, { recursive: true }).map((name) => path.join(APP, name)).filter((name) => fs.statSync(name).isFile())

test('every page that is announced is there with its four files', () => {
  const names = app.pages.flatMap((page) => ['js', 'json', 'wxml', 'wxss'].map((end) => path.join(APP, `${page}.${end}`)))
  expect(names.filter((name) => !fs.existsSync(name))).toEqual([])
})

test('a page that is gone leads home', () => {
  const wechat = new Wechat()
  global.App = (definition) => (global.app = definition)
  require('../app/app')
  global.app.onPageNotFound({ path: 'pages/old', query: {} })
  expect(wechat.went).toEqual(['reLaunch /pages/start/index'])
})

test('every failure that the code names has words, and every one of the words is used', () => {
  const code = files.filter((name) => name.endsWith('.js') && !name.endsWith('words.js')).map((name) => fs.readFileSync(name, 'utf8')).join()
  expect(Object.keys(words.failures).filter((name) => !code.includes(`'${name}'`))).toEqual([])
  const named = [...code.matchAll(/failure\('(\w+)'\)/g)].map((match) => match[1])
  expect(named.filter((name) => !(name in words.failures))).toEqual([])
})

test('what nobody foresaw is shown as a busy hospital', () => {
  expect(notice(new TypeError('x is undefined')).title).toBe('医院的系统正忙')
  expect(failure('not_ready').permanent).toBe(true)
})

test('the whole is far below what WeChat takes, and holds no secret of an account', () => {
  expect(files.reduce((sum, name) => sum + fs.statSync(name).size, 0)).toBeLessThan(150_000)
  expect(files.filter((name) => /appsecret|secret\s*[:=]/i.test(fs.readFileSync(name, 'utf8')))).toEqual([])
})
