#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| strongroom::fuzz_support::account_message(data));
