//! Fuzzes the `Retry-After` header and the `Date` header from which it counts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| poggio::parts::retry_after(bytes));
