// The simulator's stand-in for WeCom's script: `ww`, as far as pages beside a chat use it.
(() => {
  const root = document.currentScript.src.replace(/\/client\/wecom-jssdk\.js.*$/, "");
  const contact = () => decodeURIComponent(location.hash.slice(1));
  const call = (name, code = 0) => (code === 0 ? { errMsg: `${name}:ok`, errCode: 0 } : Promise.reject({ errMsg: `${name}:fail`, errCode: code }));
  let given = null, ready = null;

  const post = async (path, body) => {
    const answer = await fetch(root + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    return (await answer.json()).errcode;
  };

  async function check(kind, sign) {
    const url = location.href.split("#")[0], { nonceStr, timestamp, signature } = await sign(url);
    return post("/sim/client/check", { kind, url, nonceStr, timestamp: String(timestamp), signature });
  }

  async function configure() {
    if (await check("jsapi", given.getConfigSignature)) { given.onConfigFail?.({ errMsg: "config:fail" }); throw { errMsg: "config:fail", errCode: 40093 }; }
    if (await check("agent", given.getAgentConfigSignature)) { given.onAgentConfigFail?.({ errMsg: "agentConfig:fail" }); throw { errMsg: "agentConfig:fail", errCode: 40093 }; }
  }
  const configured = () => (ready ??= configure());

  window.ww = {
    register(options) { given = options; ready = null; },
    async getContext() { await configured(); return { ...call("getContext"), entry: contact() ? "single_kf_tools" : "normal" }; },
    async getCurExternalContact() { await configured(); return contact() ? { ...call("getCurExternalContact"), userId: contact() } : call("getCurExternalContact", 1); },
    async sendChatMessage(message) { await configured(); return call("sendChatMessage", await post("/sim/client/share", { external_userid: contact(), message })); },
  };
})();
