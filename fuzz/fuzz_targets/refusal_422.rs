//! FastAPI's problems, and whatever else comes with a 422.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| poggio::parts::refusal(422, bytes));
