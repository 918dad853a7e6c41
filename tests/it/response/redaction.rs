//! What errors and clients show of hostile text: credentials in any encoding, and text that a terminal
//! would interpret.

mod codes;
mod encodings;
mod hostile;
mod property;
