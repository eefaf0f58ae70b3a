// The entry point of a worker: starts the WebAssembly and hands events over to it.

import { DurableObject } from "cloudflare:workers";
import * as glue from "./glue.mjs";
import * as service from "./service_bg.js";
import module from "./service_bg.wasm";

const { exports } = new WebAssembly.Instance(module, { "./service_bg.js": service, "./glue.mjs": glue });
service.__wbg_set_wasm(exports);
exports.__wbindgen_start?.();
glue.connect(service);

// How long a body may take to arrive, in milliseconds; the service answers when that is over.
const BODY_TIMEOUT = service.body_timeout();

// The answer to a request that waits for its body.
function afterBody(request, number) {
  return new Promise((resolve, reject) => {
    const resume = (body, error) => {
      clearTimeout(timer);
      try {
        resolve(service.resume(number, body, error));
      } catch (panic) {
        reject(panic);
      }
    };
    const timer = setTimeout(resume, BODY_TIMEOUT);
    request.bytes().then(resume, (error) => resume(undefined, error ?? "the body cannot be read"));
  });
}

// An object of functions, not a class: the platform makes no instance of it for each request.
export default {
  fetch(request, env, context) {
    let response = service.fetch(request, env, context);
    if (typeof response === "number") response = afterBody(request, response);
    // What has begun is finished also when the client is gone: no write stops half-way, no memory stays behind.
    if (response instanceof Promise) context.waitUntil(response);
    return response;
  },

  async queue(batch, env) {
    const messages = batch.messages.map(({ id, attempts, body }) => ({ id, attempts, body }));
    const verdicts = JSON.parse(await service.queue(batch.queue, JSON.stringify(messages), env));
    verdicts.forEach((delaySeconds, at) => {
      const message = batch.messages[at];
      if (delaySeconds === null) message.ack();
      else message.retry({ delaySeconds });
    });
  },

  async scheduled(event, env) {
    await service.scheduled(event.cron, env);
  },
};

// Counts the requests of one key exactly: all of them come to this one object, one after the other.
export class RateLimiter extends DurableObject {
  // Start of the window, requests of the one before, requests of this one; then the window's length.
  #window = [];
  #hasAlarm = false;

  constructor(ctx, env) {
    super(ctx, env);
    ctx.blockConcurrencyWhile(async () => {
      this.#window = (await ctx.storage.get("window")) ?? [];
      this.#hasAlarm = (await ctx.storage.getAlarm()) !== null;
    });
  }

  // Counts so many requests where a window of so many milliseconds has room for so many: `[allowed, remaining,
  // reset, retry after]`.
  take(most, millis, requests) {
    const known = this.#window.slice(0, 3);
    const [start, before, current, ...decision] = service.rate_limit(known, most, millis, Date.now(), requests);
    const window = [start, before, current, millis];
    if (window.some((value, at) => value !== this.#window[at])) {
      this.#window = window;
      this.ctx.storage.put("window", window);
    }
    if (!this.#hasAlarm) this.#wake();
    return decision;
  }

  // The counters matter until two windows after they began.
  #wake() {
    const [start, , , millis] = this.#window;
    this.ctx.storage.setAlarm(start + 2 * millis);
    this.#hasAlarm = true;
  }

  // Nothing is kept of a key that is quiet.
  async alarm() {
    const [start, , , millis] = this.#window;
    if (Date.now() < start + 2 * millis) return this.#wake();
    await this.ctx.storage.deleteAll();
    this.#window = [];
    this.#hasAlarm = false;
  }
}
