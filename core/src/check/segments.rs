//! Whether the segments that files refer to are there.

use super::data::Damage;
use super::packs::{PackState, Packs};
use super::report::{CheckKind, CheckProblem, Findings, kind_of};
use crate::backend::{Folder, ObjectName};
use crate::error::{Error, ErrorKind, Result, internal};
use crate::format::entry::Run;
use crate::format::segment::{BlobKind, SegmentHeader};
use crate::id::SegmentId;
use crate::store::packs::is_of_the_object;
use crate::store::read::StoreReader;
use crate::store::table::SegmentPlace;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// What is known of a segment.
#[derive(Debug, Clone)]
enum Known {
    Sound { blobs: u32, bytes: u64 },
    Lost(Arc<str>),
}

/// Above this many, what is known of segments is found out anew, so that memory stays bounded.
const MAX_KNOWN: usize = 65_536;
/// Above this many lost segments, one may be reported more than once.
const MAX_REPORTED: usize = 65_536;

/// Looks up segments and remembers what it found.
pub(super) struct Segments<'a> {
    reader: &'a StoreReader,
    packs: &'a Packs,
    damage: &'a Damage,
    findings: &'a Findings<'a>,
    state: Mutex<State>,
}

/// What is known, and what to report of it.
type Found = (Known, Option<(CheckKind, String)>);

#[derive(Default)]
struct State {
    known: HashMap<SegmentId, Known>,
    reported: HashSet<SegmentId>,
}

impl<'a> Segments<'a> {
    pub(super) fn new(
        reader: &'a StoreReader,
        packs: &'a Packs,
        damage: &'a Damage,
        findings: &'a Findings<'a>,
    ) -> Self {
        Segments { reader, packs, damage, findings, state: Mutex::default() }
    }

    /// What is wrong with a run, if anything.
    pub(super) fn fault(&self, run: &Run) -> Result<Option<String>> {
        let (blobs, bytes) = match self.look_up(&run.segment)? {
            Known::Sound { blobs, bytes } => (blobs, bytes),
            Known::Lost(detail) => return Ok(Some(format!("segment {}: {detail}", run.segment))),
        };
        let end = run.first.checked_add(run.count);
        let detail = if end.is_none_or(|end| end > blobs) {
            format!("it needs blobs {} to {} of {blobs}", run.first, u64::from(run.first) + u64::from(run.count))
        } else if run.bytes > bytes || (run.count == blobs && run.bytes != bytes) {
            format!("it needs {} bytes; the segment holds {bytes}", run.bytes)
        } else {
            return Ok(None);
        };
        Ok(Some(format!("segment {}: {detail}", run.segment)))
    }

    fn state(&self) -> Result<MutexGuard<'_, State>> {
        self.state.lock().map_err(|_| internal("check segments", "a thread panicked while holding what is known"))
    }

    fn look_up(&self, id: &SegmentId) -> Result<Known> {
        if let Some(known) = self.state()?.known.get(id) {
            return Ok(known.clone());
        }
        let (known, problem) = self.find(id)?;
        let mut state = self.state()?;
        if state.known.len() >= MAX_KNOWN {
            state.known.clear();
        }
        state.known.insert(*id, known.clone());
        if let Some((kind, detail)) = problem {
            if state.reported.len() >= MAX_REPORTED {
                state.reported.clear();
            }
            let new = state.reported.insert(*id);
            drop(state);
            if new {
                self.findings.add(CheckProblem::new(kind, format!("segment {id}"), detail))?;
            }
        }
        Ok(known)
    }

    /// Looks for a copy of the segment that can be trusted. What is wrong with the segment is returned when it is
    /// not said already by a problem with a copy that was read.
    fn find(&self, id: &SegmentId) -> Result<Found> {
        let places = self.reader.store().index().segment(id)?;
        let found = self.find_at(id, &places)?;
        if matches!(found, Some((Known::Sound { .. }, _))) {
            return Ok(found.unwrap_or_else(unlisted));
        }
        let again = self.reader.look_again(id.as_bytes(), &places, |index| index.segment(id))?;
        match self.find_at(id, &again)? {
            Some((sound @ Known::Sound { .. }, _)) => Ok((sound, None)),
            again => Ok(found.or(again).unwrap_or_else(unlisted)),
        }
    }

    fn find_at(&self, id: &SegmentId, places: &[SegmentPlace]) -> Result<Option<Found>> {
        let mut worst = None;
        for place in places {
            if place.header.kind != BlobKind::Data {
                let detail = "the index lists it as a segment of trees, and a file refers to it";
                return Ok(Some(lost(CheckKind::IndexMismatch, detail)));
            }
            if self.damage.segments.contains(&(*id, place.pack)) {
                worst = Some((Known::Lost("it cannot be opened".into()), None));
                continue;
            }
            let opened = match self.packs.state(&place.pack) {
                PackState::Sound => return Ok(Some((sound(&place.header), None))),
                PackState::Missing => Err(None),
                PackState::Suspect => self.reader.store().open_segment(place).map(drop).map_err(Some),
            };
            let name = ObjectName::of(Folder::Packs, place.pack);
            match opened {
                Ok(()) => return Ok(Some((sound(&place.header), None))),
                Err(Some(error)) if !is_of_the_object(&error) => return Err(error),
                Err(error) if worst.is_none() => worst = Some(lost_copy(&name, error.as_ref())),
                Err(_) => {}
            }
        }
        Ok(worst)
    }
}

fn unlisted() -> Found {
    lost(CheckKind::MissingFromIndex, "no readable index object lists it")
}

fn sound(header: &SegmentHeader) -> Known {
    let table = u64::from(header.blob_count) * 4;
    Known::Sound { blobs: header.blob_count, bytes: u64::from(header.raw_length).saturating_sub(table) }
}

fn lost(kind: CheckKind, detail: &str) -> Found {
    (Known::Lost(detail.into()), Some((kind, detail.to_owned())))
}

fn lost_copy(name: &ObjectName, error: Option<&Error>) -> Found {
    match error.filter(|error| error.kind() != ErrorKind::NotFound) {
        None => lost(CheckKind::MissingSegment, &format!("{name}, which holds it, is missing")),
        Some(error) => {
            let kind = kind_of(error, CheckKind::DamagedSegment, CheckKind::MissingSegment);
            let why = error.detail_text().map_or_else(|| error.to_string(), str::to_owned);
            lost(kind, &format!("in {name}: {why}"))
        }
    }
}
