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

// What comes of anything in a service whose configuration is wrong.
const NOT_STARTED = JSON.stringify({ others: [], ends: [], full: true, close: [1011, "the room cannot be kept now"] });

// A room: all who are in it are connected to this one object, which the platform lets sleep while nobody says anything.
// What is known of each is kept with the connection, and what comes of what happens is decided by the service, so that
// nothing is lost when it sleeps.
export class Room extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    // Clients that ask whether the room is still there are answered while it sleeps.
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    const seats = ctx.getWebSockets().length;
    if (seats > 0) this.#tell({ event: "woken", seats });
  }

  // The service sends only those here who may enter; everything about them is in one header.
  async fetch(request) {
    const seat = JSON.parse(decodeURIComponent(request.headers.get("proofline-seat")));
    const there = this.#there();
    const told = this.#tell({ event: "enter", seat, seats: there.map(seatOf) });
    if (told.full) return new Response(null, { status: 409 });
    const { 0: theirs, 1: ours } = new WebSocketPair();
    this.ctx.acceptWebSocket(ours);
    await this.#apply(told, ours, there);
    return new Response(null, { status: 101, webSocket: theirs });
  }

  async webSocketMessage(socket, message) {
    const text = typeof message === "string" ? message : null;
    const told = this.#tell({ event: "hear", seat: seatOf(socket), text });
    await this.#apply(told, socket, this.#there());
  }

  async webSocketClose(socket, code) {
    const told = this.#tell({ event: "leave", seat: seatOf(socket), code });
    await this.#apply(told, socket, this.#there());
    // What a client may say, and what only stands for that it said nothing, are different codes.
    end(socket, code === 1005 || code === 1006 || code === 1015 ? 1000 : code, "");
  }

  async webSocketError(socket) {
    await this.webSocketClose(socket, 1006);
  }

  async alarm() {
    const there = this.#there();
    const answered = there.map((socket) => this.ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0);
    await this.#apply(this.#tell({ event: "wake", seats: there.map(seatOf), answered }), undefined, there);
  }

  // Those who are there; a connection that is being closed is listed until the client has agreed.
  #there() {
    return this.ctx.getWebSockets().filter((socket) => socket.readyState === WebSocket.OPEN);
  }

  #tell(event) {
    return JSON.parse(service.room(JSON.stringify(event), this.env) || NOT_STARTED);
  }

  // `socket` is whose event it was, `there` those who were there.
  async #apply(told, socket, there) {
    if (told.seat) remember(socket, told.seat);
    for (const [at, seat, [code, reason]] of told.ends) {
      remember(there[at], seat);
      end(there[at], code, reason);
    }
    if (told.reply) send(socket, told.reply);
    for (const other of there) {
      if (other !== socket && !seatOf(other).gone) for (const text of told.others) send(other, text);
    }
    if (told.close) end(socket, ...told.close);
    if (told.wake) await this.ctx.storage.setAlarm(told.wake);
  }
}

function seatOf(socket) {
  return JSON.parse(socket.deserializeAttachment());
}

function remember(socket, seat) {
  socket.serializeAttachment(JSON.stringify(seat));
}

// Who is gone already hears nothing; that they are is told by an event of its own.
function send(socket, text) {
  try {
    socket.send(text);
  } catch {}
}

function end(socket, code, reason) {
  try {
    socket.close(code, reason);
  } catch {}
}
