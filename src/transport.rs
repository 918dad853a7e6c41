//! Everything between a request and its response: deadline, attempts, size cap.
//!
//! What a response means is in `response`; what is said of a failure is in `error`.

mod attempt;
mod body;
mod deadline;
mod retry;
pub(crate) mod retry_after;
mod send;
mod sent_mark;

pub(crate) use attempt::Attempt;
pub(crate) use send::Transport;
