//! Services that others wrote, each in a file of its own. `run.sh` installs them and runs the tests.

mod authlib;
mod azurite;
mod cloudflare;
mod django;
mod fastapi;
mod login;
mod mcp;
mod moto;
#[path = "../../../it/support/require.rs"]
#[expect(dead_code, reason = "only `require` is used here")]
mod require;
mod rmcp;
mod s3rver;
mod service;
#[path = "../../../it/support/session.rs"]
#[expect(dead_code, reason = "tests/it uses the rest")]
mod session;
mod sessions;
mod shared_store;
