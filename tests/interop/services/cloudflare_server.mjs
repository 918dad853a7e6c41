// Serves Cloudflare's OAuth provider for Workers on Node.js, with everything in memory.
//
// A loader replaces the module that only Workers have. The user is ada, with the password pw.
// `/test/*` changes what the server knows.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { register } from "node:module";

const loader = `
  const worker = "export class WorkerEntrypoint { constructor(ctx, env) { this.ctx = ctx; this.env = env; } } export const env = {};";
  const url = "data:text/javascript," + encodeURIComponent(worker);
  export const resolve = (name, context, next) =>
    name === "cloudflare:workers" ? { url, shortCircuit: true } : next(name, context);
`;
register("data:text/javascript," + encodeURIComponent(loader));
globalThis.Cloudflare ??= { compatibilityFlags: {} };
const { OAuthProvider } = await import("@cloudflare/workers-oauth-provider");

const page = readFileSync(new URL("login_page.html", import.meta.url));
const values = new Map();
const OAUTH_KV = {
  async get(key, options) {
    const value = values.get(key) ?? null;
    return (options?.type ?? options) === "json" ? JSON.parse(value) : value;
  },
  async put(key, value) {
    values.set(key, value);
  },
  async delete(key) {
    values.delete(key);
  },
  async list({ prefix = "" } = {}) {
    const keys = [...values.keys()].filter((key) => key.startsWith(prefix));
    return { keys: keys.map((name) => ({ name })), list_complete: true };
  },
};

const deletes = { "/test/expire": ["token:"], "/test/end": ["token:", "grant:"], "/test/forget": ["client:"] };

async function handle(request, env) {
  const url = new URL(request.url);
  for (const prefix of deletes[url.pathname] ?? []) {
    for (const key of values.keys()) {
      if (key.startsWith(prefix)) values.delete(key);
    }
  }
  if (url.pathname in deletes) return new Response();
  if (url.pathname !== "/authorize") return new Response("not found", { status: 404 });
  try {
    const login = await env.OAUTH_PROVIDER.parseAuthRequest(new Request(request.url));
    const html = { "content-type": "text/html" };
    if (request.method === "GET") return new Response(page, { headers: html });
    const form = await request.formData();
    if (form.get("username") !== "ada" || form.get("password") !== "pw") {
      return new Response(page, { status: 403, headers: html });
    }
    const { redirectTo } = await env.OAUTH_PROVIDER.completeAuthorization({
      request: login, userId: "ada", metadata: {}, scope: login.scope, props: {},
    });
    return Response.redirect(redirectTo, 302);
  } catch (error) {
    return new Response(String(error), { status: 400 });
  }
}

function create(issuer) {
  return new OAuthProvider({
    apiRoute: "/api",
    apiHandler: { fetch: () => new Response("ok") },
    defaultHandler: { fetch: handle },
    authorizeEndpoint: "/authorize",
    tokenEndpoint: "/token",
    clientRegistrationEndpoint: "/register",
    scopesSupported: ["read", "write"],
    onError() {},
    resourceMetadata: { resource: issuer + "/api", authorization_servers: [issuer] },
  });
}

let provider;
const server = createServer(async (incoming, outgoing) => {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
    method: incoming.method,
    headers: incoming.headers,
    body: chunks.length ? Buffer.concat(chunks) : undefined,
  });
  const context = { waitUntil() {}, passThroughOnException() {}, props: {} };
  const response = await provider.fetch(request, { OAUTH_KV }, context);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  provider = create(`http://127.0.0.1:${port}`);
  console.log(port);
});
