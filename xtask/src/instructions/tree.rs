//! The tree that is backed up: some thousand files and a large one, the same every time.

use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Files in folders of thirty.
const FILES: u64 = 3000;
const FOLDER: u64 = 30;
/// Most bytes in one of them; half of them have less than a quarter of that.
const LARGEST: u64 = 12_000;
/// Bytes of the large one, half of which do not compress.
const LARGE: usize = 6_000_000;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Lines of words that come back, as sources have them.
    fn text(&mut self, length: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(length + 32);
        while text.len() < length {
            // Small numbers are common.
            let bound = 1 + self.below(3000);
            let word = self.below(bound);
            let end = if word.is_multiple_of(7) { ";\n" } else { " " };
            text.extend_from_slice(format!("word_{word:x}{end}").as_bytes());
        }
        text.truncate(length);
        text
    }

    fn noise(&mut self, length: usize) -> Vec<u8> {
        (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).take(length).collect()
    }
}

/// Makes the tree at a place where nothing is.
pub(super) fn make(place: &Path) -> Result<()> {
    let mut random = Random(4);
    for number in 0..FILES {
        let folder = place.join(format!("{:03}", number / FOLDER));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let bound = 1 + random.below(LARGEST);
        let length = usize::try_from(random.below(bound))?;
        write(&folder.join(format!("file-{number:05}.c")), &random.text(length), number)?;
    }
    let mut large = random.text(LARGE / 2);
    large.extend(random.noise(LARGE / 2));
    write(&place.join("large"), &large, FILES)
}

fn write(path: &Path, content: &[u8], number: u64) -> Result<()> {
    let mut file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(content)?;
    Ok(file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + number))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_every_time() {
        let (mut one, mut other) = (Random(1), Random(1));
        assert_eq!(one.text(5000), other.text(5000));
        assert_eq!(one.noise(77), other.noise(77));
        assert_ne!(Random(2).noise(77), one.noise(77));
    }
}
