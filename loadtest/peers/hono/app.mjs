// The chain of policies with Hono, its own middleware and zod.

import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { cors } from "hono/cors";
import { jwt } from "hono/jwt";
import { requestId } from "hono/request-id";
import { routePath } from "hono/route";
import { secureHeaders } from "hono/secure-headers";
import { z } from "zod";

// So high that nothing is refused: it is counted all the same.
const RATE = 10_000_000;
const WINDOW = 1000;

const newUser = z.strictObject({
  email: z.email().max(254),
  name: z.string().min(1).max(100),
  age: z.int().min(13).max(150),
  role: z.enum(["user", "editor", "admin"]),
  tags: z.array(z.string().min(1).max(32)).max(10),
  newsletter: z.boolean(),
});

// A fixed window in memory, for each key.
function limit(keyOf) {
  const windows = new Map();
  return async (c, next) => {
    const key = keyOf(c);
    const now = Date.now();
    let window = windows.get(key);
    if (window === undefined || now - window.start >= WINDOW) {
      window = { start: now, count: 0 };
      windows.set(key, window);
    }
    window.count += 1;
    if (window.count > RATE) return c.json({ title: "Too many requests", status: 429 }, 429);
    await next();
  };
}

// `addressOf` and `secretOf` say how the host tells them.
export function make(addressOf, secretOf) {
  const app = new Hono();
  app.use(requestId());
  app.use(async (c, next) => {
    const started = Date.now();
    await next();
    console.log(JSON.stringify({
      time: new Date().toISOString(),
      level: "info",
      request_id: c.get("requestId"),
      method: c.req.method,
      route: routePath(c, -1),
      status: c.res.status,
      duration_ms: Date.now() - started,
      client: addressOf(c),
    }));
  });
  app.use(secureHeaders({
    strictTransportSecurity: "max-age=31536000; includeSubDomains",
    xContentTypeOptions: "nosniff",
    xFrameOptions: "DENY",
    referrerPolicy: "no-referrer",
    contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    crossOriginResourcePolicy: false,
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  }));
  app.use(cors({ origin: ["https://app.example", "https://admin.example"] }));
  app.get("/health", (c) => c.json({ status: "ok" }));

  app.use("/api/*", limit(addressOf));
  app.use("/api/*", (c, next) => jwt({ secret: secretOf(c), alg: "HS256", verification: { iss: "peers", aud: "peers" } })(c, next));
  app.use("/api/*", limit((c) => c.get("jwtPayload").sub));
  app.get("/api/me", (c) => {
    const { sub, role } = c.get("jwtPayload");
    return c.json({ id: sub, role });
  });
  app.post("/api/users", zValidator("json", newUser), (c) => {
    const { email, name } = c.req.valid("json");
    return c.json({ id: crypto.randomUUID(), email, name }, 201);
  });
  return app;
}
