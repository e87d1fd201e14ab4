//! Functions of the app, called from any thread of the library: they run on their environment's own thread, and whoever
//! called waits there for the answer, or for the promise of one.

use crate::environment::{Environment, Shared, Thrown, lock};
use crate::names::{EntryKind, ErrorKind, ProblemReason};
use crate::records::{Log, Progress};
use crate::values::{Moment, PathInput, Text, Whole};
use napi::bindgen_prelude::{Function, Uint8Array};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode, UnknownReturnValue};
use napi_derive::napi;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use strongroom_bindings::records::{Progress as CommonProgress, Xattr};
use strongroom_bindings::{
    CancelToken, ErrorKind as Kind, HostBackend, HostContent, HostEntries, HostEntry, HostError, HostObject,
    HostProblem, HostReader, HostResult, HostWriter, LogEvent, LogSink, ProgressListener,
};

/// What a function of the app is asked for. `method` says which of the other fields are set.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct HostRequest {
    /// `put`, `read`, `stat`, `list`, `delete`, `pull`, `next`, `write`, `flush`, `progress` or `log`.
    pub method: &'static str,
    /// Name of an object, or of a folder of them.
    pub name: Option<String>,
    /// The first byte that is wanted.
    pub offset: Option<f64>,
    /// How many bytes are wanted, at most or exactly.
    pub length: Option<f64>,
    /// Which stream.
    pub stream: Option<u32>,
    /// Bytes to be stored or written.
    pub data: Option<Uint8Array>,
    /// How an operation goes on.
    pub progress: Option<Progress>,
    /// What happened.
    pub event: Option<Log>,
}

/// What a storage of the app says about an object.
#[napi(object, object_to_js = false)]
pub struct HostObjectInfo {
    /// Its whole name.
    pub name: Text,
    /// Its length in bytes.
    pub size: Whole,
    /// When storage received it.
    pub modified: Moment,
}

/// An entry that the app gives.
#[napi(object, object_to_js = false)]
pub struct HostEntryInput {
    /// Where it stands in the snapshot.
    pub path: PathInput,
    /// What it is.
    pub kind: Option<EntryKind>,
    /// Content as bytes.
    pub bytes: Option<Uint8Array>,
    /// Content as a stream, by its number.
    pub stream: Option<u32>,
    /// How many bytes a stream will give.
    pub size: Option<Whole>,
    /// Where a symbolic link points.
    pub target: Option<PathInput>,
    /// For one more name of a file: the path of its entry.
    pub hard_link_to: Option<PathInput>,
    /// Major number of a device.
    pub device_major: Option<Whole>,
    /// Minor number of a device.
    pub device_minor: Option<Whole>,
    /// Permission bits.
    pub mode: Option<Whole>,
    /// User id.
    pub uid: Option<Whole>,
    /// Group id.
    pub gid: Option<Whole>,
    /// Last change of content.
    pub modified: Option<Moment>,
    /// Last change of anything.
    pub changed: Option<Moment>,
    /// Extended attributes.
    pub xattrs: Option<Vec<HostXattr>>,
    /// Why it cannot be given.
    pub problem: Option<HostProblemInput>,
}

/// An extended attribute of an entry that the app gives.
#[napi(object, object_to_js = false)]
pub struct HostXattr {
    /// Full name.
    pub name: PathInput,
    /// Value.
    pub value: Uint8Array,
}

/// Why the app cannot give an entry.
#[napi(object, object_to_js = false)]
pub struct HostProblemInput {
    /// Why, for programs.
    pub reason: ProblemReason,
    /// Why, for people.
    pub detail: Text,
}

enum Answer {
    Done,
    Bytes(Vec<u8>),
    End,
    Object(HostObject),
    Objects(Vec<HostObject>),
    Entry(Box<HostEntryInput>),
    Failed(HostError),
}

/// One call of a function of the app, to be answered once.
#[napi]
pub struct HostCall {
    request: Mutex<Option<HostRequest>>,
    answers: SyncSender<Answer>,
    shared: Arc<Shared>,
}

#[napi]
impl HostCall {
    /// What is asked for; nothing when that was taken before.
    #[napi]
    pub fn request(&self) -> Option<HostRequest> {
        lock(&self.request).take()
    }

    /// It is done.
    #[napi]
    pub fn done(&self) {
        self.answer(Answer::Done);
    }

    /// There is nothing more, or no such thing.
    #[napi]
    pub fn end(&self) {
        self.answer(Answer::End);
    }

    /// Gives bytes.
    #[napi]
    pub fn bytes(&self, bytes: &[u8]) {
        self.answer(Answer::Bytes(bytes.to_vec()));
    }

    /// Tells of an object.
    #[napi]
    pub fn object(&self, object: HostObjectInfo) {
        self.answer(Answer::Object(object.into()));
    }

    /// Tells of some of the objects of a listing; none are its end. False says that whoever reads is behind, and that these
    /// are to be told again later.
    #[napi]
    pub fn objects(&self, objects: Vec<HostObjectInfo>) -> bool {
        let answer = Answer::Objects(objects.into_iter().map(HostObject::from).collect());
        !matches!(self.answers.try_send(answer), Err(TrySendError::Full(_)))
    }

    /// Gives an entry.
    #[napi]
    pub fn entry(&self, entry: HostEntryInput) {
        self.answer(Answer::Entry(Box::new(entry)));
    }

    /// Says that the function failed, and under which number what it threw is kept. False as with `objects`.
    #[napi]
    pub fn fail(&self, kind: ErrorKind, message: String, thrown: u32, retry_after_ms: Option<Whole>) -> bool {
        let mut error = HostError::new(kind.0, message).payload(Arc::new(Thrown::new(thrown, &self.shared)));
        error.retry_after_ms = retry_after_ms.map(|milliseconds| milliseconds.0);
        !matches!(self.answers.try_send(Answer::Failed(error)), Err(TrySendError::Full(_)))
    }

    fn answer(&self, answer: Answer) {
        // Who asked may be gone, and an answer after the first one is none.
        let _ = self.answers.try_send(answer);
    }
}

impl From<HostObjectInfo> for HostObject {
    fn from(object: HostObjectInfo) -> Self {
        HostObject { name: object.name.0, length: object.size.0, modified: object.modified.0 }
    }
}

type Caller =
    ThreadsafeFunction<(HostRequest, SyncSender<Answer>), UnknownReturnValue, HostCall, napi::Status, false, true, 0>;

/// A function of the app that answers calls. It does not keep its environment alive.
#[napi]
pub struct Host {
    function: Arc<Caller>,
}

#[napi]
impl Host {
    /// Takes the function.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(constructor)]
    pub fn new(
        environment: &Environment,
        #[napi(ts_arg_type = "(call: HostCall) => void")] answer: Function<'_, HostCall, UnknownReturnValue>,
    ) -> napi::Result<Self> {
        let shared = Arc::clone(&environment.shared);
        let function = answer
            .build_threadsafe_function::<(HostRequest, SyncSender<Answer>)>()
            .weak::<true>()
            .build_callback(move |context| {
                let (request, answers) = context.value;
                Ok(HostCall { request: Mutex::new(Some(request)), answers, shared: Arc::clone(&shared) })
            })?;
        Ok(Host { function: Arc::new(function) })
    }
}

impl Host {
    /// What threads of the library call.
    pub(crate) fn line(&self) -> Line {
        Line { function: Arc::clone(&self.function), token: None }
    }
}

/// How often whoever waits for an answer looks whether there is still a reason to.
const LOOK: Duration = Duration::from_millis(20);
/// A listing may be so many parts ahead of whoever reads it.
const AHEAD: usize = 8;

/// A way to a function of the app.
#[derive(Clone)]
pub(crate) struct Line {
    function: Arc<Caller>,
    token: Option<CancelToken>,
}

impl Line {
    /// The same, whose calls are not waited for any longer once the token is cancelled.
    pub(crate) fn until(mut self, token: &CancelToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    fn send(&self, request: HostRequest, room: usize) -> HostResult<Receiver<Answer>> {
        let (sender, receiver) = sync_channel(room);
        let status = self.function.call((request, sender), ThreadsafeFunctionCallMode::NonBlocking);
        if status == napi::Status::Ok { Ok(receiver) } else { Err(gone()) }
    }

    fn wait(&self, answers: &Receiver<Answer>) -> HostResult<Answer> {
        loop {
            match answers.recv_timeout(LOOK) {
                Ok(Answer::Failed(error)) => return Err(error),
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => {
                    if self.token.as_ref().is_some_and(CancelToken::is_cancelled) {
                        return Err(HostError::new(Kind::Cancelled, "the operation was cancelled while it waited"));
                    }
                    if self.function.aborted() {
                        return Err(gone());
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(HostError::callback("the app's function gave no answer"));
                }
            }
        }
    }

    fn ask(&self, request: HostRequest) -> HostResult<Answer> {
        self.wait(&self.send(request, 1)?)
    }
}

/// The environment has ended.
fn gone() -> HostError {
    HostError::new(Kind::Unavailable, "the instance of Node that the function belongs to has ended")
}

fn strange<T>() -> HostResult<T> {
    Err(HostError::new(Kind::InvalidArgument, "the app's function gave another answer than was asked for"))
}

fn request(method: &'static str) -> HostRequest {
    HostRequest { method, ..HostRequest::default() }
}

fn named(method: &'static str, name: &str) -> HostRequest {
    HostRequest { name: Some(name.to_owned()), ..request(method) }
}

/// Storage written in JavaScript.
pub(crate) struct Storage {
    pub(crate) line: Line,
    pub(crate) location: String,
    pub(crate) settling_ms: u64,
}

impl HostBackend for Storage {
    fn put(&self, name: &str, parts: &[&[u8]]) -> HostResult<()> {
        let data = Some(Uint8Array::new(parts.concat()));
        match self.line.ask(HostRequest { data, ..named("put", name) })? {
            Answer::Done => Ok(()),
            _ => strange(),
        }
    }

    fn read(&self, name: &str, offset: u64, length: u64) -> HostResult<Vec<u8>> {
        let range = HostRequest { offset: Some(offset as f64), length: Some(length as f64), ..named("read", name) };
        match self.line.ask(range)? {
            Answer::Bytes(bytes) => Ok(bytes),
            Answer::End => Err(HostError::new(Kind::NotFound, "there is no such object")),
            _ => strange(),
        }
    }

    fn stat(&self, name: &str) -> HostResult<HostObject> {
        match self.line.ask(named("stat", name))? {
            Answer::Object(object) => Ok(object),
            Answer::End => Err(HostError::new(Kind::NotFound, "there is no such object")),
            _ => strange(),
        }
    }

    fn list(&self, folder: &str, found: &mut dyn FnMut(HostObject) -> HostResult<()>) -> HostResult<()> {
        let answers = self.line.send(named("list", folder), AHEAD)?;
        loop {
            match self.line.wait(&answers)? {
                // None of them is how the end is told: `done` could find no room.
                Answer::Objects(objects) if objects.is_empty() => return Ok(()),
                Answer::Objects(objects) => objects.into_iter().try_for_each(&mut *found)?,
                _ => return strange(),
            }
        }
    }

    fn delete(&self, name: &str) -> HostResult<()> {
        match self.line.ask(named("delete", name))? {
            Answer::Done | Answer::End => Ok(()),
            _ => strange(),
        }
    }

    fn location(&self) -> String {
        self.location.clone()
    }

    fn settling_ms(&self) -> u64 {
        self.settling_ms
    }
}

/// A stream of the app, by its number.
pub(crate) struct Stream {
    line: Line,
    number: u32,
    rest: Vec<u8>,
    at: usize,
}

impl Stream {
    pub(crate) fn new(line: Line, number: u32) -> Self {
        Stream { line, number, rest: Vec::new(), at: 0 }
    }
}

/// Bytes that are taken from JavaScript at once: copying them must not be felt there.
const PIECE: usize = 1 << 20;

impl HostReader for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> HostResult<usize> {
        if self.at >= self.rest.len() {
            let length = Some(PIECE as f64);
            match self.line.ask(HostRequest { stream: Some(self.number), length, ..request("pull") })? {
                Answer::Bytes(bytes) => (self.rest, self.at) = (bytes, 0),
                Answer::End => return Ok(0),
                _ => return strange(),
            }
        }
        let rest = self.rest.get(self.at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}

/// Entries of the app.
pub(crate) struct Entries(pub(crate) Line);

impl HostEntries for Entries {
    fn next(&mut self) -> HostResult<Option<HostEntry>> {
        match self.0.ask(request("next"))? {
            Answer::Entry(entry) => self.entry(*entry).map(Some),
            Answer::End => Ok(None),
            _ => strange(),
        }
    }
}

impl Entries {
    fn entry(&self, given: HostEntryInput) -> HostResult<HostEntry> {
        let small = |number: Option<Whole>, what: &str| -> HostResult<Option<u32>> {
            let narrow = |number: Whole| number.narrow(what);
            number.map(narrow).transpose().map_err(|error| HostError::new(error.kind, error.message.clone()))
        };
        let kind = given.kind.map_or(strongroom_bindings::EntryKind::File, |kind| kind.0);
        let mut entry = HostEntry::new(given.path.0, kind);
        entry.content = match (given.bytes, given.stream) {
            (Some(bytes), _) => Some(HostContent::Bytes(bytes.to_vec())),
            (None, Some(number)) => Some(HostContent::Reader(Box::new(Stream::new(self.0.clone(), number)))),
            (None, None) => None,
        };
        entry.size = given.size.map(|size| size.0);
        entry.target = given.target.map(|target| target.0);
        entry.hard_link_to = given.hard_link_to.map(|path| path.0);
        entry.device_major = small(given.device_major, "a device number")?.unwrap_or(0);
        entry.device_minor = small(given.device_minor, "a device number")?.unwrap_or(0);
        entry.mode = small(given.mode, "the mode")?;
        entry.uid = small(given.uid, "the user id")?;
        entry.gid = small(given.gid, "the group id")?;
        entry.modified = given.modified.map(|time| time.0);
        entry.changed = given.changed.map(|time| time.0);
        for HostXattr { name, value } in given.xattrs.unwrap_or_default() {
            entry.xattrs.push(Xattr { name: name.0, value: value.to_vec() });
        }
        entry.problem = given.problem.map(|problem| HostProblem { reason: problem.reason.0, detail: problem.detail.0 });
        Ok(entry)
    }
}

/// A writer of the app.
pub(crate) struct Writer(pub(crate) Line);

impl HostWriter for Writer {
    fn write(&mut self, data: &[u8]) -> HostResult<()> {
        for piece in data.chunks(PIECE) {
            let data = Some(Uint8Array::new(piece.to_vec()));
            match self.0.ask(HostRequest { data, ..request("write") })? {
                Answer::Done => {}
                _ => return strange(),
            }
        }
        Ok(())
    }
}

/// A progress listener of the app.
pub(crate) struct Listener(pub(crate) Line);

impl ProgressListener for Listener {
    fn progress(&self, progress: &CommonProgress) -> HostResult<()> {
        let progress = Some(Progress::from(progress.clone()));
        match self.0.ask(HostRequest { progress, ..request("progress") })? {
            Answer::Done => Ok(()),
            _ => strange(),
        }
    }
}

/// A log of the app. Nobody waits for it.
pub(crate) struct Sink(pub(crate) Line);

impl LogSink for Sink {
    fn log(&self, event: &LogEvent) {
        let event = Some(Log::from(event.clone()));
        // Where the environment has ended, there is no log either.
        let _ = self.0.send(HostRequest { event, ..request("log") }, 1);
    }
}
