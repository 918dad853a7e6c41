//! Success answers: read both ways, and salvaged.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| poggio::parts::success(bytes));
