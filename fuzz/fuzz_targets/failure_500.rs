//! Bodies of failures: JSON, pages, text, anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| poggio::parts::refusal(500, bytes));
