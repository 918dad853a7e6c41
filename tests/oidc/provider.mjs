// An authorization server on a loopback port, run by node-oidc-provider.

import { once } from 'node:events';
import http from 'node:http';

import { Provider, errors } from 'oidc-provider';

export const RESOURCE = 'https://mcp.poggio.io/mcp';

/**
 * Starts a server on any free port.
 *
 * @param settings settings of the provider for this test.
 * @returns the issuer, a log of what the server did, and a function that stops it.
 */
export async function start(settings) {
  const server = http.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${server.address().port}`;

  // The provider warns about in-memory storage and development keys, which a test may use.
  const { warn } = console;
  console.warn = () => {};
  const provider = new Provider(issuer, {
    cookies: { keys: ['signs the cookies of a test'] },
    scopes: ['openid', 'offline_access', 'read'],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      Grant: 3600,
      IdToken: 3600,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 3600,
    },
    features: {
      registration: { enabled: true, issueRegistrationAccessToken: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource) => {
          if (resource !== RESOURCE) throw new errors.InvalidTarget();
          return { scope: 'read', accessTokenFormat: 'opaque' };
        },
        useGrantedResource: () => true,
      },
    },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    ...settings,
  });
  console.warn = warn;

  const done = { registered: [], authorized: [], granted: [], refused: [] };
  provider.on('registration_create.success', (ctx, client) => {
    done.registered.push({
      status: ctx.status,
      applicationType: client.applicationType,
      method: client.tokenEndpointAuthMethod,
    });
  });
  provider.on('authorization.accepted', (ctx) => {
    const { code_challenge_method: pkce, scope, resource } = ctx.oidc.params;
    done.authorized.push({ pkce, scope, resource });
  });
  provider.on('grant.success', (ctx) => {
    const { grant_type: type } = ctx.oidc.params;
    const header = ctx.get('authorization').split(' ')[0];
    const secret = 'client_secret' in ctx.oidc.body;
    const resource = ctx.oidc.entities.AccessToken.aud;
    done.granted.push({ type, header, secret, resource });
  });
  for (const event of ['registration_create', 'authorization', 'grant', 'server']) {
    const name = event === 'server' ? 'server_error' : `${event}.error`;
    provider.on(name, (ctx, error) => done.refused.push(`${name}: ${error.message}`));
  }
  const respond = provider.callback();
  // A resource that refuses every token.
  server.on('request', (request, response) => {
    if (request.url !== '/refuses') return respond(request, response);
    response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
  });

  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { issuer, done, stop };
}
