// The entry point of a worker: starts the WebAssembly and hands events over to it.

import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import * as glue from "./glue.mjs";
import * as service from "./service_bg.js";
import module from "./service_bg.wasm";

const { exports } = new WebAssembly.Instance(module, { "./service_bg.js": service, "./glue.mjs": glue });
service.__wbg_set_wasm(exports);
exports.__wbindgen_start?.();

export default class extends WorkerEntrypoint {
  fetch(request) {
    const response = service.fetch(request, this.env, this.ctx);
    // What has begun is finished also when the client is gone: no write stops half-way, no memory stays behind.
    this.ctx.waitUntil(response);
    return response;
  }

  async queue(batch) {
    const messages = batch.messages.map(({ attempts, body }) => ({ attempts, body }));
    const verdicts = JSON.parse(await service.queue(batch.queue, JSON.stringify(messages), this.env));
    verdicts.forEach((delaySeconds, at) => {
      const message = batch.messages[at];
      if (delaySeconds === null) message.ack();
      else message.retry({ delaySeconds });
    });
  }

  async scheduled(event) {
    await service.scheduled(event.cron, this.env);
  }
}

// Counts the requests of one key exactly: all of them come to this one object, one after the other.
export class RateLimiter extends DurableObject {
  #window = [];
  #until = 0;

  constructor(ctx, env) {
    super(ctx, env);
    ctx.blockConcurrencyWhile(async () => {
      this.#window = (await ctx.storage.get("window")) ?? [];
      this.#until = (await ctx.storage.getAlarm()) ?? 0;
    });
  }

  // How many requests in a window of so many milliseconds: `[allowed, remaining, reset, retry after]`.
  take(requests, millis) {
    const [start, before, current, ...decision] = service.rate_limit(this.#window, requests, millis, Date.now());
    const window = [start, before, current];
    if (window.some((value, at) => value !== this.#window[at])) {
      this.#window = window;
      this.ctx.storage.put("window", window);
      // One alarm a window is enough: it looks whether the counters still matter.
      const over = start + 2 * millis;
      if (this.#until < start) this.ctx.storage.setAlarm((this.#until = over));
    }
    return decision;
  }

  // Nothing is kept of a key that is quiet.
  async alarm() {
    await this.ctx.storage.deleteAll();
    this.#window = [];
    this.#until = 0;
  }
}
