// The chain of policies with Fastify and its own plug-ins.

import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import jwt from "@fastify/jwt";
import rateLimit from "@fastify/rate-limit";
import Fastify from "fastify";

const schema = JSON.parse(readFileSync(new URL("../new-user.schema.json", import.meta.url), "utf8"));
delete schema.$schema;
// So high that nothing is refused: it is counted all the same.
const RATE = { max: 1_000_000_000, timeWindow: 1000 };

const app = Fastify({
  logger: true,
  // One line for each request, not two: written by the hook below.
  disableRequestLogging: true,
  genReqId: (request) => request.headers["x-request-id"] ?? randomUUID(),
  ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
});

app.addHook("onRequest", async (request, reply) => {
  reply.header("x-request-id", request.id);
});
app.addHook("onResponse", async (request, reply) => {
  request.log.info({
    method: request.method,
    route: request.routeOptions.url,
    status: reply.statusCode,
    duration_ms: reply.elapsedTime,
    client: request.ip,
  }, "request");
});

await app.register(helmet, {
  global: true,
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  strictTransportSecurity: { maxAge: 31536000, includeSubDomains: true },
  referrerPolicy: { policy: "no-referrer" },
  xFrameOptions: { action: "deny" },
  crossOriginEmbedderPolicy: false,
  crossOriginOpenerPolicy: false,
  crossOriginResourcePolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xPoweredBy: false,
  xXssProtection: false,
});
await app.register(cors, { origin: ["https://app.example", "https://admin.example"] });
await app.register(jwt, {
  secret: process.env.JWT_SECRET,
  verify: { algorithms: ["HS256"], allowedIss: "peers", allowedAud: "peers" },
});
await app.register(rateLimit, { global: false });

app.get("/health", async () => ({ status: "ok" }));

await app.register(async (users) => {
  const byAddress = users.rateLimit({ ...RATE, keyGenerator: (request) => request.ip });
  const byUser = users.rateLimit({ ...RATE, keyGenerator: (request) => request.user.sub });
  users.addHook("onRequest", byAddress);
  users.addHook("onRequest", (request) => request.jwtVerify());
  users.addHook("onRequest", byUser);
  users.get("/api/me", async (request) => ({ id: request.user.sub, role: request.user.role }));
  users.post("/api/users", { schema: { body: schema } }, async (request, reply) => {
    reply.code(201);
    return { id: randomUUID(), email: request.body.email, name: request.body.name };
  });
});

await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
