//! `strongroom cat`

use super::select::{FilterArgs, missing_path};
use crate::app::App;
use crate::args::{SnapshotPath, SnapshotPathParser};
use crate::exit::{Exit, Failure, Result};
use clap::Args;
use std::io::{Read, Seek, SeekFrom, Write};

/// Writes the content of a file in a snapshot to standard output
#[derive(Debug, Args)]
pub(crate) struct CatArgs {
    /// Which snapshot: `latest` or the beginning of an id; and the file in it
    #[arg(value_name = "SNAPSHOT:PATH", value_parser = SnapshotPathParser)]
    snapshot: SnapshotPath,
    /// Only these bytes, counted from 0, both included: 100-199, 100- or -100 for the last hundred
    #[arg(long, value_name = "START-END", allow_hyphen_values = true, value_parser = Range::parse)]
    range: Option<Range>,
    #[command(flatten)]
    filter: FilterArgs,
}

/// Bytes of a file, as HTTP names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    /// From the first to the last, or to the end.
    From(u64, Option<u64>),
    /// So many at the end.
    Last(u64),
}

impl Range {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a range of bytes; write for example 100-199, 100- or -100");
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let (first, last) = text.split_once('-').ok_or_else(wrong)?;
        match (first.is_empty(), last.is_empty()) {
            (true, _) => Ok(Range::Last(number(last)?)),
            (false, true) => Ok(Range::From(number(first)?, None)),
            (false, false) => {
                let (first, last) = (number(first)?, number(last)?);
                if first <= last { Ok(Range::From(first, Some(last))) } else { Err(wrong()) }
            }
        }
    }

    /// Where it begins and how long it is in a file of this length.
    fn of(self, length: u64) -> (u64, u64) {
        match self {
            Range::Last(count) => (length.saturating_sub(count), count.min(length)),
            Range::From(first, last) => {
                let end = last.map_or(length, |last| last.saturating_add(1)).min(length);
                (first.min(length), end.saturating_sub(first))
            }
        }
    }
}

const BUFFER: usize = 1 << 20;

pub(crate) fn run(app: &App, args: &CatArgs) -> Result<Exit> {
    app.ui.content_on_stdout();
    let path = &args.snapshot.path;
    if path.is_root() {
        return Err(Failure::usage("name the file behind the snapshot, as in latest:folder/file"));
    }
    let repository = app.open()?;
    let snapshot = args.filter.one(&repository, &args.snapshot.snapshot)?;
    let mut file =
        repository.open_file(&snapshot.id, path.to_path_buf()).map_err(|error| missing_path(error, &snapshot, path))?;
    let reading = |error: std::io::Error| match error.downcast::<strongroom::Error>() {
        Ok(error) => Failure::from(error.or_object(path)),
        Err(error) => Failure::io(error, "read the file", path),
    };
    let length = file.seek(SeekFrom::End(0)).map_err(reading)?;
    let (start, mut left) = args.range.unwrap_or(Range::From(0, None)).of(length);
    file.seek(SeekFrom::Start(start)).map_err(reading)?;
    let mut out = app.ui.content();
    let mut buffer = vec![0; BUFFER];
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
        let Some(room) = buffer.get_mut(..room) else { break };
        let read = file.read(room).map_err(reading)?;
        let Some(bytes) = room.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        out.write_all(bytes).map_err(Failure::output)?;
        left = left.saturating_sub(read as u64);
    }
    out.flush().map_err(Failure::output)?;
    app.warn_healed(&repository);
    Ok(Exit::Complete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        let of = |text: &str, length| Range::parse(text).map(|range| range.of(length));
        assert_eq!(of("0-99", 1000), Ok((0, 100)));
        assert_eq!(of("100-", 1000), Ok((100, 900)));
        assert_eq!(of("-100", 1000), Ok((900, 100)));
        assert_eq!(of("-5000", 1000), Ok((0, 1000)));
        assert_eq!(of("900-2000", 1000), Ok((900, 100)));
        assert_eq!(of("2000-", 1000), Ok((1000, 0)));
        assert_eq!(of("5-5", 1000), Ok((5, 1)));
        for wrong in ["", "-", "5", "9-5", "a-b", "1-2-3"] {
            assert!(Range::parse(wrong).is_err(), "{wrong}");
        }
    }
}
