//! Fuzzes the body of a 500 response: JSON, HTML pages, text.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| poggio::parts::refusal(500, bytes));
