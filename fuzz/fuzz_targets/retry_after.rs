//! The Retry-After header, and the Date it is measured from.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| poggio::parts::retry_after(bytes));
