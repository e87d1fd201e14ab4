//! Copying a snapshot's tree to other repositories: read once, and written for each destination under its own keys, with
//! its own chunks.
//!
//! One thread walks the source and feeds a queue for each destination; at the other end of each a thread of its own
//! cuts, stores and builds the tree. What is in the queues is bounded, so that the slowest destination sets the pace. A
//! destination that fails drops out, and the others go on.

mod feed;
mod lane;
mod options;
mod origin;
mod queue;
mod readback;
mod report;
mod verify;

pub use options::CopyOptions;
pub(crate) use origin::{COPY_OF, Origin};
pub(crate) use readback::read_back;
pub use report::{CopyDestination, CopyReport, SnapshotCopy};
pub(crate) use verify::{Copy, verify};

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result, internal};
use crate::format::node::Totals;
use crate::id::{BlobId, PackId};
use crate::ingest::MakeCheckpoint;
use crate::progress::Meter;
use crate::report::ProblemLog;
use crate::store::read::StoreReader;
use crate::store::session::Session;
use crate::store::write::BlobWriter;
use feed::{Feed, Outlet};
use lane::Lane;
use queue::{CloseOnDrop, Queue};
use verify::Skipped;

/// Most bytes that wait for one destination.
const MOST_WAITING: u64 = 4 << 20;

/// The tree that is copied.
#[derive(Clone, Copy)]
pub(crate) struct Original<'a> {
    pub(crate) reader: &'a StoreReader,
    pub(crate) root: BlobId,
}

/// Where a copy goes.
pub(crate) struct Target<'a> {
    pub(crate) writer: BlobWriter,
    pub(crate) reader: &'a StoreReader,
    /// Trees of the destination whose content may be taken over, the best first.
    pub(crate) bases: Vec<Base>,
    pub(crate) session: &'a Session,
    pub(crate) checkpoints: MakeCheckpoint,
    /// Token and share of the budget.
    pub(crate) ctx: Context,
}

/// A tree of a destination, and what it is a copy of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base {
    pub(crate) root: BlobId,
    /// Root of the source's tree that it was copied from; none where that is the very one that is being copied.
    pub(crate) of: Option<BlobId>,
}

/// What came to a destination.
pub(crate) struct Copied {
    pub(crate) root: BlobId,
    pub(crate) totals: Totals,
    pub(crate) directories: u64,
    /// Files whose content was taken over.
    pub(crate) unchanged: u64,
    pub(crate) problems: ProblemLog,
    /// Entries of the source that are not in the copy.
    pub(crate) skipped: Skipped,
    /// Whether the source was read to its end.
    pub(crate) finished: bool,
    pub(crate) new_bytes: u64,
    /// Packs and bytes sent.
    pub(crate) sent: (u64, u64),
    pub(crate) packs: Vec<PackId>,
}

/// How a copy of one tree went.
pub(crate) struct Ran {
    /// For each target what came to it.
    pub(crate) copied: Vec<Result<Copied>>,
    /// Bytes of content read, and why reading ended early if it did. What was copied until then is stored.
    pub(crate) read: (u64, Option<Error>),
}

/// Copies a tree. Ends early, and durably, when the work is to be suspended or the source fails.
pub(crate) fn run(original: Original<'_>, targets: Vec<Target<'_>>, meter: &Meter, ctx: &Context) -> Result<Ran> {
    let count = u64::try_from(targets.len()).unwrap_or(u64::MAX).max(1);
    // Enough to even out the pace; what is in there when the work is suspended has to be read again.
    let room = (ctx.limits().memory_bytes() / 16 / count).min(MOST_WAITING);
    let queues: Vec<_> = targets.iter().map(|_| Queue::new(room)).collect();
    let (mut outlets, mut lanes) = (Vec::new(), Vec::new());
    for (target, queue) in targets.into_iter().zip(&queues) {
        let Target { writer, reader, bases, session, checkpoints, ctx } = target;
        let checkpoints = Some(checkpoints);
        outlets.push(Outlet::new(queue, reader, bases));
        lanes.push(Lane { queue, writer, store: reader.store(), session, checkpoints, meter, ctx });
    }
    std::thread::scope(|scope| {
        let close = queues.iter().map(CloseOnDrop).collect::<Vec<_>>();
        let mut threads = Vec::new();
        for lane in lanes {
            let thread = std::thread::Builder::new().name("strongroom-copy".to_owned());
            let spawned = thread.spawn_scoped(scope, || lane.run());
            threads.push(spawned.map_err(|error| Error::io(error, "start a thread"))?);
        }
        let mut feed = Feed::new(original, &mut outlets, meter, ctx);
        let fed = feed.run();
        let read = feed.read_bytes();
        drop(close);
        let copied = threads.into_iter().zip(&mut outlets).map(|(thread, outlet)| {
            let done = thread.join().unwrap_or_else(|_| Err(internal("copy", "a thread that writes a copy panicked")));
            outlet.take_error().map_or(done, Err)
        });
        let copied = copied.collect();
        match fed {
            Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
            fed => Ok(Ran { copied, read: (read, fed.err()) }),
        }
    })
}

/// Whether an error while reading the source is damage to it, so that the copy goes on with what is whole.
fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::Unsupported)
}
