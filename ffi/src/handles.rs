//! Handles: numbers that name objects of this library. A number that was closed, or never was one, is found out and never
//! followed.
//!
//! The table is the one piece of state that is the process's own. C has no other place for it: a pointer could not be
//! told from a dangling one.

use std::any::Any;
use std::sync::{Arc, PoisonError, RwLock};
use strongroom_bindings::{Error, ErrorKind, Result};

/// Whatever a handle may name.
pub(crate) trait Object: Any + Send + Sync {
    /// What it is called in messages.
    const NAME: &'static str;
}

type Shared = Arc<dyn Any + Send + Sync>;

struct Slot {
    /// Counts the objects that were here; a handle names slot and generation.
    generation: u32,
    object: Option<Shared>,
}

#[derive(Default)]
struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

static TABLE: RwLock<Table> = RwLock::new(Table { slots: Vec::new(), free: Vec::new() });

fn split(id: u64) -> (u32, u32) {
    // The upper and the lower half; both fit by construction.
    (u32::try_from(id >> 32).unwrap_or(0), u32::try_from(id & 0xffff_ffff).unwrap_or(0))
}

/// Gives an object a number, never 0.
pub(crate) fn insert<T: Object>(object: T) -> u64 {
    let object: Shared = Arc::new(object);
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    let index = match table.free.pop() {
        Some(index) => index,
        None => {
            let index = u32::try_from(table.slots.len()).unwrap_or(u32::MAX);
            table.slots.push(Slot { generation: 1, object: None });
            index
        }
    };
    let position = usize::try_from(index).unwrap_or(usize::MAX);
    let Some(slot) = table.slots.get_mut(position) else { return 0 };
    slot.object = Some(object);
    (u64::from(slot.generation) << 32) | (u64::from(index) + 1)
}

fn missing(name: &str, operation: &str) -> Error {
    Error::invalid(operation, format!("this is no {name}"))
}

/// The object that a number names.
pub(crate) fn get<T: Object>(id: u64, operation: &str) -> Result<Arc<T>> {
    if id == 0 {
        return Err(Error::invalid(operation, format!("the {} is null", T::NAME)));
    }
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    let slot = find(&table, id).ok_or_else(|| missing(T::NAME, operation))?;
    let (generation, _) = split(id);
    if generation > slot.generation || generation == 0 {
        return Err(missing(T::NAME, operation));
    }
    let object = match &slot.object {
        Some(object) if slot.generation == generation => Arc::clone(object),
        _ => return Err(Error::new(ErrorKind::Closed, operation, format!("the {} was closed", T::NAME))),
    };
    object.downcast::<T>().map_err(|_| missing(T::NAME, operation))
}

fn find(table: &Table, id: u64) -> Option<&Slot> {
    let (_, low) = split(id);
    table.slots.get(usize::try_from(low.checked_sub(1)?).ok()?)
}

/// Takes an object out of the table. None when there is none of this kind under that number: closed twice, or never one.
pub(crate) fn remove<T: Object>(id: u64) -> Option<Arc<T>> {
    let mut guard = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    let table = &mut *guard;
    let (generation, low) = split(id);
    let index = low.checked_sub(1)?;
    let slot = table.slots.get_mut(usize::try_from(index).ok()?)?;
    if slot.generation != generation || !slot.object.as_ref().is_some_and(|object| object.is::<T>()) {
        return None;
    }
    let object = slot.object.take()?;
    slot.generation = slot.generation.saturating_add(1);
    // A slot whose generations are used up rests for ever.
    if slot.generation < u32::MAX {
        table.free.push(index);
    }
    drop(guard);
    object.downcast::<T>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(u32);
    struct Other;
    impl Object for One {
        const NAME: &'static str = "one";
    }
    impl Object for Other {
        const NAME: &'static str = "other";
    }

    #[test]
    fn numbers_name_what_they_were_given_for_and_nothing_else() {
        let first = insert(One(1));
        assert_eq!(get::<One>(first, "x").unwrap().0, 1);
        assert_eq!(get::<Other>(first, "x").err().unwrap().kind, ErrorKind::InvalidArgument);
        assert!(remove::<Other>(first).is_none());
        assert!(remove::<One>(first).is_some() && remove::<One>(first).is_none());
        assert_eq!(get::<One>(first, "x").err().unwrap().kind, ErrorKind::Closed);
        let second = insert(One(2));
        assert_ne!(first, second);
        assert_eq!(get::<One>(first, "x").err().unwrap().kind, ErrorKind::Closed);
        for number in [0, 1, u64::MAX, 0xffff_ffff, 1 << 32, second + (5 << 32), second + 100_000] {
            assert!(get::<One>(number, "x").is_err(), "{number:x}");
            assert!(remove::<One>(number).is_none());
        }
        assert_eq!(get::<One>(second, "x").unwrap().0, 2);
        remove::<One>(second);
    }
}
