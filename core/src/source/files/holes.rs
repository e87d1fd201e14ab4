//! Holes of sparse files.

use crate::format::entry::Hole;
use std::os::fd::BorrowedFd;

/// Most holes an entry keeps: the longest ones. The others are read as the zeros they stand for, so that a file
/// made of nothing but small holes cannot make its entry grow without bound.
const MAX_HOLES: usize = 1024;

/// The holes of an open file of `size` bytes, ascending. None when the file system cannot tell.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple"))]
pub(super) fn find_holes(fd: BorrowedFd<'_>, size: u64) -> Vec<Hole> {
    use rustix::fs::{SeekFrom, seek};
    use rustix::io::Errno;

    let mut holes = Vec::new();
    let mut position = 0;
    while position < size {
        let data = match seek(fd, SeekFrom::Data(position)) {
            Ok(data) => data.min(size),
            // No data up to the end.
            Err(Errno::NXIO) => size,
            Err(_) => break,
        };
        if data > position {
            holes.push(Hole { offset: position, length: data - position });
            if holes.len() >= 2 * MAX_HOLES {
                keep_longest(&mut holes);
            }
        }
        if data == size {
            break;
        }
        position = match seek(fd, SeekFrom::Hole(data)) {
            Ok(hole) if hole > data => hole,
            _ => break,
        };
    }
    keep_longest(&mut holes);
    holes
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple")))]
pub(super) fn find_holes(_fd: BorrowedFd<'_>, _size: u64) -> Vec<Hole> {
    Vec::new()
}

/// Drops all but the [`MAX_HOLES`] longest, and keeps them in order.
pub(in crate::source) fn keep_longest(holes: &mut Vec<Hole>) {
    if holes.len() > MAX_HOLES {
        holes.select_nth_unstable_by_key(MAX_HOLES, |hole| (std::cmp::Reverse(hole.length), hole.offset));
        holes.truncate(MAX_HOLES);
        holes.sort_unstable_by_key(|hole| hole.offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_holes_the_longest_stay_in_order() {
        let mut holes: Vec<Hole> =
            (0..3000).map(|number| Hole { offset: number * 100, length: 1 + number % 3 }).collect();
        keep_longest(&mut holes);
        assert_eq!(holes.len(), MAX_HOLES);
        assert!(holes.is_sorted_by_key(|hole| hole.offset));
        assert_eq!(holes.iter().filter(|hole| hole.length == 3).count(), 1000);
        assert!(holes.iter().all(|hole| hole.length > 1));
    }
}
