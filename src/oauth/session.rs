//! [`Session`](handle::Session), a login that is kept: the registered client, its server, and its
//! tokens in a store.
//!
//! `handle` has the session and its token in memory (`context`, `cache`). `obtain` requests the next
//! token, with the account's document (`document`, `token_store`). `login`, `execute`, `logout` and
//! `import` are the other operations.

mod browser;
mod builder;
mod cache;
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
mod token_store;

pub use builder::SessionBuilder;
pub use handle::Session;
pub use logout::Logout;
pub use options::LoginOptions;
