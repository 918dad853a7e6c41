//! Guide pages: documentation only.

pub mod register_once;
