// A worker for tests: passes batches on to the D1 database whose name is the path, as the runtime's own worker does.
import { d1, explain } from "./glue.mjs";

export default {
  async fetch(request, env) {
    try {
      const database = env[new URL(request.url).pathname.slice(1)];
      return new Response(await d1(database, await request.text(), request.headers.get("from") ?? ""));
    } catch (error) {
      return new Response(explain(error), { status: 500 });
    }
  },
};
