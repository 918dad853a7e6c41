//! What tests of several areas need; each file holds one concept. `tests/keyring` includes some of
//! them, too.

mod allocator;
mod canary;
pub(crate) mod example;
mod expected;
pub(crate) mod oauth;
mod paused;
mod ports;
#[cfg_attr(not(unix), allow(dead_code, reason = "most of its users need Unix"))]
pub(crate) mod process;
mod property;
mod raw_server;
mod registration;
mod require;
pub(crate) mod session;
pub(crate) mod store;
#[cfg(feature = "rustls")]
mod tls;
mod wait;

#[cfg(feature = "rustls")]
pub(crate) use self::raw_server::is_whole;
#[cfg(feature = "rustls")]
pub(crate) use self::tls::self_signed;
pub(crate) use self::{
    allocator::{PeakMemory, WIPED, count_allocations, count_unwiped_blocks},
    canary::{SECRET, TOKEN, all_shown, all_shown_of_result, canary_replies, debugged},
    expected::Expected,
    paused::paused,
    ports::free_ports,
    property::property_runner,
    raw_server::{ServerBehaviour, Wire, http, read_request, sized},
    registration::{attempts, metadata, register_with},
    require::{require, require_program, require_strace},
    wait::{WAIT_LIMIT, eventually, wait_for},
};
