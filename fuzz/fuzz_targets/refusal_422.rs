//! Fuzzes the body of a 422 response.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| poggio::parts::refusal(422, bytes));
