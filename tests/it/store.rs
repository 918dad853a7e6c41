//! Register once: the stores and their callers.

mod check_store;
mod damage;
mod errors;
mod file_store;
mod file_store_removed;
mod once_disk;
mod once_hosts;
#[cfg(unix)]
mod once_killed;
pub(crate) mod once_processes;
mod once_unreadable;
pub(crate) mod register_once;
mod s3;
mod shared_store;
mod sibling;
