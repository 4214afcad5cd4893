// What a hospital sets here; everything else comes from its CareLoop.
module.exports = {
  server: 'https://careloop.hospital.example', // where its CareLoop is reached: https, without a slash at the end
  corpId: 'ww0000000000000000', // its WeCom (企业 ID): a reminder opens the chat even while CareLoop cannot be reached
}
