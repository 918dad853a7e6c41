//! Fuzzes the body of a token endpoint: a token response or an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| poggio::parts::token_response(bytes));
