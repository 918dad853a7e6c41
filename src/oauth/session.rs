//! [`Session`](handle::Session), a login that is kept: the registered client, its server, and its
//! tokens in a store.
//!
//! `handle` has the session and its token in memory (`context`, `cache`). `obtain` requests the next
//! token. `login`, `execute`, `logout` and `import` are the other operations. `protocol` decides what a
//! call may do with the account's document (`document`, `change`), and `run` does it.

mod browser;
mod builder;
mod cache;
mod change;
mod context;
mod diagnosis;
mod document;
mod execute;
mod handle;
mod import;
mod login;
mod logout;
mod obtain;
mod options;
mod protocol;
mod run;
mod saved_login;

pub use builder::SessionBuilder;
pub use handle::Session;
pub use logout::Logout;
pub use options::LoginOptions;
pub use saved_login::SavedLogin;
