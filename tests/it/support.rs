//! What tests of several areas need; each file holds one concept. `tests/keyring` includes some of
//! them, too.

mod allocator;
mod canary;
pub(crate) mod example;
mod expected;
pub(crate) mod oauth;
mod ports;
mod raw_server;
mod registration;
mod require;
pub(crate) mod store;
#[cfg(feature = "rustls")]
mod tls;
mod wait;

pub(crate) use self::{
    allocator::{PeakMemory, WIPED, count_allocations, count_unwiped_blocks},
    canary::{SECRET, TOKEN, all_shown, all_shown_of_result, canary_replies, debugged},
    expected::Expected,
    ports::free_ports,
    raw_server::{ServerBehaviour, Wire, http, sized},
    registration::{attempts, metadata, register_with},
    require::{require, require_program},
    wait::{PATIENCE, eventually, wait_for},
};
#[cfg(feature = "rustls")]
pub(crate) use self::{
    raw_server::{is_whole, read_request},
    tls::self_signed,
};
