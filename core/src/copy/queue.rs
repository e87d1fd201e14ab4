//! A queue between two threads that holds a bounded number of bytes.

use crate::context::Context;
use crate::error::{Result, internal};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// How long a wait goes without looking for cancellation.
const PATIENCE: Duration = Duration::from_millis(50);

pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    room: u64,
}

struct State<T> {
    items: VecDeque<(T, u64)>,
    held: u64,
    closed: bool,
}

impl<T> Queue<T> {
    /// A queue that takes items as long as they cost no more than `room` together. One item always has room.
    pub(super) fn new(room: u64) -> Self {
        let state = State { items: VecDeque::new(), held: 0, closed: false };
        Queue { state: Mutex::new(state), changed: Condvar::new(), room }
    }

    fn lock(&self) -> Result<MutexGuard<'_, State<T>>> {
        self.state.lock().map_err(|_| panicked())
    }

    /// Adds an item, once there is room for it. `false` when the other side wants no more.
    pub(super) fn push(&self, item: T, cost: u64, ctx: &Context) -> Result<bool> {
        let mut state = self.lock()?;
        while !state.closed && !state.items.is_empty() && state.held.saturating_add(cost) > self.room {
            ctx.check("copy")?;
            state = self.changed.wait_timeout(state, PATIENCE).map_err(|_| panicked())?.0;
        }
        if state.closed {
            return Ok(false);
        }
        state.held = state.held.saturating_add(cost);
        state.items.push_back((item, cost));
        drop(state);
        self.changed.notify_all();
        Ok(true)
    }

    /// The next item, once there is one. None when there will be no more.
    pub(super) fn pop(&self, ctx: &Context) -> Result<Option<T>> {
        let mut state = self.lock()?;
        loop {
            ctx.check("copy")?;
            if let Some((item, cost)) = state.items.pop_front() {
                state.held = state.held.saturating_sub(cost);
                drop(state);
                self.changed.notify_all();
                return Ok(Some(item));
            }
            if state.closed {
                return Ok(None);
            }
            state = self.changed.wait_timeout(state, PATIENCE).map_err(|_| panicked())?.0;
        }
    }

    /// No more goes in; what is in there can still be taken out.
    pub(super) fn close(&self) {
        if let Ok(mut state) = self.state.lock() {
            state.closed = true;
        }
        self.changed.notify_all();
    }
}

/// Closes a queue whatever ends the work on its side, so that the other side never waits for nothing.
pub(super) struct CloseOnDrop<'a, T>(pub(super) &'a Queue<T>);

impl<T> Drop for CloseOnDrop<'_, T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn panicked() -> crate::Error {
    internal("copy", "a thread panicked while holding the queue")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CancelToken, ErrorKind};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_waits_than_there_is_room_for() {
        let (queue, ctx) = (Queue::new(10), Context::new());
        let pushed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..5 {
                    assert!(queue.push(number, 4, &ctx).unwrap());
                    pushed.fetch_add(1, Ordering::SeqCst);
                }
                queue.close();
            });
            std::thread::sleep(Duration::from_millis(60));
            assert_eq!(pushed.load(Ordering::SeqCst), 2);
            let all: Vec<i32> = std::iter::from_fn(|| queue.pop(&ctx).unwrap()).collect();
            assert_eq!(all, [0, 1, 2, 3, 4]);
        });
        // An item that costs more than there is room for still goes through.
        let queue = Queue::new(1);
        assert!(queue.push(1, 100, &ctx).unwrap());
        assert_eq!(queue.pop(&ctx).unwrap(), Some(1));
    }

    #[test]
    fn both_sides_notice_that_the_other_is_gone_or_the_work_is_cancelled() {
        let token = CancelToken::new();
        let (queue, ctx) = (Queue::new(1), Context::new().cancel_token(token.clone()));
        assert!(queue.push(1, 1, &ctx).unwrap());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.push(2, 1, &ctx));
            std::thread::sleep(Duration::from_millis(20));
            drop(CloseOnDrop(&queue));
            assert!(!waiting.join().unwrap().unwrap());
        });
        assert_eq!((queue.pop(&ctx).unwrap(), queue.pop(&ctx).unwrap()), (Some(1), None));
        let queue = Queue::<i32>::new(1);
        token.cancel();
        assert_eq!(queue.pop(&ctx).unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
