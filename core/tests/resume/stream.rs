//! Streams whose reader keeps to the deadline, too.

use super::common::vault::Vault;
use super::common::{assert_sound, create, noise};
use std::io::{self, Read};
use std::time::{Duration, Instant};
use strongroom::{
    BackupOptions, Budget, CancelToken, Context, EntryPath, ErrorKind, Outcome, Result, Source, TarSource,
};

/// Fails when its time is over, as a reader of a pipe must that nobody writes to: it cannot wait, and the end it has
/// not seen would be a lie.
struct UntilThen<R> {
    inner: R,
    end: Instant,
    pause: Duration,
}

impl<R: Read> Read for UntilThen<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.end {
            return Err(io::Error::other("the time is over"));
        }
        std::thread::sleep(self.pause);
        let length = buffer.len().min(4096);
        self.inner.read(&mut buffer[..length])
    }
}

/// Members of this length.
fn archive(length: usize) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for number in 0..60_u64 {
        let mut header = tar::Header::new_ustar();
        header.set_size(length as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{number:03}"), noise(number, length).as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn stopped(repo: &strongroom::Repository, bytes: Vec<u8>) -> Result<strongroom::BackupReport> {
    let ctx = Context::new().budget(Budget::default().deadline_in(Duration::from_millis(120)));
    let end = ctx.limits().deadline.unwrap();
    let reader = UntilThen { inner: io::Cursor::new(bytes), end, pause: Duration::from_millis(2) };
    repo.backup(Source::from(TarSource::new(reader)).known_as(["tar"]), &BackupOptions::new(), &ctx)
}

#[test]
fn a_tar_stream_stopped_by_the_deadline_ends_as_suspended() {
    // Stopped at a header nearly every time, and in the middle of a member.
    for length in [100, 20_000] {
        let (vault, bytes) = (Vault::new(), archive(length));
        let repo = create(vault.clone());
        let report = stopped(&repo, bytes.clone()).unwrap();
        assert_eq!((report.outcome, report.problem_count), (Outcome::Suspended, 0), "{report:?}");
        assert!(report.files > 0 && report.files < 60, "{report:?}");
        let whole = Source::from(TarSource::new(io::Cursor::new(bytes))).known_as(["tar"]);
        let last = repo.backup(whole, &BackupOptions::new(), &Context::new()).unwrap();
        assert_eq!((last.outcome, last.files), (Outcome::Complete, 60));
        // What the first one sent is not sent again.
        assert!(last.new_bytes + report.new_bytes <= 60 * length as u64, "{report:?} {last:?}");
        assert!(length == 100 || report.new_bytes > 0);
        assert_sound(&repo);
    }
}

#[test]
fn one_file_of_a_stream_stopped_by_the_deadline_is_no_problem_of_the_file() {
    let repo = create(Vault::new());
    let ctx = Context::new().budget(Budget::default().deadline_in(Duration::from_millis(120)));
    let reader =
        UntilThen { inner: io::repeat(7), end: ctx.limits().deadline.unwrap(), pause: Duration::from_millis(2) };
    let source = Source::reader(EntryPath::parse("dump").unwrap(), reader);
    let report = repo.backup(source, &BackupOptions::new(), &ctx).unwrap();
    assert_eq!((report.outcome, report.problem_count, report.files), (Outcome::Suspended, 0, 0));
}

/// Nothing but the deadline excuses a reader that fails, and a cancelled backup is cancelled.
#[test]
fn a_stream_that_fails_by_itself_fails_the_backup() {
    let repo = create(Vault::new());
    let bytes = archive(100);
    let broken = io::Cursor::new(bytes[..3000].to_vec());
    let error = repo.backup(TarSource::new(broken), &BackupOptions::new(), &Context::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");

    let token = CancelToken::new();
    let ctx = Context::new().cancel_token(token.clone());
    struct Cancelling(CancelToken);
    impl Read for Cancelling {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.0.cancel();
            Err(io::Error::other("cancelled"))
        }
    }
    let error = repo.backup(TarSource::new(Cancelling(token)), &BackupOptions::new(), &ctx).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
}
