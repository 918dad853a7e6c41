// A `Session` at node-oidc-provider: from a registration to a refreshed token.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { walk } from './person.mjs';
import { RESOURCE, start } from './provider.mjs';

/** Runs a login; returns exit code, result, errors, and the last page that the user saw. */
async function login(issuer, store, options, press) {
  const argument = JSON.stringify({ issuer, store, ...options });
  const program = spawn(process.env.CLIENT, [argument], { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    let [stdout, stderr] = ['', ''];
    program.stderr.on('data', (data) => { stderr += data; });
    const ended = once(program, 'close');
    const address = new Promise((resolve) => {
      program.stdout.on('data', (data) => {
        stdout += data;
        const found = /^(http\S+)$/m.exec(stdout);
        if (found) resolve(found[1]);
      });
    });
    const url = await Promise.race([address, ended.then(() => undefined)]);
    const seen = url && await walk(url, press);
    const [code] = await ended;
    const result = /^\{.*$/m.exec(stdout);
    return { code, result: result && JSON.parse(result[0]), stderr, seen };
  } finally {
    program.kill('SIGKILL');
  }
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Calls `work` with a new server with these settings, and a file for the store. */
async function at(settings, work) {
  const folder = await mkdtemp(path.join(tmpdir(), 'poggio-oidc-'));
  const server = await start(settings);
  try {
    await work(server, path.join(folder, 'store.json'));
  } finally {
    server.stop();
    await rm(folder, { recursive: true });
  }
}

// The server grants offline_access only with this prompt.
const OFFLINE = { scopes: ['openid', 'offline_access'], prompt: 'consent' };

function assertLoggedIn({ code, result, stderr, seen }, scopes) {
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(seen.text, /^Return to the application/);
  const token = { type: 'bearer', scopes, expires: true };
  // Another token is refused, too, and is the last one that is tried.
  assert.deepEqual(result, { login: token, refreshed: token, differentTokens: 4, status: 401 });
}

for (const [method, header, secret] of [
  ['client_secret_post', '', true],
  ['client_secret_basic', 'Basic', false],
  ['none', '', false],
]) {
  test(`login authenticates with ${method}`, async () => {
    await at({}, async ({ issuer, done }, store) => {
      const options = { ...OFFLINE, method };
      const first = await login(issuer, store, options);
      assertLoggedIn(first, OFFLINE.scopes);
      assert.deepEqual(first.seen.prompts, ['login', 'consent']);
      const back = new URL(first.seen.url);
      assert.deepEqual([...back.searchParams.keys()].sort(), ['code', 'iss', 'state']);
      assert.equal(back.searchParams.get('iss'), issuer);

      // The second login uses the same client and the registered port.
      const second = await login(issuer, store, options);
      assertLoggedIn(second, OFFLINE.scopes);
      assert.equal(new URL(second.seen.url).port, back.port);

      assert.deepEqual(done.registered, [{ status: 201, applicationType: 'web', method }]);
      const authorized = { pkce: 'S256', scope: 'openid offline_access', resource: undefined };
      assert.deepEqual(done.authorized, [authorized, authorized]);
      const granted = ['authorization_code', ...Array(3).fill('refresh_token')].map(
        (type) => ({ type, header, secret, resource: undefined }),
      );
      assert.deepEqual(done.granted, [...granted, ...granted]);
      assert.deepEqual(done.refused, []);
    });
  });
}

test('login of a native client may use another port', async () => {
  const clientDefaults = { application_type: 'native' };
  const issueRefreshToken = (ctx, client) => client.grantTypeAllowed('refresh_token');
  await at({ clientDefaults, issueRefreshToken }, async ({ issuer, done }, store) => {
    const scopes = ['openid'];
    assertLoggedIn(await login(issuer, store, { scopes }), scopes);
    // Another port than the registered one (RFC 8252 section 7.3).
    const port = await freePort();
    const again = await login(issuer, store, { scopes, port });
    assertLoggedIn(again, scopes);
    assert.equal(new URL(again.seen.url).port, `${port}`);
    assert.deepEqual(done.registered.map(({ applicationType }) => applicationType), ['native']);
    assert.deepEqual(done.refused, []);
  });
});

test('login gets a token for a resource (RFC 8707)', async () => {
  await at({}, async ({ issuer, done }, store) => {
    const scopes = [...OFFLINE.scopes, 'read'];
    const ended = await login(issuer, store, { ...OFFLINE, scopes, resource: RESOURCE });
    assertLoggedIn(ended, ['read']);
    assert.deepEqual(done.authorized.map(({ resource }) => resource), [RESOURCE]);
    assert.deepEqual(done.granted.map(({ resource }) => resource), Array(4).fill(RESOURCE));
    assert.deepEqual(done.refused, []);
  });
});

for (const prompt of ['login', 'consent']) {
  test(`login reports a denial at the ${prompt} prompt`, async () => {
    await at({}, async ({ issuer, done }, store) => {
      const { code, result, seen } = await login(issuer, store, OFFLINE, { [prompt]: 'cancel' });
      assert.deepEqual([code, result.kind], [1, 'Refused']);
      assert.match(result.error, /access_denied/);
      assert.match(seen.text, /^Access was denied/);
      assert.equal(seen.prompts.at(-1), prompt);
      assert.deepEqual(done.granted, []);
    });
  });
}

test('login reports a resource that the server does not know', async () => {
  await at({}, async ({ issuer, done }, store) => {
    const { code, result, seen } = await login(issuer, store, { resource: `${RESOURCE}/other` });
    assert.deepEqual([code, seen.prompts], [1, []]);
    assert.match(result.error, /invalid_target/);
    assert.match(seen.text, /^The login failed/);
    assert.deepEqual(done.granted, []);
  });
});
