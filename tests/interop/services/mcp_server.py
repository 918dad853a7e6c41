"""Serves an MCP server at /mcp with the authorization server of the MCP Python SDK, all in memory.

Each refresh rotates the refresh token. The user is ada, with the password pw. `/test/*` changes what
the server knows.
"""

import pathlib
import secrets
import socket
import time

import uvicorn
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import (
    AuthSettings,
    ClientRegistrationOptions,
    RevocationOptions,
)
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthToken
from starlette.responses import HTMLResponse, RedirectResponse, Response

PAGE = pathlib.Path(__file__).with_name("login_page.html").read_text()
clients, logins, codes, access_tokens, refresh_tokens = {}, {}, {}, {}, {}
# The lifetime of access tokens, in seconds.
lifetime = 3600
login_count = 0


class Provider:
    async def get_client(self, client_id):
        return clients.get(client_id)

    async def register_client(self, client_info):
        clients[client_info.client_id] = client_info

    async def authorize(self, client, params):
        login = secrets.token_hex(16)
        logins[login] = (client.client_id, params)
        return f"{issuer}/login?login={login}"

    async def load_authorization_code(self, client, authorization_code):
        return codes.get(authorization_code)

    async def exchange_authorization_code(self, client, authorization_code):
        del codes[authorization_code.code]
        return issue(client, authorization_code.scopes, authorization_code.resource)

    async def load_refresh_token(self, client, refresh_token):
        return refresh_tokens.get(refresh_token)

    async def exchange_refresh_token(self, client, refresh_token, scopes):
        del refresh_tokens[refresh_token.token]
        return issue(client, scopes or refresh_token.scopes, None)

    async def load_access_token(self, token):
        return access_tokens.get(token)

    async def revoke_token(self, token):
        for own in (access_tokens, refresh_tokens):
            for name in [name for name in own if own[name].client_id == token.client_id]:
                del own[name]


def issue(client, scopes, resource):
    access, refresh = secrets.token_hex(16), secrets.token_hex(16)
    access_tokens[access] = AccessToken(
        token=access,
        client_id=client.client_id,
        scopes=scopes,
        expires_at=int(time.time()) + lifetime,
        resource=resource,
    )
    refresh_tokens[refresh] = RefreshToken(
        token=refresh, client_id=client.client_id, scopes=scopes
    )
    return OAuthToken(
        access_token=access, refresh_token=refresh, expires_in=lifetime, scope=" ".join(scopes)
    )


# Clients can connect before the server is ready.
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
issuer = f"http://127.0.0.1:{port}"
server = MCPServer(
    "interop",
    log_level="ERROR",
    auth_server_provider=Provider(),
    auth=AuthSettings(
        issuer_url=issuer,
        resource_server_url=f"{issuer}/mcp",
        required_scopes=["read"],
        validate_token_resource=False,
        client_registration_options=ClientRegistrationOptions(
            enabled=True, valid_scopes=["read"], default_scopes=["read"]
        ),
        revocation_options=RevocationOptions(enabled=True),
    ),
)


@server.tool()
def add(a: int, b: int) -> str:
    """Adds two numbers, and returns the sum with the number of logins until now."""
    return f"{a + b}, {login_count} logins"


@server.custom_route("/login", methods=["GET"])
async def show_login(request):
    return HTMLResponse(PAGE)


@server.custom_route("/login", methods=["POST"])
async def log_in(request):
    form = await request.form()
    if (form.get("username"), form.get("password")) != ("ada", "pw"):
        return HTMLResponse(PAGE, 403)
    global login_count
    login_count += 1
    client_id, params = logins.pop(request.query_params["login"])
    code = secrets.token_hex(32)
    codes[code] = AuthorizationCode(
        code=code,
        client_id=client_id,
        scopes=params.scopes or ["read"],
        expires_at=time.time() + 60,
        code_challenge=params.code_challenge,
        redirect_uri=params.redirect_uri,
        redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
        resource=params.resource,
    )
    uri = construct_redirect_uri(str(params.redirect_uri), code=code, state=params.state)
    return RedirectResponse(uri, 302)


@server.custom_route("/test/expire", methods=["POST"])
async def expire(request):
    access_tokens.clear()
    return Response()


@server.custom_route("/test/lifetime", methods=["POST"])
async def set_lifetime(request):
    global lifetime
    lifetime = int(request.query_params["seconds"])
    return Response()


@server.custom_route("/test/end", methods=["POST"])
async def end(request):
    access_tokens.clear()
    refresh_tokens.clear()
    return Response()


@server.custom_route("/test/forget", methods=["POST"])
async def forget(request):
    clients.clear()
    return Response()


print(port, flush=True)
config = uvicorn.Config(server.streamable_http_app(), log_level="error")
uvicorn.Server(config).run(sockets=[listener])
