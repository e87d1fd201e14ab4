#![no_main]

#[path = "../../ffi/tests/calls/mod.rs"]
mod calls;

libfuzzer_sys::fuzz_target!(|data: &[u8]| calls::play(data));
