//! Where calls that wait run, how they are called back, and what becomes of a panic.
//!
//! A foreign future is polled on whatever thread the shell likes, and Swift can not cancel one: so the body of each
//! runs here, and `call_back` ends it by its number.

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use portico_core::PortalError;
use tokio::runtime::Runtime;
use tokio::task::{AbortHandle, JoinError, JoinHandle};

/// One for the process, for as long as it lives: dropping a runtime may wait, and drops come from any thread.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("portico")
        .enable_all()
        .build()
        .expect("the system gives two threads, or nothing here may go on")
});

/// How a numbered call stands. One that has ended, or was taken back before it began, has no entry.
enum Call {
    /// Its number was given out.
    Fresh,
    Waiting(AbortHandle),
}

/// Guards the calls, by number.
static CALLS: LazyLock<Mutex<HashMap<u64, Call>>> = LazyLock::new(Mutex::default);
static NEXT_CALL: AtomicU64 = AtomicU64::new(1);

fn calls() -> MutexGuard<'static, HashMap<u64, Call>> {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number for one call, under which it can be called back. It serves once, and is to be called back also where the
/// call does not begin.
#[uniffi::export]
pub fn new_call() -> u64 {
    let call = NEXT_CALL.fetch_add(1, Ordering::Relaxed);
    calls().insert(call, Call::Fresh);
    call
}

/// Takes a call back: it ends with `Ended`, also if it begins later, and what it had made durable stays. Nothing
/// happens to one that has ended.
#[uniffi::export]
pub fn call_back(call: u64) {
    // A number that is not in the list begins nothing any more.
    if let Some(Call::Waiting(handle)) = calls().remove(&call) {
        handle.abort();
    }
}

/// Forgets the number of a call that does not begin.
pub(crate) fn forget(call: Option<u64>) {
    if let Some(call) = call {
        calls().remove(&call);
    }
}

/// Panics inside the core, so that an app can see what its crash reports make of it.
///
/// # Errors
/// `Bug`, always.
#[uniffi::export]
pub fn provoke_panic() -> Result<(), PortalError> {
    guarded(|| panic!("provoked by the app"))
}

/// Runs a body that does not wait; a panic is a fault like another.
pub(crate) fn guarded<T>(body: impl FnOnce() -> Result<T, PortalError>) -> Result<T, PortalError> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| Err(PortalError::bug("panic")))
}

/// Runs a body that waits, on the runtime. Dropping the future ends the body.
pub(crate) async fn run<T: Send + 'static>(
    call: Option<u64>,
    body: impl Future<Output = Result<T, PortalError>> + Send + 'static,
) -> Result<T, PortalError> {
    let task = {
        let mut calls = calls();
        if let Some(call) = call
            && !matches!(calls.get(&call), Some(Call::Fresh))
        {
            return Err(PortalError::Ended);
        }
        let task = RUNTIME.spawn(body);
        if let Some(call) = call {
            calls.insert(call, Call::Waiting(task.abort_handle()));
        }
        task
    };
    let waiting = Waiting { call, abort: task.abort_handle() };
    let ended = task.await;
    drop(waiting);
    ended.unwrap_or_else(|fault| Err(of_join(&fault)))
}

/// Lets `value` go on a thread that may wait: closing a database moves its log into the file.
pub(crate) fn let_go<T: Send + 'static>(value: T) -> JoinHandle<()> {
    RUNTIME.spawn_blocking(move || drop(value))
}

/// Ends the body when nobody waits for it any more.
struct Waiting {
    call: Option<u64>,
    abort: AbortHandle,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.abort.abort();
        forget(self.call);
    }
}

fn of_join(fault: &JoinError) -> PortalError {
    if fault.is_cancelled() { PortalError::Ended } else { PortalError::bug("panic") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn call_that_is_taken_back_ends() {
        let call = new_call();
        let waiting = tokio::spawn(run::<()>(Some(call), std::future::pending()));
        while !matches!(calls().get(&call), Some(Call::Waiting(_))) {
            tokio::task::yield_now().await;
        }

        call_back(call);

        assert_eq!(waiting.await.unwrap(), Err(PortalError::Ended));
        assert!(!calls().contains_key(&call));
    }

    #[tokio::test]
    async fn call_taken_back_before_it_began_ends_at_once() {
        let call = new_call();
        call_back(call);

        let begun = run::<()>(Some(call), std::future::pending()).await;

        assert_eq!(begun, Err(PortalError::Ended));
        assert!(!calls().contains_key(&call));
    }

    #[tokio::test]
    async fn number_serves_one_call_and_leaves_nothing() {
        let call = new_call();
        let first = run(Some(call), async { Ok(1) }).await;

        let second = run(Some(call), async { Ok(2) }).await;

        assert_eq!((first, second), (Ok(1), Err(PortalError::Ended)));
        assert!(!calls().contains_key(&call));
    }

    #[tokio::test]
    async fn panic_is_a_fault_like_another() {
        let waiting = run::<()>(None, async { panic!("on purpose") }).await;

        assert_eq!(waiting, Err(PortalError::bug("panic")));
        assert_eq!(provoke_panic(), Err(PortalError::bug("panic")));
    }
}
