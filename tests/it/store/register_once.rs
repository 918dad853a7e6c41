//! `Client::register_once`, and what belongs to it: looking up, importing and saving a registration.

mod bounds;
mod claims;
#[cfg(unix)]
mod disk;
mod failing_store;
mod imported;
#[cfg(unix)]
mod killed;
mod lookup;
mod processes;
mod recovered;
mod renewal;
mod saving;
