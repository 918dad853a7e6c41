//! The client that `build.rs` generates from `openapi.json`, or its checked-in copy without the feature
//! `codegen`.
//!
//! It is private, because its errors print whole response bodies. Its hooks are in `client`.
#![allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, reason = "generated code")]

#[cfg(feature = "codegen")]
include!(concat!(env!("OUT_DIR"), "/client.rs"));
#[cfg(not(feature = "codegen"))]
include!("generated/client.rs");
