//! The generated client: what `build.rs` makes of `openapi.json`.
//!
//! Private, because its errors print whole bodies and its types promise nothing. Lints are off
//! here alone.
#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(dead_code, missing_docs, unreachable_pub)]

include!(concat!(env!("OUT_DIR"), "/client.rs"));
