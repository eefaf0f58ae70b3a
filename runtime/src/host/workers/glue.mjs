// What the worker asks of the platform: each function does in one call from WebAssembly what would otherwise take many.
// Texts that hold several values have one value a line; nothing that is put into them can hold a line's end.

// --- Requests and answers

// Method, URL, whether there is a body, country and data centre where they are wanted, then names and values of the
// headers. The body is asked for only when no length tells of it, as the platform makes a stream of it then.
export function head(request, place) {
  let headers = "";
  let length;
  for (const [name, value] of request.headers) {
    headers += "\n" + name + "\n" + value;
    if (name === "content-length") length = value;
  }
  const isEmpty = length === undefined ? request.body === null : length === "0";
  const where = place ? `${request.cf?.country ?? ""} ${request.cf?.colo ?? ""}` : "";
  return request.method + "\n" + request.url + "\n" + (isEmpty ? "0" : "1") + "\n" + where + headers;
}

export function whole_body(request) {
  return request.bytes();
}

// So much of a stream is in memory at once.
const PIECE = 256 * 1024;

export function reader(request) {
  return request.body.getReader({ mode: "byob" });
}

export async function chunk(reader) {
  const { done, value } = await reader.read(new Uint8Array(PIECE));
  return done ? undefined : value;
}

// What is not read to its end is given back to the platform.
export function leave(reader) {
  reader.cancel().catch(() => {});
}

// Headers that many answers have alike. To make such an object costs the platform more than the whole request costs us,
// to copy one costs little.
const alike = new Map();
const MOST_ALIKE = 256;

function list(headers) {
  const list = [];
  const parts = headers.split("\n");
  for (let at = 0; at + 1 < parts.length; at += 2) list.push([parts[at], parts[at + 1]]);
  return list;
}

// `own` are the headers of this answer alone, each of which it has once; `common` those that others have too.
// A view into the memory of WebAssembly lives no longer than the call, so the body is copied.
export function answer(status, own, common, body) {
  let headers = alike.get(common);
  if (headers === undefined) {
    if (alike.size >= MOST_ALIKE) alike.clear();
    headers = new Headers(list(common));
    alike.set(common, headers);
  }
  const bodyless = status === 204 || status === 205 || status === 304;
  const response = new Response(bodyless ? null : body.slice(), { status, headers });
  for (const [name, value] of list(own)) response.headers.set(name, value);
  return response;
}

// The client's connection becomes the other end of this WebSocket.
export function switch_protocols(own, common, webSocket) {
  return new Response(null, { status: 101, webSocket, headers: [...list(common), ...list(own)] });
}

// What the entry point exports, for pieces of answers.
let service;

export function connect(exports) {
  service = exports;
}

// An answer whose body of so many bytes is made while it is sent, no faster than it is taken.
export function answer_in_pieces(status, own, common, length, number) {
  const { readable, writable } = new FixedLengthStream(length);
  fill(writable.getWriter());
  const response = new Response(readable, { status, headers: list(common) });
  for (const [name, value] of list(own)) response.headers.set(name, value);
  return response;

  async function fill(writer) {
    try {
      for (let piece; (piece = await service.piece(number)) !== undefined; ) await writer.write(piece);
      await writer.close();
    } catch (error) {
      // Who does not want the rest has it no more; who misses some sees that it is too short.
      service.leave_pieces(number);
      await writer.abort(error).catch(() => {});
    }
  }
}

// Lets some work go on after the answer.
export function extend(context, work) {
  context.waitUntil(work);
}

// --- Time, randomness, the log

export function now() {
  return Date.now();
}

export function timer(millis) {
  const timer = {};
  timer.done = new Promise((resolve) => {
    timer.id = setTimeout(resolve, millis);
  });
  return timer;
}

export function wait(timer) {
  return timer.done;
}

export function cancel(timer) {
  clearTimeout(timer.id);
}

export function random(length) {
  return crypto.getRandomValues(new Uint8Array(length));
}

export function log(level, line) {
  if (level === 3) console.error(line);
  else if (level === 2) console.warn(line);
  else console.log(line);
}

export function data_point(dataset, blobs, duration) {
  const texts = blobs.split("\n");
  dataset.writeDataPoint({ indexes: [texts[0].slice(0, 96)], blobs: texts, doubles: [duration, 1] });
}

// --- Bindings

export function variable(env, name) {
  const value = env[name];
  return typeof value === "string" ? value : undefined;
}

export function binding(env, name) {
  const value = env[name];
  return typeof value === "object" && value !== null ? value : undefined;
}

// Runs statements, all or none: `[[sql, [parameter…]]…]` in, `[[rows, changed]…]` out, after a line with the bookmark.
// `from` says from where on they see a database that has copies; without it the database itself is asked.
export async function d1(database, batch, from) {
  const session = from === "" ? database : database.withSession(from);
  const statements = JSON.parse(batch).map(([sql, parameters]) => session.prepare(sql).bind(...parameters));
  const results = await session.batch(statements);
  const bookmark = from === "" ? "" : (session.getBookmark() ?? "");
  return bookmark + "\n" + JSON.stringify(results.map(({ results, meta }) => [results ?? [], meta.changes ?? 0]));
}

export async function kv_get(store, key) {
  const { value, metadata } = await store.getWithMetadata(key, "arrayBuffer");
  if (value === null || (metadata?.until ?? Infinity) <= Date.now()) return undefined;
  return new Uint8Array(value);
}

// The platform keeps a value for a minute at least; when it ends sooner, its metadata says so.
export async function kv_put(store, key, value, millis) {
  const expirationTtl = Math.max(60, Math.ceil(millis / 1000));
  await store.put(key, value.slice().buffer, { expirationTtl, metadata: { until: Date.now() + millis } });
}

export async function kv_delete(store, key) {
  await store.delete(key);
}

// `[media type, entity tag, bytes]`.
export async function r2_get(bucket, key) {
  const object = await bucket.get(key);
  if (object === null) return undefined;
  return [object.httpMetadata?.contentType ?? "", object.etag, new Uint8Array(await object.arrayBuffer())];
}

// `[media type, entity tag, size, time in milliseconds]`.
export async function r2_head(bucket, key) {
  const object = await bucket.head(key);
  if (object === null) return undefined;
  return [object.httpMetadata?.contentType ?? "", object.etag, object.size, object.uploaded.getTime()];
}

// A reader of a part of the file that has this entity tag.
export async function r2_read(bucket, key, etag, offset, length) {
  const object = await bucket.get(key, { range: { offset, length }, onlyIf: { etagMatches: etag } });
  if (!object?.body) throw new Error("the file was replaced or removed while it was read");
  return object.body.getReader({ mode: "byob" });
}

export async function r2_begin(bucket, key, contentType) {
  return await bucket.createMultipartUpload(key, { httpMetadata: { contentType } });
}

export async function r2_part(upload, number, bytes) {
  return await upload.uploadPart(number, bytes.slice());
}

export async function r2_complete(upload, parts) {
  const { etag } = await upload.complete(parts);
  return etag;
}

export async function r2_abort(upload) {
  await upload.abort();
}

export async function r2_list(bucket, prefix) {
  const keys = [];
  for (let cursor; ; ) {
    const page = await bucket.list({ prefix, cursor });
    keys.push(...page.objects.map(({ key }) => key));
    if (!page.truncated) return JSON.stringify(keys);
    cursor = page.cursor;
  }
}

export async function r2_put(bucket, key, bytes, contentType) {
  const { etag } = await bucket.put(key, bytes.slice(), { httpMetadata: { contentType } });
  return etag;
}

export async function r2_delete(bucket, key) {
  await bucket.delete(key);
}

// The vector of a text.
export async function ai_embed(ai, model, text) {
  const { data } = await ai.run(model, { text: [text] });
  if (!Array.isArray(data?.[0])) throw new Error("the model made no vector");
  return Float32Array.from(data[0]);
}

export async function vectorize_upsert(index, id, vector) {
  await index.upsert([{ id, values: Array.from(vector) }]);
}

export async function vectorize_remove(index, id) {
  await index.deleteByIds([id]);
}

// Ids, the nearest first.
export async function vectorize_nearest(index, vector, topK) {
  const { matches } = await index.query(Array.from(vector), { topK, returnValues: false, returnMetadata: "none" });
  return matches.map(({ id }) => id);
}

// How many numbers a vector has.
export async function vectorize_size(index) {
  const about = await index.describe();
  return about.dimensions ?? about.config?.dimensions;
}

export async function send(queue, message) {
  await queue.send(JSON.parse(message), { contentType: "json" });
}

// Counts one request of a key: `[allowed, remaining, reset, retry after]`, times in milliseconds.
export async function take(counters, name, most, window, requests) {
  return new Float64Array(await counters.getByName(name).take(most, window, requests));
}

// Takes a seat in a room: the WebSocket's other end, or nothing where the room is full.
export async function enter(rooms, name, seat) {
  const headers = { upgrade: "websocket", "proofline-seat": encodeURIComponent(seat) };
  const response = await rooms.getByName(name).fetch("https://room.invalid/", { headers });
  if (response.status !== 101 && response.status !== 409) throw new Error(`it answered ${response.status}`);
  return response.webSocket ?? undefined;
}

export async function limit(limiter, key) {
  const { success } = await limiter.limit({ key });
  return success;
}

// Calls another service: `[status, headers, body]`. Never follows a redirect.
export async function call(service, base, path, query, method, headers, body, millis, most) {
  const root = new URL(base);
  const folder = root.pathname.endsWith("/") ? root.pathname : root.pathname + "/";
  const url = new URL(base);
  url.pathname = folder + path.slice(1);
  url.search = query;
  if (url.host !== root.host || !url.pathname.startsWith(folder)) throw new Error("proofline:path");
  const init = { method, headers: list(headers), redirect: "manual", signal: AbortSignal.timeout(millis) };
  if (body.length > 0) init.body = body.slice();
  const response = await (service ?? globalThis).fetch(new Request(url, init));
  const chunks = [];
  let length = 0;
  if (response.body !== null) {
    for await (const chunk of response.body) {
      length += chunk.length;
      if (length > most) throw new Error("proofline:large");
      chunks.push(chunk);
    }
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  let text = "";
  for (const [name, value] of response.headers) text += name + "\n" + value + "\n";
  return [response.status, text, whole];
}

export function field(list, at) {
  return list[at];
}

export function explain(error) {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

// --- Signatures (RS256)

const RS256 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

function base64url(bytes) {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function from_base64url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}

// What WebAssembly hands over may move while something is waited for: it is copied before.
export async function rsa_verify(modulus, exponent, message, signature) {
  const [signed, made] = [message.slice(), signature.slice()];
  const jwk = { kty: "RSA", alg: "RS256", n: base64url(modulus), e: base64url(exponent) };
  const key = await crypto.subtle.importKey("jwk", jwk, RS256, false, ["verify"]);
  return crypto.subtle.verify(RS256.name, key, made, signed);
}

export async function rsa_sign(pkcs8, message) {
  const signed = message.slice();
  const key = await crypto.subtle.importKey("pkcs8", pkcs8.slice(), RS256, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign(RS256.name, key, signed));
}

// `[modulus, exponent]` of a private key.
export async function rsa_public(pkcs8) {
  const key = await crypto.subtle.importKey("pkcs8", pkcs8.slice(), RS256, true, ["sign"]);
  const { n, e } = await crypto.subtle.exportKey("jwk", key);
  return [from_base64url(n), from_base64url(e)];
}
