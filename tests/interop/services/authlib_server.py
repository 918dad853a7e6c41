"""Serves an authorization server of Authlib and Flask, with everything in memory.

Clients are public or have a secret, codes require PKCE, and each refresh rotates the refresh token.
The user is ada, with the password pw. `/test/*` changes what the server knows.
"""

import logging
import os
import pathlib

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, jsonify, redirect, request
from werkzeug.serving import make_server

PAGE = pathlib.Path(__file__).with_name("login_page.html").read_text()
METHODS = ["client_secret_post", "client_secret_basic", "none"]
SCOPES = {"read", "write"}
clients, codes, tokens = {}, {}, []

logging.getLogger("werkzeug").setLevel(logging.ERROR)
app = Flask(__name__)
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True


class Client(ClientMixin):
    def __init__(self, info, metadata):
        self.client_id = info["client_id"]
        self.secret = info["client_secret"]
        self.metadata = metadata

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return self.metadata["redirect_uris"][0]

    def get_allowed_scope(self, scope):
        return " ".join(name for name in (scope or "").split() if name in SCOPES)

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri in self.metadata["redirect_uris"]

    def check_client_secret(self, client_secret):
        return client_secret == self.secret

    def check_endpoint_auth_method(self, method, endpoint):
        return method == self.metadata.get("token_endpoint_auth_method", METHODS[1])

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type in self.metadata.get("grant_types", ["authorization_code"])


class Token(TokenMixin):
    def __init__(self, response, client_id):
        self.access_token = response["access_token"]
        self.refresh_token = response.get("refresh_token")
        self.scope = response.get("scope", "")
        self.client_id = client_id
        self.expired = self.revoked = False

    def check_client(self, client):
        return self.client_id == client.client_id

    def get_scope(self):
        return self.scope

    def get_expires_in(self):
        return 3600

    def is_expired(self):
        return self.expired

    def is_revoked(self):
        return self.revoked


class Code(AuthorizationCodeMixin):
    def __init__(self, code, request):
        data = request.payload.data
        self.code = code
        self.client_id = request.client.client_id
        self.redirect_uri = request.payload.redirect_uri
        self.scope = request.payload.scope
        self.code_challenge = data.get("code_challenge")
        self.code_challenge_method = data.get("code_challenge_method")

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope


class AuthorizationCode(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def save_authorization_code(self, code, request):
        codes[code] = Code(code, request)

    def query_authorization_code(self, code, client):
        found = codes.get(code)
        return found if found and found.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code):
        codes.pop(authorization_code.code)

    def authenticate_user(self, authorization_code):
        return "ada"


class RefreshToken(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        found = (token for token in tokens if token.refresh_token == refresh_token)
        return next((token for token in found if not token.revoked), None)

    def authenticate_user(self, refresh_token):
        return "ada"

    def revoke_old_credential(self, refresh_token):
        refresh_token.revoked = True


class Registration(ClientRegistrationEndpoint):
    def authenticate_token(self, request):
        return True

    def get_server_metadata(self):
        return metadata()

    def save_client(self, client_info, client_metadata, request):
        client = Client(client_info, client_metadata)
        clients[client.client_id] = client
        return client


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = METHODS

    def query_token(self, token_string, token_type_hint):
        values = ((token, (token.access_token, token.refresh_token)) for token in tokens)
        return next((token for token, own in values if token_string in own), None)

    def revoke_token(self, token, request):
        token.revoked = True


class Validator(BearerTokenValidator):
    def authenticate_token(self, token_string):
        return next((token for token in tokens if token.access_token == token_string), None)


server = AuthorizationServer(
    app,
    query_client=clients.get,
    save_token=lambda response, request: tokens.append(
        Token(response, request.client.client_id)
    ),
)
server.register_grant(AuthorizationCode, [CodeChallenge(required=True)])
server.register_grant(RefreshToken)
server.register_endpoint(Registration)
server.register_endpoint(Revocation)
require_oauth = ResourceProtector()
require_oauth.register_token_validator(Validator())


def metadata():
    issuer = request.host_url.rstrip("/")
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + "/authorize",
        "token_endpoint": issuer + "/token",
        "registration_endpoint": issuer + "/register",
        "revocation_endpoint": issuer + "/revoke",
        "scopes_supported": sorted(SCOPES),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


@app.get("/.well-known/oauth-authorization-server")
def well_known():
    return jsonify(metadata())


@app.post("/register")
def register():
    return server.create_endpoint_response("client_registration")


@app.post("/token")
def token():
    return server.create_token_response()


@app.post("/revoke")
def revoke():
    return server.create_endpoint_response("revocation")


@app.route("/authorize", methods=["GET", "POST"])
def authorize():
    try:
        grant = server.get_consent_grant(end_user="ada")
    except OAuth2Error as error:
        return jsonify(dict(error.get_body())), 400
    if request.method == "GET":
        return PAGE
    if (request.form["username"], request.form["password"]) != ("ada", "pw"):
        return PAGE, 403
    response = server.create_authorization_response(grant_user="ada", grant=grant)
    return redirect(response.headers["location"] + "&iss=" + metadata()["issuer"])


@app.get("/api")
@require_oauth()
def api():
    return "ok"


@app.post("/test/expire")
def expire():
    for token in tokens:
        token.expired = True
    return ""


@app.post("/test/end")
def end():
    tokens.clear()
    return ""


@app.post("/test/forget")
def forget():
    clients.clear()
    return ""


wsgi = make_server("127.0.0.1", 0, app, threaded=True)
print(wsgi.server_port, flush=True)
wsgi.serve_forever()
