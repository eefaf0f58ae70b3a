// Tickets: a small service written by hand with Fastify 5, its plugins and Ajv. `BROKEN` names known bad points, each a
// mistake that is easily made with this stack; without it the service does all that its spec says.
'use strict';

const crypto = require('node:crypto');
const { isIPv6 } = require('node:net');
const Fastify = require('fastify');
const Ajv = require('ajv');
const formats = require('ajv-formats');

const broken = new Set((process.env.BROKEN || '').split(',').filter(Boolean));
const secret = process.env.TOKEN_SECRET;
const issuer = 'https://tickets.example';
const audience = 'tickets';
const roles = ['user', 'admin'];
const tickets = new Map();

const app = Fastify({
  // Who is not on this machine is nobody's proxy.
  trustProxy: broken.has('believes-everybody') ? true : '127.0.0.1',
  bodyLimit: broken.has('no-body-cap') ? 64 * 1024 * 1024 : 4096,
  requestIdHeader: false,
  genReqId: requestId,
  // What is refused before there is a route has the same headers and form as everything else.
  frameworkErrors: (error, request, reply) => {
    reply.headers(securityHeaders()).header('x-request-id', request.id);
    reply.code(400).send({ statusCode: 400, error: 'Bad Request', message: 'The address is malformed.' });
  },
});

function requestId(raw) {
  const given = raw.headers['x-request-id'];
  const isProper = typeof given === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(given);
  if (given && broken.has('echoes-any-id')) return given;
  return isProper && !broken.has('own-ids-only') ? given : crypto.randomUUID();
}

function securityHeaders() {
  return {
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'strict-transport-security': 'max-age=15552000; includeSubDomains',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
  };
}

// Fastify's own Ajv changes what it is given: it removes members that are not declared, and turns texts into numbers.
const strict = { removeAdditional: false, coerceTypes: false, useDefaults: true, allErrors: false };
const bodies = formats(new Ajv(broken.has('drops-unknown') ? { ...strict, removeAdditional: true }
  : broken.has('coerces') ? { ...strict, coerceTypes: true } : strict));
const texts = formats(new Ajv({ ...strict, coerceTypes: true }));
app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? bodies : texts).compile(schema));

app.setSchemaErrorFormatter((errors, part) => {
  const [first] = errors;
  const extra = first.params.additionalProperty ? `: ${first.params.additionalProperty}` : '';
  return new Error(`${part}${first.instancePath} ${first.message}${extra}`);
});

app.addHook('onRequest', async (request, reply) => {
  reply.header('x-request-id', request.id);
  // Node takes the first of several hosts, and chunks in HTTP/1.0, which RFC 9112 (sections 3.2 and 6.1) does not.
  const { headersDistinct, httpVersion, headers } = request.raw;
  const isAmbiguous = (headersDistinct.host || []).length > 1
    || (httpVersion === '1.0' && headers['transfer-encoding'] !== undefined);
  if (isAmbiguous && !broken.has('plain-node')) {
    reply.header('connection', 'close');
    throw Object.assign(new Error('The request is ambiguous.'), { statusCode: 400 });
  }
});

app.register(require('@fastify/helmet'), {
  global: true,
  contentSecurityPolicy: { useDefaults: false, directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] } },
  frameguard: { action: 'deny' },
  strictTransportSecurity: broken.has('no-hsts') ? false : { maxAge: 15552000, includeSubDomains: true },
});

app.register(require('@fastify/cors'), {
  origin: broken.has('reflects-origin') ? true : broken.has('loose-origin') ? /tickets\.example/ : ['https://app.tickets.example'],
  methods: ['GET', 'POST', 'DELETE'],
  allowedHeaders: ['Authorization', 'Content-Type'],
  credentials: true,
  maxAge: 600,
});

app.register(require('@fastify/rate-limit'), {
  global: false,
  keyGenerator: (request) => network(request.ip),
});

// Who has one address of IP version 6 has all of its network of 64 bits.
function network(address) {
  if (broken.has('each-ipv6-address') || !isIPv6(address) || address.includes('.')) return address;
  const [left, right] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = right ? Array(8 - left.length - right.length).fill('0') : [];
  const groups = [...left, ...zeros, ...(right || [])].slice(0, 4);
  return `${groups.map((group) => parseInt(group, 16).toString(16)).join(':')}::/64`;
}

const limited = { rateLimit: { max: broken.has('limit-off-by-one') ? 31 : 30, timeWindow: '1 minute' } };

function decode(part) {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : null;
}

function object(bytes) {
  const value = JSON.parse(bytes.toString('utf8'));
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : null;
}

// The claims of a token that this service signed for itself (RFC 7519, RFC 8725), or nothing.
function verified(token) {
  const parts = token.split('.');
  const [header, payload, signature] = parts.map(decode);
  if (parts.length !== 3 || !header || !payload || signature === null) return null;
  const head = object(header);
  if (broken.has('alg-none') && head && String(head.alg).toLowerCase() === 'none') return object(payload);
  if (!head || head.alg !== 'HS256' || 'crit' in head || 'b64' in head) return null;
  const expected = crypto.createHmac('sha256', secret).update(`${parts[0]}.${parts[1]}`).digest();
  if (signature.length !== expected.length || !crypto.timingSafeEqual(signature, expected)) return null;
  const claims = object(payload);
  const now = Date.now() / 1000;
  const audiences = claims ? [].concat(claims.aud) : [];
  const isCurrent = claims && typeof claims.exp === 'number' && (claims.exp > now || broken.has('accepts-expired'))
    && (claims.nbf === undefined || claims.nbf <= now + 5);
  const isOurs = isCurrent && claims.iss === issuer && (audiences.includes(audience) || broken.has('any-audience'));
  const isSomebody = isOurs && typeof claims.sub === 'string' && claims.sub !== '' && roles.includes(claims.role);
  return isSomebody ? claims : null;
}

async function authenticate(request, reply) {
  const values = request.raw.headersDistinct.authorization || [];
  const [, token] = values.length === 1 ? /^Bearer ([^ ]+)$/i.exec(values[0]) || [] : [];
  let claims = null;
  try {
    claims = token ? verified(token) : null;
  } catch {
    claims = null;
  }
  if (!claims) {
    reply.header('www-authenticate', 'Bearer');
    throw Object.assign(new Error('A valid token is needed.'), { statusCode: 401 });
  }
  request.claims = claims;
}

async function administrators(request) {
  if (request.claims.role !== 'admin' && !broken.has('forgets-role')) {
    throw Object.assign(new Error('Only administrators may do this.'), { statusCode: 403 });
  }
}

app.setErrorHandler((error, request, reply) => {
  const status = error.validation ? 400 : error.statusCode || 500;
  const leaks = broken.has('stack-traces');
  const message = status >= 500 && !leaks ? 'Something went wrong.' : leaks ? error.stack : error.message;
  reply.code(status).send({ statusCode: status, error: require('node:http').STATUS_CODES[status], message });
});

const ticket = {
  type: 'object',
  required: ['title', 'priority', 'seats'],
  additionalProperties: false,
  properties: {
    title: { type: 'string', minLength: 1, maxLength: 80 },
    priority: { type: 'string', enum: ['low', 'high'] },
    seats: { type: 'integer', minimum: 1, maximum: 10 },
    contact: { type: 'string', format: 'email', maxLength: 100 },
  },
};
const page = {
  type: 'object',
  additionalProperties: false,
  properties: { limit: { type: 'integer', minimum: 1, maximum: 50 }, priority: { type: 'string', enum: ['low', 'high'] } },
};
const named = { type: 'object', properties: { id: { type: 'string', format: 'uuid' } } };

app.after(() => {
  app.get('/health', async (request, reply) => {
    reply.header('cache-control', broken.has('health-cached') ? 'public, max-age=60' : 'no-store');
    return { status: 'up' };
  });

  const who = { onRequest: authenticate, config: broken.has('no-limit') ? {} : limited };
  app.get('/tickets', { ...who, schema: { querystring: page } }, async (request) => {
    const { limit = 50, priority } = request.query;
    const found = [...tickets.values()].filter((one) => !priority || one.priority === priority);
    return { items: found.slice(0, limit) };
  });
  app.post('/tickets', { ...who, schema: { body: ticket } }, async (request, reply) => {
    const made = { id: crypto.randomUUID(), ...request.body };
    tickets.set(made.id, made);
    return reply.code(201).send(made);
  });
  app.get('/tickets/:id', { ...who, schema: { params: named } }, async (request, reply) => {
    const found = tickets.get(request.params.id);
    if (!found) throw Object.assign(new Error('There is no such ticket.'), { statusCode: 404 });
    return reply.send(found);
  });
  const forAdmins = { ...who, onRequest: [authenticate, administrators], schema: { params: named } };
  app.delete('/tickets/:id', forAdmins, async (request, reply) => {
    if (!tickets.delete(request.params.id)) {
      throw Object.assign(new Error('There is no such ticket.'), { statusCode: 404 });
    }
    return reply.code(204).send();
  });
  if (broken.has('debug-route')) app.get('/debug', async () => ({ tickets: tickets.size }));
});

process.on('SIGTERM', () => app.close().then(() => process.exit(0)));
app.listen({ host: process.env.HOST, port: Number(process.env.PORT) });
