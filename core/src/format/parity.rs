//! Parity objects: recovery data beside a pack, by which lost sectors of it are computed again.
//!
//! Nothing in it is secret, and nothing has to be trusted: what is healed is compared with the pack's name, which is the
//! hash of its bytes.

use super::object::{self, Kind};
use super::wire::Reader;
use crate::error::{Error, Result, corrupt, internal};
use crate::id::{PackId, RepositoryId};
use reed_solomon_simd::{ReedSolomonDecoder, ReedSolomonEncoder};

/// What heals as one: the sector of most disks.
pub(crate) const SECTOR: usize = 4096;
/// Most sectors of a pack that are coded together.
const MAX_GROUP: u64 = 32_768;
/// Bytes of a sector's hash.
const HASH: usize = 8;
/// Object header, repository, pack, length of the pack, parity sectors a group, checksum.
const HEAD: usize = object::HEADER + RepositoryId::LEN + PackId::LEN + 8 + 4 + HASH;
/// Longest pack that has parity: beyond the longest there may be, with its footer.
const MAX_PACK: u64 = 1 << 30;
/// Bytes of sectors that are coded in one go: the code works on every two bytes of a sector by themselves, so sectors
/// can be cut into slices, and its work space stays small. Cancellation is looked for between them.
const WORK: u64 = 1024 * 1024;
/// Sectors that are hashed between two looks for cancellation.
const SECTORS_A_LOOK: u64 = 1024;

/// Ends the work where its answer is an error.
pub(crate) type Look<'a> = dyn Fn() -> Result<()> + 'a;

/// Reads so many bytes of a parity object from an offset on: fewer where it ends, zeros where they are lost.
pub(crate) type Read<'a> = dyn FnMut(u64, usize) -> Result<Vec<u8>> + 'a;

/// How the sectors of a pack are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scheme {
    /// Length of the pack.
    pub(crate) length: u64,
    /// Parity sectors of each group.
    pub(crate) parity: u64,
}

impl Scheme {
    /// Enough parity for this share of a pack.
    pub(crate) fn new(length: u64, percent: u8) -> Self {
        let scheme = Scheme { length, parity: 0 };
        let largest = scheme.sectors().div_ceil(scheme.groups().max(1));
        Scheme { parity: (largest * u64::from(percent)).div_ceil(100).clamp(1, MAX_GROUP), ..scheme }
    }

    fn sectors(&self) -> u64 {
        self.length.div_ceil(SECTOR as u64)
    }

    /// Groups of sectors: sector i is of group i modulo their number, so that a lost range is shared among all.
    fn groups(&self) -> u64 {
        self.sectors().div_ceil(MAX_GROUP)
    }

    fn group_size(&self, group: u64) -> u64 {
        self.sectors().saturating_sub(group).div_ceil(self.groups().max(1))
    }

    fn parity_sectors(&self) -> u64 {
        self.groups() * self.parity
    }

    fn table(&self) -> u64 {
        (self.sectors() + self.parity_sectors()) * HASH as u64
    }

    fn second_table(&self) -> u64 {
        HEAD as u64 + self.table() + self.parity_sectors() * SECTOR as u64
    }

    /// Length of the object.
    pub(crate) fn object_length(&self) -> u64 {
        2 * (HEAD as u64 + self.table()) + self.parity_sectors() * SECTOR as u64
    }

    /// Sectors that may be lost, wherever they are, and for a range: of any length up to this many sectors.
    #[cfg(test)]
    pub(crate) fn bound(&self) -> (u64, u64) {
        (self.parity, self.parity_sectors())
    }

    fn fault(&self) -> Option<&'static str> {
        if self.length == 0 || self.length > MAX_PACK {
            return Some("its pack has an impossible length");
        }
        if self.parity == 0 || self.parity > MAX_GROUP {
            return Some("it has an impossible number of parity sectors");
        }
        None
    }

    /// Bytes of each sector that are coded in one go: a power of two.
    fn slice(&self) -> usize {
        let most = WORK / self.group_size(0).max(self.parity).max(1);
        let mut slice = 64;
        while slice < SECTOR && slice as u64 * 2 <= most {
            slice *= 2;
        }
        slice
    }
}

fn size(number: u64) -> Result<usize> {
    usize::try_from(number).map_err(|_| internal("compute parity", "it does not fit into memory"))
}

fn hash(sector: &[u8]) -> [u8; HASH] {
    blake3::hash(sector).as_bytes().first_chunk().copied().unwrap_or_default()
}

fn coding(error: reed_solomon_simd::Error) -> Error {
    internal("compute parity", "the code refused its input").because(error)
}

fn head(repository: &RepositoryId, pack: &PackId, scheme: &Scheme) -> Result<Vec<u8>> {
    let mut head = object::header(Kind::Parity).to_vec();
    head.extend_from_slice(repository.as_bytes());
    head.extend_from_slice(pack.as_bytes());
    head.extend_from_slice(&scheme.length.to_le_bytes());
    let parity = u32::try_from(scheme.parity).map_err(|_| internal("write parity", "there is too much of it"))?;
    head.extend_from_slice(&parity.to_le_bytes());
    let checksum = hash(&head);
    head.extend_from_slice(&checksum);
    Ok(head)
}

/// A pack in the pieces in which it lies in memory.
struct Parts<'a> {
    parts: Vec<(u64, &'a [u8])>,
}

impl Parts<'_> {
    /// Copies what begins at `offset`; zeros behind the end.
    fn copy(&self, mut offset: u64, mut out: &mut [u8]) {
        out.fill(0);
        let mut next = self.parts.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        while let Some((start, part)) = self.parts.get(next)
            && !out.is_empty()
        {
            let from = usize::try_from(offset.saturating_sub(*start)).unwrap_or(usize::MAX);
            let found = part.get(from..).unwrap_or_default();
            let count = found.len().min(out.len());
            let (now, later) = std::mem::take(&mut out).split_at_mut(count);
            now.copy_from_slice(found.get(..count).unwrap_or_default());
            out = later;
            offset = offset.saturating_add(count as u64);
            next += 1;
        }
    }
}

/// A parity object, in the pieces it is made of.
#[derive(Debug)]
pub(crate) struct Encoded {
    head: Vec<u8>,
    table: Vec<u8>,
    sectors: Vec<u8>,
}

impl Encoded {
    /// Its bytes, in their order.
    pub(crate) fn parts(&self) -> [&[u8]; 5] {
        [&self.head, &self.table, &self.sectors, &self.table, &self.head]
    }

    pub(crate) fn length(&self) -> u64 {
        self.parts().iter().map(|part| part.len() as u64).sum()
    }
}

/// Makes the parity object of a pack that lies in these parts.
///
/// Takes memory for the object and, beside it, some 10 MiB, most of which are tables of the code.
pub(crate) fn encode(
    repository: &RepositoryId,
    pack: &PackId,
    parts: &[&[u8]],
    percent: u8,
    look: &Look<'_>,
) -> Result<Encoded> {
    let mut length = 0;
    let placed = parts.iter().map(|part| {
        let start = length;
        length += part.len() as u64;
        (start, *part)
    });
    let parts = Parts { parts: placed.filter(|(_, part)| !part.is_empty()).collect() };
    let scheme = Scheme::new(length, percent);
    if let Some(fault) = scheme.fault() {
        return Err(internal("write parity", fault));
    }
    let (groups, per_group, slice) = (scheme.groups(), size(scheme.parity)?, scheme.slice());
    let mut parity = vec![0; size(scheme.parity_sectors())? * SECTOR];
    let mut buffer = vec![0; SECTOR];
    for group in 0..groups {
        let count = size(scheme.group_size(group))?;
        let mut encoder = ReedSolomonEncoder::new(count, per_group, slice).map_err(coding)?;
        for begin in (0..SECTOR).step_by(slice) {
            look()?;
            let piece = buffer.get_mut(..slice).unwrap_or_default();
            for sector in (group..scheme.sectors()).step_by(size(groups)?) {
                parts.copy(sector * SECTOR as u64 + begin as u64, piece);
                encoder.add_original_shard(&*piece).map_err(coding)?;
            }
            let coded = encoder.encode().map_err(coding)?;
            for (number, coded) in (0u64..).zip(coded.recovery_iter()) {
                let at = size(number * groups + group)? * SECTOR + begin;
                if let Some(place) = parity.get_mut(at..at + slice) {
                    place.copy_from_slice(coded);
                }
            }
        }
    }
    let mut table = Vec::with_capacity(size(scheme.table())?);
    for sector in 0..scheme.sectors() {
        look_now_and_then(sector, look)?;
        parts.copy(sector * SECTOR as u64, &mut buffer);
        table.extend_from_slice(&hash(&buffer));
    }
    for (number, sector) in (0u64..).zip(parity.chunks(SECTOR)) {
        look_now_and_then(number, look)?;
        table.extend_from_slice(&hash(sector));
    }
    Ok(Encoded { head: head(repository, pack, &scheme)?, table, sectors: parity })
}

fn look_now_and_then(number: u64, look: &Look<'_>) -> Result<()> {
    if number.is_multiple_of(SECTORS_A_LOOK) { look() } else { Ok(()) }
}

/// A parity object as it can be read: whole, cut short or damaged in places. Its sectors stay where they are.
#[derive(Debug)]
pub(crate) struct Parity {
    scheme: Scheme,
    /// As far as they are there.
    tables: [Vec<u8>; 2],
    /// Whether length, heads and tables are what they were.
    framed: bool,
}

impl Parity {
    /// Reads head and tables of an object of this length. A pack longer than `most` has no parity.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when neither head is sound or it is of another pack,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a later version, and those of `read`.
    pub(crate) fn open(
        length: u64,
        most: u64,
        read: &mut Read<'_>,
        repository: &RepositoryId,
        pack: &PackId,
    ) -> Result<Self> {
        let operation = "read parity";
        let front = read(0, HEAD)?;
        let back = read(length.saturating_sub(HEAD as u64), HEAD)?;
        let of = |bytes: &[u8]| bytes.first_chunk::<HEAD>().map(|head| read_head(head, repository, pack));
        let scheme = match of(&front) {
            Some(Ok(scheme)) => scheme,
            Some(Err(error)) => match of(&back) {
                Some(Ok(scheme)) => scheme,
                _ => return Err(error),
            },
            None => return Err(corrupt(operation, "it is too short")),
        };
        if scheme.length > most {
            return Err(corrupt(
                operation,
                format!("its pack would be longer than the {most} bytes that packs have here"),
            ));
        }
        let table = size(scheme.table())?;
        let tables = [read(HEAD as u64, table)?, read(scheme.second_table(), table)?];
        let [first, second] = &tables;
        let framed = length == scheme.object_length() && front == back && first == second;
        Ok(Parity { scheme, tables, framed })
    }

    #[cfg(test)]
    pub(crate) fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Length of the pack.
    pub(crate) fn length(&self) -> u64 {
        self.scheme.length
    }

    /// Whether the object is what it was when it was written.
    pub(crate) fn is_whole(&self, read: &mut Read<'_>) -> Result<bool> {
        for number in 0..self.scheme.parity_sectors() {
            if self.parity_sector(number, read)?.is_none() {
                return Ok(false);
            }
        }
        Ok(self.framed)
    }

    /// Whether one of the two tables has this hash for a sector: those of the pack first, then those of parity.
    fn has_hash(&self, number: u64, found: &[u8]) -> bool {
        let hash = hash(found);
        let at = usize::try_from(number).ok().and_then(|number| number.checked_mul(HASH));
        let has = |table: &Vec<u8>| at.and_then(|at| table.get(at..at.checked_add(HASH)?)) == Some(hash.as_slice());
        self.tables.iter().any(has)
    }

    /// A parity sector, if it is sound.
    fn parity_sector(&self, number: u64, read: &mut Read<'_>) -> Result<Option<Vec<u8>>> {
        let at = HEAD as u64 + self.scheme.table() + number * SECTOR as u64;
        let sector = read(at, SECTOR)?;
        let sound = sector.len() == SECTOR && self.has_hash(self.scheme.sectors() + number, &sector);
        Ok(sound.then_some(sector))
    }

    /// Computes the pack again from what is left of it. Returns it with the number of sectors that were healed.
    ///
    /// Takes no memory beside that of the pack but some 10 MiB, most of which are tables of the code: the parity that is
    /// needed is put where sectors are lost.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when more is lost than parity makes good, or what comes out is not the pack.
    pub(crate) fn heal(
        &self,
        mut left: Vec<u8>,
        pack: &PackId,
        read: &mut Read<'_>,
        look: &Look<'_>,
    ) -> Result<(Vec<u8>, u64)> {
        let operation = "heal a pack";
        let scheme = &self.scheme;
        let end = size(scheme.length)?;
        // What is behind the end of the pack counts as zeros.
        left.truncate(end);
        let length = size(scheme.sectors())? * SECTOR;
        left.reserve_exact(length.saturating_sub(left.len()));
        left.resize(length, 0);
        let groups = scheme.groups();
        let mut healed = 0;
        for group in 0..groups {
            let members: Vec<u64> = (group..scheme.sectors()).step_by(size(groups)?).collect();
            let mut sound = Vec::with_capacity(members.len());
            for (number, sector) in (0u64..).zip(&members) {
                look_now_and_then(number, look)?;
                sound.push(sector_of(&left, *sector).is_some_and(|bytes| self.has_hash(*sector, bytes)));
            }
            let bad: Vec<u64> = members.iter().zip(&sound).filter(|(_, sound)| !**sound).map(|(at, _)| *at).collect();
            if bad.is_empty() {
                continue;
            }
            let (mut lost, mut parity) = (bad.iter(), Vec::new());
            for number in 0..scheme.parity {
                look_now_and_then(number, look)?;
                let Some(place) = lost.as_slice().first() else { break };
                if let Some(sector) = self.parity_sector(number * groups + group, read)?
                    && let Some(to) = sector_of_mut(&mut left, *place)
                {
                    to.copy_from_slice(&sector);
                    parity.push((size(number)?, *place));
                    lost.next();
                }
            }
            if parity.len() < bad.len() {
                let detail = format!(
                    "{} of {} sectors are damaged, and parity is left for {} of them",
                    bad.len(),
                    members.len(),
                    parity.len()
                );
                return Err(corrupt(operation, detail));
            }
            self.heal_group(&mut left, &members, &sound, &parity, look)?;
            healed += bad.len() as u64;
        }
        left.truncate(end);
        let mut hasher = blake3::Hasher::new();
        for part in left.chunks(SECTOR * size(SECTORS_A_LOOK)?) {
            look()?;
            hasher.update(part);
        }
        if hasher.finalize().as_bytes() != pack.as_bytes() {
            return Err(corrupt(operation, "what parity yields is not the pack"));
        }
        Ok((left, healed))
    }

    /// Computes the sectors of a group that are not sound. In their places lies the parity to do it with.
    fn heal_group(
        &self,
        left: &mut [u8],
        members: &[u64],
        sound: &[bool],
        parity: &[(usize, u64)],
        look: &Look<'_>,
    ) -> Result<()> {
        let slice = self.scheme.slice();
        let mut decoder = ReedSolomonDecoder::new(members.len(), size(self.scheme.parity)?, slice).map_err(coding)?;
        for begin in (0..SECTOR).step_by(slice) {
            look()?;
            let part = |sector: u64| sector_of(left, sector).and_then(|bytes| bytes.get(begin..begin + slice));
            for (index, (sector, sound)) in members.iter().zip(sound).enumerate() {
                if let Some(bytes) = part(*sector).filter(|_| *sound) {
                    decoder.add_original_shard(index, bytes).map_err(coding)?;
                }
            }
            for (index, place) in parity {
                decoder.add_recovery_shard(*index, part(*place).unwrap_or_default()).map_err(coding)?;
            }
            let decoded = decoder.decode().map_err(coding)?;
            for (index, bytes) in decoded.restored_original_iter() {
                let at = members.get(index).copied().map(size).transpose()?.unwrap_or_default() * SECTOR + begin;
                if let Some(place) = left.get_mut(at..at + slice) {
                    place.copy_from_slice(bytes);
                }
            }
        }
        Ok(())
    }
}

fn sector_of(bytes: &[u8], sector: u64) -> Option<&[u8]> {
    let at = usize::try_from(sector).ok()?.checked_mul(SECTOR)?;
    bytes.get(at..at.checked_add(SECTOR)?)
}

fn sector_of_mut(bytes: &mut [u8], sector: u64) -> Option<&mut [u8]> {
    let at = usize::try_from(sector).ok()?.checked_mul(SECTOR)?;
    bytes.get_mut(at..at.checked_add(SECTOR)?)
}

fn read_head(head: &[u8; HEAD], repository: &RepositoryId, pack: &PackId) -> Result<Scheme> {
    let operation = "read parity";
    let (bound, checksum) = head.split_at(HEAD - HASH);
    if checksum != hash(bound) {
        return Err(corrupt(operation, "its head is damaged"));
    }
    let mut reader = Reader::new(object::strip(bound, Kind::Parity, operation)?, operation);
    if reader.array()? != *repository.as_bytes() || reader.array()? != *pack.as_bytes() {
        return Err(reader.error("it belongs to another pack"));
    }
    let length = u64::from_le_bytes(reader.array()?);
    let scheme = Scheme { length, parity: u32::from_le_bytes(reader.array()?).into() };
    match scheme.fault() {
        Some(fault) => Err(reader.error(fault)),
        None => Ok(scheme),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::testing::noise;
    use proptest::prelude::*;
    use proptest::sample::Index;

    const REPOSITORY: RepositoryId = RepositoryId::from_bytes([3; 16]);

    fn id(bytes: &[u8]) -> PackId {
        PackId::from_bytes(*blake3::hash(bytes).as_bytes())
    }

    fn parity_of(pack: &[u8], percent: u8) -> Vec<u8> {
        let (one, two) = pack.split_at(pack.len() / 3);
        encode(&REPOSITORY, &id(pack), &[one, &[], two], percent, &|| Ok(())).unwrap().parts().concat()
    }

    fn reading(parity: &[u8]) -> impl FnMut(u64, usize) -> Result<Vec<u8>> + '_ {
        move |at, length| {
            let rest = usize::try_from(at).ok().and_then(|at| parity.get(at..)).unwrap_or_default();
            Ok(rest[..length.min(rest.len())].to_vec())
        }
    }

    fn open(parity: &[u8], pack: &PackId) -> Result<Parity> {
        Parity::open(parity.len() as u64, 4 << 20, &mut reading(parity), &REPOSITORY, pack)
    }

    fn is_whole(parity: &[u8], pack: &PackId) -> bool {
        open(parity, pack).unwrap().is_whole(&mut reading(parity)).unwrap()
    }

    fn heal(left: &[u8], parity: &[u8], pack: &[u8]) -> Result<(Vec<u8>, u64)> {
        open(parity, &id(pack))?.heal(left.to_vec(), &id(pack), &mut reading(parity), &|| Ok(()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn any_sectors_up_to_the_bound_heal_and_one_more_does_not(
            length in 1usize..700_000, percent in 1u8..=60, damage in prop::collection::vec(any::<(Index, u8)>(), 1..40),
        ) {
            let pack = noise(length as u64, length);
            let parity = parity_of(&pack, percent);
            let scheme = Scheme::new(length as u64, percent);
            prop_assert_eq!(parity.len() as u64, scheme.object_length());
            let opened = open(&parity, &id(&pack)).unwrap();
            prop_assert!(is_whole(&parity, &id(&pack)));
            prop_assert_eq!(opened.scheme(), &scheme);
            let mut left = pack.clone();
            let mut sectors = std::collections::BTreeSet::new();
            for (at, with) in damage {
                let at = at.index(length);
                left[at] ^= with | 1;
                sectors.insert(at / SECTOR);
            }
            let differs = left.chunks(SECTOR).zip(pack.chunks(SECTOR)).filter(|(left, pack)| left != pack).count() as u64;
            match heal(&left, &parity, &pack) {
                Ok((healed, count)) => {
                    prop_assert!(differs <= scheme.bound().0 && count == differs);
                    prop_assert!(healed == pack);
                }
                Err(error) => {
                    prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
                    prop_assert!(differs > scheme.bound().0, "{} of {:?}: {}", differs, scheme.bound(), error);
                }
            }
        }

        #[test]
        fn any_lost_range_within_the_bound_heals(length in 20_000usize..900_000, percent in 3u8..=100, at: Index) {
            let pack = noise(7, length);
            let parity = parity_of(&pack, percent);
            let sectors = usize::try_from(Scheme::new(length as u64, percent).bound().1).unwrap();
            // Wherever it begins, a range touches one sector more than it fills.
            let lost = ((sectors - 1) * SECTOR + 1).min(length);
            let at = at.index(length - lost + 1);
            let mut left = pack.clone();
            left[at..at + lost].copy_from_slice(&noise(8, lost));
            prop_assert!(heal(&left, &parity, &pack).unwrap().0 == pack);
            // Cut short by as much.
            prop_assert!(heal(&pack[..length - lost], &parity, &pack).unwrap().0 == pack);
        }

        #[test]
        fn damage_of_parity_itself_costs_what_it_hits(length in 100_000usize..500_000, from: Index, count in 1usize..9000) {
            let pack = noise(9, length);
            let mut parity = parity_of(&pack, 20);
            let at = from.index(parity.len() - count);
            parity[at..at + count].copy_from_slice(&noise(1, count));
            // Up to four of its sectors, or a head, or one of its tables are gone.
            let opened = open(&parity, &id(&pack)).unwrap();
            prop_assert!(!is_whole(&parity, &id(&pack)));
            let bound = usize::try_from(opened.scheme().bound().0).unwrap();
            let mut left = pack.clone();
            let lost = bound.saturating_sub(4) * SECTOR;
            left[..lost].fill(0);
            prop_assert!(heal(&left, &parity, &pack).unwrap().0 == pack);
        }

        #[test]
        fn hostile_parity_yields_errors_and_never_other_bytes(bytes in prop::collection::vec(any::<u8>(), 0..3000), length: u64, parity: u32) {
            let pack = noise(2, 5000);
            prop_assert!(heal(&pack, &bytes, &pack).is_err());
            let scheme = Scheme { length, parity: parity.into() };
            let mut hostile = head(&REPOSITORY, &id(&pack), &scheme).unwrap();
            hostile.extend_from_slice(&bytes);
            if let Ok((healed, _)) = heal(&pack, &hostile, &pack) {
                prop_assert!(healed == pack);
            }
        }
    }

    #[test]
    fn large_packs_are_coded_in_groups_that_share_a_lost_range() {
        let scheme = Scheme::new(512 << 20, 10);
        assert_eq!((scheme.groups(), scheme.group_size(0), scheme.slice()), (4, 32_768, 64));
        assert_eq!(scheme.bound(), (3277, 4 * 3277));
        let scheme = Scheme::new((128 << 20) + 1, 1);
        assert_eq!((scheme.groups(), scheme.group_size(0), scheme.group_size(1)), (2, 16_385, 16_384));
        let usual = Scheme::new(16 << 20, 5);
        assert_eq!((usual.groups(), usual.bound(), usual.slice()), (1, (205, 205), 256));
        assert_eq!(usual.object_length(), 2 * (76 + 8 * (4096 + 205)) + 205 * 4096);
    }

    #[test]
    fn parity_of_another_pack_or_a_later_version_is_refused() {
        let pack = noise(1, 50_000);
        let parity = parity_of(&pack, 10);
        let other = PackId::from_bytes([1; 32]);
        assert_eq!(open(&parity, &other).unwrap_err().kind(), ErrorKind::Corrupt);
        let mut later = parity.clone();
        later[7] = 2;
        let checksum = hash(&later[..HEAD - HASH]);
        later[HEAD - HASH..HEAD].copy_from_slice(&checksum);
        let end = later.len() - HEAD;
        later.copy_within(..HEAD, end);
        assert_eq!(open(&later, &id(&pack)).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
