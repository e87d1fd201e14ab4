//! Tar streams, which come from anywhere.

use super::context;
use super::damaged::Damaged;
use crate::{BackupOptions, CheckOptions, Source};

const BLOCK: usize = 512;
/// Where a header keeps its checksum.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// A byte that says whether checksums of headers are put right, as hardly any would be by chance, and the stream.
pub fn tar(data: &[u8]) {
    let Some((how, stream)) = data.split_first() else { return };
    let mut stream = stream.to_vec();
    if how % 2 == 1 {
        stream.chunks_exact_mut(BLOCK).filter(|block| is_header(block)).for_each(put_right);
    }
    let Some(repository) = Damaged::sound().open() else { panic!("the sound repository opens") };
    let source = Source::tar(std::io::Cursor::new(stream));
    if repository.backup(source, &BackupOptions::new(), &context()).is_ok() {
        let report = repository.check(&CheckOptions::new().verify_content(true), &context());
        assert!(report.is_ok_and(|report| report.is_sound()), "a backup is sound");
    }
}

/// Whether a block looks like a header: the format's name is where it belongs.
fn is_header(block: &[u8]) -> bool {
    block.get(257..262) == Some(b"ustar")
}

fn put_right(block: &mut [u8]) {
    let sum = |block: &[u8]| block.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    if let Some(field) = block.get_mut(CHECKSUM) {
        field.fill(b' ');
    }
    let text = format!("{:06o}\0 ", sum(block));
    if let Some(field) = block.get_mut(CHECKSUM) {
        field.copy_from_slice(text.as_bytes());
    }
}
