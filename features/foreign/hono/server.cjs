// Notes: a small service written by hand with Hono 4 on Node, its middleware and zod. `BROKEN` names known bad points, each
// a mistake that is easily made with this stack; without it the service does all that its spec says.
'use strict';

const { isIPv6 } = require('node:net');

const { Hono } = require('hono');
const { HTTPException } = require('hono/http-exception');
const { bodyLimit } = require('hono/body-limit');
const { cors } = require('hono/cors');
const { requestId } = require('hono/request-id');
const { secureHeaders } = require('hono/secure-headers');
const { verify } = require('hono/jwt');
const { serve } = require('@hono/node-server');
const { getConnInfo } = require('@hono/node-server/conninfo');
const { z } = require('zod');

const broken = new Set((process.env.BROKEN || '').split(',').filter(Boolean));
const secret = process.env.TOKEN_SECRET;
const listed = ['https://notes.example', 'https://beta.notes.example'];
const notes = new Map();
const app = new Hono();

function problem(c, status, title, { headers, ...more } = {}) {
  const body = { type: 'about:blank', title, status, requestId: c.get('requestId'), ...more };
  return c.body(JSON.stringify(body), status, { 'content-type': 'application/problem+json', ...headers });
}

class Refusal extends Error {
  constructor(status, title, more) {
    super(title);
    Object.assign(this, { status, title, more });
  }
}

app.use(requestId({ limitLength: 128, ...(broken.has('own-ids-only') ? { headerName: '' } : {}) }));
if (broken.has('own-ids-only')) {
  app.use(async (c, next) => {
    await next();
    c.header('x-request-id', c.get('requestId'));
  });
}

// Node takes the first of several hosts, and chunks in HTTP/1.0, which RFC 9112 (sections 3.2 and 6.1) does not.
app.use((c, next) => {
  const { headersDistinct, httpVersion, headers } = c.env.incoming;
  const isAmbiguous = (headersDistinct.host || []).length > 1
    || (httpVersion === '1.0' && headers['transfer-encoding'] !== undefined);
  if (isAmbiguous) throw new Refusal(400, 'The request is ambiguous.', { headers: { connection: 'close' } });
  return next();
});

const headers = secureHeaders({
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  strictTransportSecurity: 'max-age=31536000',
  xFrameOptions: broken.has('framable') ? false : 'DENY',
});
app.use(async (c, next) => {
  await headers(c, next);
  // What is easily forgotten: an error is an answer, too.
  if (broken.has('bare-errors') && c.res.status >= 400) {
    for (const name of ['content-security-policy', 'x-content-type-options']) c.res.headers.delete(name);
  }
});

// The proxy on this machine adds whom it saw to the end of what it was told.
function client(c) {
  const peer = getConnInfo(c).remote.address;
  const told = (c.req.header('x-forwarded-for') || '').split(',').map((part) => part.trim());
  if (broken.has('believes-first')) return network(told[0] || peer);
  return network(peer === '127.0.0.1' && told.at(-1) ? told.at(-1) : peer);
}

// Who has one address of IP version 6 has all of its network of 64 bits.
function network(address) {
  if (broken.has('each-ipv6-address') || !isIPv6(address) || address.includes('.')) return address;
  const [left, right] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = right ? Array(8 - left.length - right.length).fill('0') : [];
  const groups = [...left, ...zeros, ...(right || [])].slice(0, 4);
  return `${groups.map((group) => parseInt(group, 16).toString(16)).join(':')}::/64`;
}

const windows = new Map();
const [most, seconds] = [25, 60];

function count(address) {
  const now = Date.now() / 1000;
  let window = windows.get(address);
  if (!window || window.ends <= now) {
    window = { used: 0, ends: now + seconds };
    windows.set(address, window);
  }
  window.used += 1;
  return { left: Math.max(most - window.used, 0), isOver: window.used > most, until: Math.ceil(window.ends - now) };
}

async function limited(c, next) {
  const { left, isOver, until } = count(client(c));
  const told = { ratelimit: `"address";r=${left};t=${until}`, 'ratelimit-policy': `"address";q=${most};w=${seconds}` };
  if (isOver && !broken.has('limit-only-told')) {
    const wait = broken.has('no-retry-after') ? {} : { 'retry-after': String(until) };
    return problem(c, 429, 'Too Many Requests', { headers: { ...told, ...wait } });
  }
  await next();
  for (const [name, value] of Object.entries(told)) c.res.headers.set(name, value);
}
const limit = async (c, next) => {
  const isRoute = c.req.path === '/notes' || c.req.path.startsWith('/notes/');
  const isFree = c.req.path === '/health' && !broken.has('health-limited');
  return isFree || (broken.has('strays-unlimited') && !isRoute) ? next() : limited(c, next);
};
// Preflight requests are answered by what comes next, so they are counted before it; a refusal of any other request is one
// that a listed page can read.
app.use((c, next) => (c.req.method === 'OPTIONS' ? limit(c, next) : next()));
if (broken.has('no-vary')) {
  app.use(async (c, next) => {
    await next();
    c.res.headers.delete('vary');
  });
}
app.use(cors({
  origin: (origin) => (listed.includes(origin) || (broken.has('null-origin') && origin === 'null')
    || (broken.has('any-suffix') && origin.endsWith('notes.example')) ? origin : null),
  allowMethods: ['GET', 'POST'],
  allowHeaders: ['Authorization', 'Content-Type'],
  maxAge: 300,
}));

app.use((c, next) => (c.req.method === 'OPTIONS' ? next() : limit(c, next)));

async function authenticate(c, next) {
  const [, token] = /^Bearer ([^ ,]+)$/i.exec(c.req.header('authorization') || '') || [];
  let claims = null;
  try {
    const checks = { alg: 'HS256', iss: broken.has('any-issuer') ? undefined : 'https://notes.example' };
    claims = token ? await verify(token, secret, checks) : null;
    const isOurs = claims && typeof claims.sub === 'string' && claims.sub !== '' && claims.aud === 'notes'
      && (typeof claims.exp === 'number' || broken.has('never-expires'));
    claims = isOurs && isCanonical(token) ? claims : null;
  } catch {
    claims = null;
  }
  const isNobody = !c.req.header('authorization') && c.req.method === 'GET';
  if (!claims && !(broken.has('open-list') && isNobody)) {
    throw new Refusal(401, 'A valid token is needed.', { headers: { 'www-authenticate': 'Bearer' } });
  }
  await next();
}

// The middleware's decoder also takes padding and asks nothing about extensions of the header.
function isCanonical(token) {
  const parts = token.split('.');
  const bytes = parts.map((part) => Buffer.from(part, 'base64url'));
  const head = JSON.parse(bytes[0].toString());
  return parts.every((part, at) => bytes[at].toString('base64url') === part) && !('crit' in head) && !('b64' in head);
}

// JSON Schema counts characters, `length` counts UTF-16 units.
const within = (least, longest) => z.string().refine((text) => {
  const length = broken.has('utf16-lengths') ? text.length : [...text].length;
  return length >= least && length <= longest;
}, { message: `must have ${least} to ${longest} characters` });
const members = {
  title: within(1, 60),
  text: within(0, 500),
  kind: z.enum(['plain', 'rich']),
  stars: z.number().int().min(0).max(5).optional(),
};
const NewNote = broken.has('unknown-accepted') ? z.object(members) : z.strictObject(members);
const Page = z.strictObject({
  limit: z.string().regex(/^[0-9]{1,3}$/).transform(Number).pipe(z.number().min(1).max(100)).optional(),
});

function checked(schema, value) {
  const found = schema.safeParse(value);
  if (found.success) return found.data;
  const errors = found.error.issues.flatMap((issue) => (issue.keys || [undefined]).map((key) => ({
    path: [...issue.path, ...(key ? [key] : [])].join('.'), message: issue.message,
  })));
  throw new Refusal(422, 'What was sent is not valid.', { errors });
}

async function json(c) {
  const kind = (c.req.header('content-type') || '').split(';')[0].trim().toLowerCase();
  if (kind !== 'application/json' && !broken.has('any-content-type')) throw new Refusal(415, 'Send application/json.');
  if (broken.has('malformed-is-500')) return c.req.json();
  try {
    // Bytes that are no UTF-8 are no JSON.
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await c.req.arrayBuffer()));
  } catch (error) {
    if (error.name === 'BodyLimitError') throw error;
    throw new Refusal(400, 'The body is no JSON.');
  }
}

const capped = bodyLimit({ maxSize: broken.has('no-body-cap') ? 1 << 26 : 4096, onError: () => { throw new Refusal(413, 'The body is too large.'); } });

app.get('/health', (c) => {
  const status = broken.has('health-always-503') ? 503 : 200;
  return c.json({ status: 'ok', version: broken.has('wrong-version') ? '0.9.0' : '2.3.0', timestamp: new Date().toISOString() }, status, {
    'cache-control': 'no-store',
  });
});
app.get('/notes', authenticate, (c) => {
  const { limit = 100 } = checked(Page, c.req.query());
  return c.json({ items: [...notes.values()].slice(0, limit) });
});
app.post('/notes', authenticate, capped, async (c) => {
  const note = { id: String(notes.size + 1), ...checked(NewNote, await json(c)) };
  notes.set(note.id, note);
  return c.json(note, 201);
});
app.get('/notes/:id{[0-9]{1,9}}', authenticate, (c) => {
  const found = notes.get(c.req.param('id'));
  if (!found) throw new Refusal(404, 'There is no such note.');
  return c.json(found);
});

app.notFound((c) => problem(c, 404, 'There is nothing here.'));
app.onError((error, c) => {
  if (broken.has('stack-traces')) return problem(c, error.status || 500, 'Something went wrong.', { detail: error.stack, ...error.more });
  if (error instanceof Refusal) return problem(c, error.status, error.title, error.more);
  if (error instanceof HTTPException) return problem(c, error.status, 'The request is refused.');
  return problem(c, 500, 'Something went wrong.');
});

const server = serve({ fetch: app.fetch, hostname: process.env.HOST, port: Number(process.env.PORT) });
process.on('SIGTERM', () => server.close(() => process.exit(0)));
