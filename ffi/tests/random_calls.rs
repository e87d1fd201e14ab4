//! Random sequences of calls of the C interface, always the same ones. `cargo xtask fuzz 60 c_interface` plays others,
//! under the address sanitizer.

mod calls;

/// A generator of which nothing is asked but that it is the same everywhere.
fn script(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    std::iter::repeat_with(byte).take(400).collect()
}

/// Storage, secret, repository, source, backup, listing, its entries, file, a range of it.
const STORY: &[u8] = &[
    0, 1, 0, 2, 0, 1, 0, 5, 0, 0, 8, 2, 3, 0, 13, 2, 0, 1, 0, 15, 0, 0, 0, 0, 0, 0, 0, 9, 4, 16, 2, 0, 0, 17, 0, 0, 0,
    0, 0, 0, 0, 2, 5, 30,
];

#[test]
fn nothing_that_is_called_crashes() {
    for seed in 0..400 {
        // From nothing, and from where there is something to call.
        calls::play(&script(seed));
        calls::play(&[STORY, &script(seed)].concat());
    }
}
