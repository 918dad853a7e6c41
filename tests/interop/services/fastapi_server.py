"""Serves a registration endpoint of FastAPI and Pydantic, of the shape of Poggio's."""

import secrets
import socket
import time
from typing import Literal

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI()


class Metadata(BaseModel):
    redirect_uris: list[str] = []
    token_endpoint_auth_method: str = "client_secret_post"
    grant_types: list[
        Literal["authorization_code", "refresh_token", "client_credentials"]
    ] = ["authorization_code"]
    response_types: list[str] = ["code"]
    client_name: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    scope: str | None = None
    contacts: list[str] | None = None
    tos_uri: str | None = None
    policy_uri: str | None = None
    software_id: str | None = None
    software_version: str | None = None


class Registered(Metadata):
    client_id: str
    client_secret: str | None = None
    client_id_issued_at: int
    client_secret_expires_at: int = 0


@app.post("/v1/oauth/register")
async def register(metadata: Metadata) -> Registered:
    if metadata.client_name == "not allowed":
        raise HTTPException(400, "client_name is not allowed")
    return Registered(
        client_id=secrets.token_hex(8),
        client_secret=secrets.token_urlsafe(32),
        client_id_issued_at=int(time.time()),
        **metadata.model_dump(),
    )


# Clients can connect before the server is ready.
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])
