//! The documentation: guide pages, the README and the other documents.

mod aliases;
mod contributing;
mod features;
mod guide;
mod links;
mod outcomes;
mod readme;
