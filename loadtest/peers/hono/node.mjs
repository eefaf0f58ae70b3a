// Hono on Node.

import { serve } from "@hono/node-server";
import { getConnInfo } from "@hono/node-server/conninfo";
import { make } from "./app.mjs";

const app = make((c) => getConnInfo(c).remote.address, () => process.env.JWT_SECRET);
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(process.env.PORT) });
