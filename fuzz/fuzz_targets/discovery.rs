//! Fuzzes the metadata of an authorization server or of a protected resource.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| poggio::parts::discovery(bytes));
