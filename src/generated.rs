//! The client that `build.rs` generates from `openapi.json`.
//!
//! It is private, because its errors print whole response bodies. Its hooks are in `client`.
#![allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, reason = "generated code")]

include!(concat!(env!("OUT_DIR"), "/client.rs"));
