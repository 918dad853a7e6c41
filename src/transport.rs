//! Sends requests: the deadline, retries, and the size limit of responses.
//!
//! Responses are decoded in `response`, and failures are reported by `error`.

mod attempt;
mod body;
mod deadline;
mod retry;
pub(crate) mod retry_after;
mod send;
mod sent_mark;

pub(crate) use attempt::Attempt;
pub(crate) use send::Transport;
#[cfg(feature = "oauth2")]
pub(crate) use send::failure_of;
