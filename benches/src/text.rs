//! Deterministic randomness, and text that compresses about as source code does.

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// Bytes that nothing compresses.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        let mut key = [0; 32];
        for part in key.as_chunks_mut::<8>().0 {
            *part = self.next().to_le_bytes();
        }
        blake3::Hasher::new_keyed(&key).finalize_xof().fill(bytes);
    }
}

/// Writes lines that look like a program: statements repeat, names recur, indentation follows blocks.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    random: Random,
    words: Vec<String>,
    recent: Vec<String>,
    depth: usize,
}

const SYLLABLES: [&str; 24] = [
    "dev", "reg", "pci", "net", "buf", "len", "ptr", "ctl", "set", "get", "map", "irq", "dma", "lock", "page", "node",
    "list", "init", "read", "write", "state", "flags", "queue", "size",
];
const KEYWORDS: [&str; 8] = ["if (", "return ", "struct ", "static int ", "while (", "u32 ", "for (", "switch ("];
const RECENT: usize = 160;

impl Text {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let words = (0..4000)
            .map(|_| {
                let mut word = String::new();
                for part in 0..=random.below(3) {
                    if part > 0 {
                        word.push('_');
                    }
                    word.push_str(SYLLABLES[random.below(SYLLABLES.len() as u64) as usize]);
                }
                word
            })
            .collect();
        Text { random, words, recent: Vec::new(), depth: 1 }
    }

    /// Common words come far more often than rare ones.
    fn word(&mut self) -> &str {
        let bound = 1 + self.random.below(self.words.len() as u64);
        let bound = 1 + self.random.below(bound);
        let index = self.random.below(bound) as usize;
        &self.words[index]
    }

    fn line(&mut self) -> String {
        // Programs repeat themselves, often with one name changed.
        if !self.recent.is_empty() && self.random.below(100) < 62 {
            let index = self.random.below(self.recent.len() as u64) as usize;
            let line = self.recent[index].clone();
            return match self.random.below(2) {
                0 => line,
                _ => match line.rsplit_once('(') {
                    Some((head, _)) => format!("{head}({}, {});", self.word().to_owned(), self.random.below(64)),
                    None => line,
                },
            };
        }
        match self.random.below(12) {
            0 => "}".to_owned(),
            1 => format!("/* {} {} {} */", self.word().to_owned(), self.word().to_owned(), self.word()),
            2 => format!("#define {} 0x{:x}", self.word().to_uppercase(), self.random.below(1 << 24)),
            3 => String::new(),
            kind => {
                let keyword = KEYWORDS[self.random.below(KEYWORDS.len() as u64) as usize];
                let (object, field, call) = (self.word().to_owned(), self.word().to_owned(), self.word().to_owned());
                if kind % 2 == 0 {
                    format!("{keyword}{object}->{field} = {call}({});", self.random.below(256))
                } else {
                    format!("{object}->{field} = {call}({}, {object});", self.word())
                }
            }
        }
    }

    /// Appends whole lines until `out` has at least `length` bytes, then cuts it to that.
    pub(crate) fn write(&mut self, length: usize, out: &mut Vec<u8>) {
        while out.len() < length {
            let line = self.line();
            match line.as_str() {
                "}" => self.depth = self.depth.saturating_sub(1),
                line if line.starts_with("if (") || line.starts_with("while (") => self.depth = (self.depth + 1).min(5),
                _ => {}
            }
            out.extend(std::iter::repeat_n(b'\t', self.depth));
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
            if self.recent.len() < RECENT {
                self.recent.push(line);
            } else {
                let index = self.random.below(RECENT as u64) as usize;
                self.recent[index] = line;
            }
        }
        out.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_bytes() {
        let text = |seed| {
            let mut out = Vec::new();
            Text::new(seed).write(10_000, &mut out);
            out
        };
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
        assert_eq!(text(3).len(), 10_000);
        let bytes = |seed| {
            let mut bytes = [0; 100];
            Random::new(seed).fill(&mut bytes);
            bytes
        };
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        let mut random = Random::new(7);
        assert!((0..1000).all(|_| random.below(10) < 10));
        assert!((0..200).map(|_| random.below(4)).collect::<std::collections::BTreeSet<_>>().len() == 4);
    }

    #[test]
    fn text_compresses_as_sources_do() {
        let mut raw = Vec::new();
        Text::new(1).write(1 << 20, &mut raw);
        let mut packed = Vec::new();
        strongroom::bench_support::Stages::new(3).compress(&raw, &mut packed).unwrap();
        let ratio = raw.len() as f64 / packed.len() as f64;
        assert!((4.0..6.0).contains(&ratio), "{ratio}");
    }
}
