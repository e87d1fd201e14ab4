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
/// can be cut into slices, and its work space stays small.
const WORK: u64 = 4 * 1024 * 1024;

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

/// Makes the parity object of a pack that lies in these parts.
///
/// Takes memory for the object and, beside it, some 16 MiB of work space at most.
pub(crate) fn encode(repository: &RepositoryId, pack: &PackId, parts: &[&[u8]], percent: u8) -> Result<Vec<u8>> {
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
        parts.copy(sector * SECTOR as u64, &mut buffer);
        table.extend_from_slice(&hash(&buffer));
    }
    parity.chunks(SECTOR).for_each(|sector| table.extend_from_slice(&hash(sector)));
    let head = head(repository, pack, &scheme)?;
    Ok([head.as_slice(), &table, &parity, &table, &head].concat())
}

/// A parity object as it was read: whole, cut short or damaged in places.
#[derive(Debug)]
pub(crate) struct Parity<'a> {
    scheme: Scheme,
    bytes: &'a [u8],
}

impl<'a> Parity<'a> {
    /// Finds one of the two heads.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when neither is sound or it is of another pack, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a later version.
    pub(crate) fn open(bytes: &'a [u8], repository: &RepositoryId, pack: &PackId) -> Result<Self> {
        let operation = "read parity";
        let front = bytes.first_chunk::<HEAD>().map(|head| read_head(head, repository, pack));
        let back = || bytes.last_chunk::<HEAD>().map(|head| read_head(head, repository, pack));
        let scheme = match front {
            Some(Ok(scheme)) => scheme,
            Some(Err(error)) => match back() {
                Some(Ok(scheme)) => scheme,
                _ => return Err(error),
            },
            None => return Err(corrupt(operation, "it is too short")),
        };
        Ok(Parity { scheme, bytes })
    }

    #[cfg(test)]
    pub(crate) fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Whether the object is what it was when it was written.
    pub(crate) fn is_whole(&self) -> bool {
        let sectors = self.scheme.sectors();
        let sound = |number: u64| self.parity_sector(number).is_some();
        let table = |at: u64| self.slice(at, self.scheme.table());
        self.bytes.len() as u64 == self.scheme.object_length()
            && self.bytes.first_chunk::<HEAD>() == self.bytes.last_chunk::<HEAD>()
            && table(HEAD as u64) == table(self.second_table())
            && (0..self.scheme.parity_sectors()).all(sound)
            && sectors > 0
    }

    fn slice(&self, at: u64, length: u64) -> Option<&[u8]> {
        let start = usize::try_from(at).ok()?;
        self.bytes.get(start..start.checked_add(usize::try_from(length).ok()?)?)
    }

    fn second_table(&self) -> u64 {
        HEAD as u64 + self.scheme.table() + self.scheme.parity_sectors() * SECTOR as u64
    }

    /// Whether one of the two tables has this hash for a sector: those of the pack first, then those of parity.
    fn has_hash(&self, number: u64, found: &[u8]) -> bool {
        let at = number * HASH as u64;
        let hash = hash(found);
        let tables = [HEAD as u64 + at, self.second_table() + at];
        tables.into_iter().any(|at| self.slice(at, HASH as u64) == Some(hash.as_slice()))
    }

    /// A parity sector, if it is sound.
    fn parity_sector(&self, number: u64) -> Option<&[u8]> {
        let at = HEAD as u64 + self.scheme.table() + number * SECTOR as u64;
        let sector = self.slice(at, SECTOR as u64)?;
        self.has_hash(self.scheme.sectors() + number, sector).then_some(sector)
    }

    /// Computes the pack again from what is left of it. Returns it with the number of sectors that were healed.
    ///
    /// Takes memory for the pack and, beside it, some 16 MiB of work space at most.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when more is lost than parity makes good, or what comes out is not the pack.
    pub(crate) fn heal(&self, mut left: Vec<u8>, pack: &PackId) -> Result<(Vec<u8>, u64)> {
        let operation = "heal a pack";
        let scheme = &self.scheme;
        left.resize(size(scheme.sectors())? * SECTOR, 0);
        // What is behind the end of the pack counts as zeros.
        let end = size(scheme.length)?;
        left.get_mut(end..).unwrap_or_default().fill(0);
        let groups = scheme.groups();
        let mut healed = 0;
        for group in 0..groups {
            let members: Vec<u64> = (group..scheme.sectors()).step_by(size(groups)?).collect();
            let sound: Vec<bool> = members
                .iter()
                .map(|sector| sector_of(&left, *sector).is_some_and(|bytes| self.has_hash(*sector, bytes)))
                .collect();
            let bad = sound.iter().filter(|sound| !**sound).count();
            if bad == 0 {
                continue;
            }
            let parity = |number: u64| Some((size(number).ok()?, self.parity_sector(number * groups + group)?));
            let parity: Vec<(usize, &[u8])> = (0..scheme.parity).filter_map(parity).take(bad).collect();
            if parity.len() < bad {
                let detail = format!(
                    "{bad} of {} sectors are damaged, and parity is left for {} of them",
                    members.len(),
                    parity.len()
                );
                return Err(corrupt(operation, detail));
            }
            self.heal_group(&mut left, &members, &sound, &parity)?;
            healed += bad as u64;
        }
        left.truncate(end);
        if blake3::hash(&left).as_bytes() != pack.as_bytes() {
            return Err(corrupt(operation, "what parity yields is not the pack"));
        }
        Ok((left, healed))
    }

    fn heal_group(&self, left: &mut [u8], members: &[u64], sound: &[bool], parity: &[(usize, &[u8])]) -> Result<()> {
        let slice = self.scheme.slice();
        let mut decoder = ReedSolomonDecoder::new(members.len(), size(self.scheme.parity)?, slice).map_err(coding)?;
        for begin in (0..SECTOR).step_by(slice) {
            for (index, (sector, sound)) in members.iter().zip(sound).enumerate() {
                let bytes = sector_of(left, *sector).and_then(|bytes| bytes.get(begin..begin + slice));
                if let Some(bytes) = bytes.filter(|_| *sound) {
                    decoder.add_original_shard(index, bytes).map_err(coding)?;
                }
            }
            for (index, bytes) in parity {
                let bytes = bytes.get(begin..begin + slice).unwrap_or_default();
                decoder.add_recovery_shard(*index, bytes).map_err(coding)?;
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
        encode(&REPOSITORY, &id(pack), &[one, &[], two], percent).unwrap()
    }

    fn heal(left: &[u8], parity: &[u8], pack: &[u8]) -> Result<(Vec<u8>, u64)> {
        Parity::open(parity, &REPOSITORY, &id(pack))?.heal(left.to_vec(), &id(pack))
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
            let opened = Parity::open(&parity, &REPOSITORY, &id(&pack)).unwrap();
            prop_assert!(opened.is_whole());
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
            let opened = Parity::open(&parity, &REPOSITORY, &id(&pack)).unwrap();
            prop_assert!(!opened.is_whole());
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
        assert_eq!((scheme.groups(), scheme.group_size(0), scheme.slice()), (4, 32_768, 128));
        assert_eq!(scheme.bound(), (3277, 4 * 3277));
        let scheme = Scheme::new((128 << 20) + 1, 1);
        assert_eq!((scheme.groups(), scheme.group_size(0), scheme.group_size(1)), (2, 16_385, 16_384));
        let usual = Scheme::new(16 << 20, 5);
        assert_eq!((usual.groups(), usual.bound(), usual.slice()), (1, (205, 205), 1024));
        assert_eq!(usual.object_length(), 2 * (76 + 8 * (4096 + 205)) + 205 * 4096);
    }

    #[test]
    fn parity_of_another_pack_or_a_later_version_is_refused() {
        let pack = noise(1, 50_000);
        let parity = parity_of(&pack, 10);
        let other = PackId::from_bytes([1; 32]);
        assert_eq!(Parity::open(&parity, &REPOSITORY, &other).unwrap_err().kind(), ErrorKind::Corrupt);
        let mut later = parity.clone();
        later[7] = 2;
        let checksum = hash(&later[..HEAD - HASH]);
        later[HEAD - HASH..HEAD].copy_from_slice(&checksum);
        let end = later.len() - HEAD;
        later.copy_within(..HEAD, end);
        assert_eq!(Parity::open(&later, &REPOSITORY, &id(&pack)).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
