//! Fuzzes the body of a success response: its decoding, and the recovery of credentials.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| poggio::parts::success(bytes));
