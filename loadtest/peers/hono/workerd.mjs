// Hono on workerd.

import { make } from "./app.mjs";

export default make((c) => c.req.header("CF-Connecting-IP") ?? "127.0.0.1", (c) => c.env.JWT_SECRET);
