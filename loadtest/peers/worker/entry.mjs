// The entry point: a request goes in with one call, its headers as one text and its body as bytes.

import * as service from "./service_bg.js";
import module from "./service_bg.wasm";

const { exports } = new WebAssembly.Instance(module, { "./service_bg.js": service });
service.__wbg_set_wasm(exports);
exports.__wbindgen_start?.();

const EMPTY = new Uint8Array();
let isStarted = false;

export default {
  async fetch(request, env) {
    if (!isStarted) {
      service.start(env.JWT_SECRET);
      isStarted = true;
    }
    let headers = "";
    for (const [name, value] of request.headers) headers += name + "\n" + value + "\n";
    const body = request.body === null ? EMPTY : await request.bytes();
    const [status, names, content] = await service.handle(request.method, request.url, headers, body);
    const list = names.split("\n");
    const answer = new Headers();
    for (let at = 0; at + 1 < list.length; at += 2) answer.append(list[at], list[at + 1]);
    return new Response(content, { status, headers: answer });
  },
};
