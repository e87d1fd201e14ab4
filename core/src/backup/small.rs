//! Small files are read, cut and hashed by several threads at once, and taken in the order in which they were listed.

use crate::context::Context;
use crate::error::{Result, internal};
use crate::format::entry::{Entry, HardLink};
use crate::id::BlobId;
use crate::ingest::{Cutter, Stored};
use crate::problem::Problem;
use crate::source::EntryHandle;
use std::any::Any;
use std::collections::{HashSet, VecDeque};
use std::io;
use std::ops::{Deref, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Longer files are read by the thread that stores them: they have more than enough to share out.
pub(super) const SMALL: u64 = 256 * 1024;

/// A task ends behind this many files or bytes.
const TASK: (usize, u64) = (32, 512 * 1024);

/// How long a task goes on when the work is to be suspended: what it has read then counts.
const GRACE: Duration = Duration::from_millis(500);

/// Entries that are ready wait for files before them; no more than this many.
const WAITING: usize = 4096;

/// What comes out of the queue, in the order in which it went in.
pub(super) enum Queued {
    /// Needs no reading, or none any more. Whether it was taken over from the previous snapshot.
    Ready(Entry, Stored, bool),
    Problem(Problem),
    Read(SmallFile),
    /// A file that is not read any more, since the work is to be suspended.
    NotRead,
}

/// A file that a task has read.
pub(super) struct SmallFile {
    pub(super) entry: Entry,
    pub(super) handle: Box<dyn EntryHandle>,
    pub(super) outcome: Outcome,
    pub(super) content: Bytes,
}

/// What was read of a file.
pub(super) struct Bytes {
    buffer: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.buffer.get(self.range.clone()).unwrap_or_default()
    }
}

pub(super) enum Outcome {
    /// It could not be opened or read.
    Failed(Problem),
    /// All of it was read. The blobs it is cut into, with their lengths, and what was noticed when it was closed.
    Whole(Vec<(BlobId, usize)>, Option<Problem>),
    /// It is longer than it was when it was listed, and still open behind what was read.
    Begun,
    /// The work is to end before it.
    NotRead,
}

enum Slot {
    Ready(Box<(Entry, Stored)>, bool),
    Problem(Problem),
    /// The next file of the next task.
    File,
}

/// A queue of entries of which some are being read.
pub(super) struct SmallFiles {
    slots: VecDeque<Slot>,
    /// Tasks whose files are in the queue, the first one first.
    tasks: VecDeque<Arc<Task>>,
    /// Files of the first task that are to be taken from the queue.
    read: VecDeque<SmallFile>,
    /// What the next task will read.
    gathered: Vec<(Entry, Box<dyn EntryHandle>)>,
    gathered_bytes: u64,
    /// Files with several names among those in the queue.
    links: HashSet<HardLink>,
    most_tasks: usize,
    reading: Arc<Reading>,
}

/// What every task uses.
struct Reading {
    cutter: Cutter,
    ctx: Context,
    /// Buffers to be used again.
    buffers: Mutex<Vec<Vec<u8>>>,
}

struct Task {
    state: Mutex<State>,
    changed: Condvar,
}

enum State {
    Waiting(Vec<(Entry, Box<dyn EntryHandle>)>),
    Running,
    Done(VecDeque<SmallFile>),
    /// A source of the app's panicked.
    Panicked(Box<dyn Any + Send>),
}

impl SmallFiles {
    /// For the pool this is called on.
    pub(super) fn new(cutter: Cutter, ctx: &Context) -> Self {
        SmallFiles {
            slots: VecDeque::new(),
            tasks: VecDeque::new(),
            read: VecDeque::new(),
            gathered: Vec::new(),
            gathered_bytes: 0,
            links: HashSet::new(),
            most_tasks: rayon::current_num_threads() + 2,
            reading: Arc::new(Reading { cutter, ctx: ctx.clone(), buffers: Mutex::default() }),
        }
    }

    /// Whether a name of this file waits in the queue.
    pub(super) fn holds(&self, link: &HardLink) -> bool {
        self.links.contains(link)
    }

    pub(super) fn push_ready(&mut self, entry: Entry, stored: Stored, unchanged: bool) {
        self.slots.push_back(Slot::Ready(Box::new((entry, stored)), unchanged));
    }

    pub(super) fn push_problem(&mut self, problem: Problem) {
        self.slots.push_back(Slot::Problem(problem));
    }

    /// Queues a file to be read.
    pub(super) fn push_file(&mut self, entry: Entry, handle: Box<dyn EntryHandle>) {
        self.links.extend(entry.metadata.hard_link);
        self.gathered_bytes += entry.size;
        self.gathered.push((entry, handle));
        self.slots.push_back(Slot::File);
        if self.gathered.len() >= TASK.0 || self.gathered_bytes >= TASK.1 {
            self.begin();
        }
    }

    /// Whether something has to be taken out before more goes in.
    pub(super) fn is_full(&self) -> bool {
        self.tasks.len() > self.most_tasks || self.slots.len() > WAITING
    }

    /// Whether nothing is to be waited for before the first entry can be taken out.
    pub(super) fn is_first_ready(&self) -> bool {
        matches!(self.slots.front(), Some(Slot::Ready(..) | Slot::Problem(_))) || !self.read.is_empty()
    }

    /// Takes the first entry out, once it is read.
    pub(super) fn pop(&mut self) -> Result<Option<Queued>> {
        Ok(match self.slots.pop_front() {
            None => None,
            Some(Slot::Ready(ready, unchanged)) => {
                let (entry, stored) = *ready;
                Some(Queued::Ready(entry, stored, unchanged))
            }
            Some(Slot::Problem(problem)) => Some(Queued::Problem(problem)),
            Some(Slot::File) => {
                if self.read.is_empty() {
                    self.read = self.first_task()?;
                }
                match self.read.pop_front() {
                    None => Some(Queued::NotRead),
                    Some(file) => {
                        if let Some(link) = &file.entry.metadata.hard_link {
                            self.links.remove(link);
                        }
                        Some(Queued::Read(file))
                    }
                }
            }
        })
    }

    /// Gives back what was read of a file that is done.
    pub(super) fn recycle(&self, content: Bytes) {
        if let Ok(buffer) = Arc::try_unwrap(content.buffer)
            && let Ok(mut buffers) = self.reading.buffers.lock()
        {
            buffers.push(buffer);
        }
    }

    /// Hands what was gathered to the pool.
    fn begin(&mut self) {
        let gathered = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        if gathered.is_empty() {
            return;
        }
        let task = Arc::new(Task { state: Mutex::new(State::Waiting(gathered)), changed: Condvar::new() });
        self.tasks.push_back(Arc::clone(&task));
        let reading = Arc::clone(&self.reading);
        // In their order, so that nothing is read before what comes first when the work ends early.
        rayon::spawn_fifo(move || {
            if !reading.ctx.should_suspend() {
                task.run(&reading);
            }
        });
    }

    /// The files of the first task. One that nobody has begun is done here and now, unless the work is to be
    /// suspended: then there are none.
    fn first_task(&mut self) -> Result<VecDeque<SmallFile>> {
        if self.tasks.is_empty() {
            self.begin();
        }
        let Some(task) = self.tasks.pop_front() else { return Ok(VecDeque::new()) };
        loop {
            self.reading.ctx.check("back up")?;
            if !self.reading.ctx.should_suspend() && task.run(&self.reading) {
                continue;
            }
            let mut state = task.lock()?;
            match std::mem::replace(&mut *state, State::Running) {
                State::Done(files) => return Ok(files),
                State::Panicked(payload) => std::panic::resume_unwind(payload),
                State::Waiting(_) if self.reading.ctx.should_suspend() => return Ok(VecDeque::new()),
                waiting @ State::Waiting(_) => *state = waiting,
                State::Running => {
                    drop(state);
                    if !matches!(rayon::yield_now(), Some(rayon::Yield::Executed)) {
                        task.wait()?;
                    }
                }
            }
        }
    }
}

impl Task {
    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        self.state.lock().map_err(|_| internal("read a file", "a thread panicked while it reported what it read"))
    }

    /// Reads the files, unless somebody else does or did.
    fn run(&self, reading: &Reading) -> bool {
        let Ok(mut state) = self.lock() else { return false };
        let files = match std::mem::replace(&mut *state, State::Running) {
            State::Waiting(files) => files,
            other => {
                *state = other;
                return false;
            }
        };
        drop(state);
        let done = match catch_unwind(AssertUnwindSafe(|| reading.read_all(files))) {
            Ok(files) => State::Done(files),
            Err(payload) => State::Panicked(payload),
        };
        if let Ok(mut state) = self.lock() {
            *state = done;
        }
        self.changed.notify_all();
        true
    }

    fn wait(&self) -> Result<()> {
        let state = self.lock()?;
        if matches!(*state, State::Running) {
            let panicked = |_| internal("read a file", "a thread panicked while it reported what it read");
            // Short, because work that this thread could help with may turn up without a signal.
            drop(self.changed.wait_timeout(state, Duration::from_millis(2)).map_err(panicked)?);
        }
        Ok(())
    }
}

impl Reading {
    fn read_all(&self, files: Vec<(Entry, Box<dyn EntryHandle>)>) -> VecDeque<SmallFile> {
        let mut content = self.buffers.lock().ok().and_then(|mut buffers| buffers.pop()).unwrap_or_default();
        content.clear();
        let mut read = VecDeque::with_capacity(files.len());
        let (mut ends, mut suspended) = (false, None);
        for (mut entry, mut handle) in files {
            let start = content.len();
            if self.ctx.should_suspend() {
                ends |= suspended.get_or_insert_with(Instant::now).elapsed() > GRACE;
            }
            ends = ends || self.ctx.check("back up").is_err();
            let outcome = if ends { Outcome::NotRead } else { self.read(&mut entry, handle.as_mut(), &mut content) };
            read.push_back((entry, handle, outcome, start..content.len()));
        }
        let buffer = Arc::new(content);
        let file = |(entry, handle, outcome, range)| SmallFile {
            entry,
            handle,
            outcome,
            content: Bytes { buffer: Arc::clone(&buffer), range },
        };
        read.into_iter().map(file).collect()
    }

    /// Reads one file, appending to `content`.
    fn read(&self, entry: &mut Entry, handle: &mut dyn EntryHandle, content: &mut Vec<u8>) -> Outcome {
        if let Err(problem) = handle.open(entry) {
            return Outcome::Failed(problem);
        }
        let start = content.len();
        let most = usize::try_from(SMALL).unwrap_or(usize::MAX).saturating_add(1);
        // A little more than it should be, so that one that grew shows.
        let expected = usize::try_from(entry.size).unwrap_or(most).saturating_add(1).min(most);
        let mut end = start;
        loop {
            let length = end - start;
            if length >= most {
                content.truncate(end);
                return Outcome::Begun;
            }
            let room = if length < expected { expected } else { most };
            if content.len() < start + room {
                content.resize(start + room, 0);
            }
            let Some(free) = content.get_mut(end..start + room) else { break };
            match handle.read(free) {
                Ok(0) => break,
                Ok(count) => end = end.saturating_add(count).min(start + room),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    content.truncate(start);
                    return Outcome::Failed(Problem::reading(entry.path.clone(), &error));
                }
            }
            if self.ctx.check("back up").is_err() {
                content.truncate(start);
                return Outcome::NotRead;
            }
        }
        content.truncate(end);
        let blobs = self.cutter.cut(content.get(start..).unwrap_or_default());
        Outcome::Whole(blobs, handle.close(entry))
    }
}
