//! Fuzzes the document of a store: its parsing, and the calls on it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| poggio::parts::store_document(bytes));
