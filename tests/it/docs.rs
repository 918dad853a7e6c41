//! The documentation: guide pages, the README and the other documents.

mod guide;
mod outcomes;
