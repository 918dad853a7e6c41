//! The generated client: what `build.rs` makes of `openapi.json`.
//!
//! Private, because its errors print whole bodies. How it sends is in `client`.
#![allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, reason = "generated code")]

include!(concat!(env!("OUT_DIR"), "/client.rs"));
