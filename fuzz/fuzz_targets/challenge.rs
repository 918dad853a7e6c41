//! Fuzzes the `WWW-Authenticate` header.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| poggio::parts::challenge(bytes));
