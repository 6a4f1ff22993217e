//! Group commit: one thread, one transaction for all who wait, one fsync for all of them.
//!
//! ```text
//! wait -> BEGIN IMMEDIATE -> (SAVEPOINT, request, RELEASE | ROLLBACK TO)* -> linger -> COMMIT -> answer, wake
//! ```
//! Invariants: nobody is answered or woken before COMMIT. One failing request does not fail its neighbours, unless
//! SQLite rolled back the whole transaction (a full disk does that): then nobody's change is there, and all hear so.
//! Bounds: [`QUEUE_MAX`] waiting requests, [`GROUP_MAX`] in a group. Crash: a group is there or it is not.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use portico_wire::ids::{Epoch, FirmId, PersonId};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::store::StoreError;
use super::wakes::Wakes;
use crate::ports::{Ports, Stopwatch};

/// Most requests in one transaction: the fsync is shared well before, and the last one waits for all of them.
const GROUP_MAX: usize = 256;
/// Most waiting requests: 4 groups. Past it the answer is 503, sooner than a queue that only grows.
const QUEUE_MAX: usize = 1_024;
/// Longest wait for a group to be as large as the last one. Without it 16 senders split into two alternating halves.
const LINGER: Duration = Duration::from_micros(500);

/// What a request may use while it is in the transaction.
pub(super) struct Write<'a> {
    pub(super) connection: &'a Connection,
    pub(super) ports: &'a Ports,
    pub(super) epoch: Epoch,
    pub(super) now_ms: i64,
    /// Logs that moved, with their newest seq.
    pub(super) moved: BTreeMap<(FirmId, PersonId), u64>,
    /// Whether a job is due.
    pub(super) jobs_due: bool,
    /// Whether files came.
    pub(super) scans_due: bool,
}

/// One queued request, whatever its type.
trait Request: Send {
    /// Does the work; whether its changes stay.
    fn run(&mut self, write: &mut Write<'_>) -> Result<(), StoreError>;
    /// Answers: with the work's own result, or with what became of the whole group.
    fn answer(self: Box<Self>, group: Result<(), StoreError>);
}

struct Typed<F, T> {
    work: Option<F>,
    done: Option<Result<T, StoreError>>,
    waiting: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Request for Typed<F, T>
where
    F: FnOnce(&mut Write<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, write: &mut Write<'_>) -> Result<(), StoreError> {
        let work = self.work.take().ok_or(StoreError::Bug)?;
        let done = catch_unwind(AssertUnwindSafe(|| work(write)));
        let done = done.unwrap_or(Err(rusqlite::Error::UnwindingPanic)).map_err(StoreError::from);
        let kept = done.as_ref().map(|_| ()).map_err(StoreError::clone);
        self.done = Some(done);
        kept
    }

    fn answer(self: Box<Self>, group: Result<(), StoreError>) {
        let Self { done, waiting, .. } = *self;
        let answer = group.and_then(|()| done.unwrap_or(Err(StoreError::Bug)));
        // Whoever asked may have hung up; the change stands all the same.
        drop(waiting.send(answer));
    }
}

/// What the writer has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupStats {
    /// Transactions.
    pub groups: u64,
    /// Requests in them.
    pub requests: u64,
    /// Time within COMMIT, which is the fsync, in microseconds.
    pub commit_us_total: u64,
    /// Time within requests, in microseconds.
    pub writer_busy_us_total: u64,
}

#[derive(Default)]
struct Counters {
    groups: AtomicU64,
    requests: AtomicU64,
    commit_us: AtomicU64,
    busy_us: AtomicU64,
}

/// The door to the writer thread. Dropping it ends the thread after the group it is in.
pub(super) struct Writer {
    queue: Option<SyncSender<Box<dyn Request>>>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        connection: Connection,
        ports: Ports,
        epoch: Epoch,
        wakes: Arc<Wakes>,
    ) -> std::io::Result<Self> {
        let (queue, requests) = sync_channel(QUEUE_MAX);
        let counters = Arc::new(Counters::default());
        let group = Group { connection, ports, epoch, wakes, counters: Arc::clone(&counters) };
        let thread = std::thread::Builder::new()
            .name("portico-writer".to_owned())
            .spawn(move || group.run(&requests))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), counters })
    }

    /// Queues `work`; the answer comes after its commit. What `work` gives back as `Ok` commits, also a refusal.
    ///
    /// # Errors
    /// [`StoreError::Busy`] with nothing done where the queue is full; else what the transaction met.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&mut Write<'_>) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (waiting, answer) = oneshot::channel();
        let request = Box::new(Typed { work: Some(work), done: None, waiting });
        self.queue.as_ref().ok_or(StoreError::Bug)?.try_send(request).map_err(|refused| match refused {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Bug,
        })?;
        answer.await.unwrap_or(Err(StoreError::Bug))
    }

    pub(super) fn stats(&self) -> GroupStats {
        GroupStats {
            groups: self.counters.groups.load(Relaxed),
            requests: self.counters.requests.load(Relaxed),
            commit_us_total: self.counters.commit_us.load(Relaxed),
            writer_busy_us_total: self.counters.busy_us.load(Relaxed),
        }
    }
}

impl Drop for Writer {
    /// Waits for the thread, so that the files are free for the next who opens them.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct Group {
    connection: Connection,
    ports: Ports,
    epoch: Epoch,
    wakes: Arc<Wakes>,
    counters: Arc<Counters>,
}

impl Group {
    fn run(self, requests: &Receiver<Box<dyn Request>>) {
        let mut last_size = 1;
        while let Ok(first) = requests.recv() {
            last_size = self.commit(first, requests, last_size);
        }
    }

    /// Carries one group through its transaction and answers it; its size.
    fn commit(
        &self,
        first: Box<dyn Request>,
        requests: &Receiver<Box<dyn Request>>,
        last_size: usize,
    ) -> usize {
        let busy = Stopwatch::start();
        let mut write = self.context();
        let mut group = Vec::with_capacity(last_size);
        let mut outcome = self.connection.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::from);
        let mut next = Some(first);
        let mut lingered = Duration::ZERO;
        while let Some(mut request) = next.take() {
            if outcome.is_ok() {
                outcome = self.run_one(request.as_mut(), &mut write);
            }
            group.push(request);
            if group.len() < GROUP_MAX && outcome.is_ok() {
                next = self.take_next(requests, group.len() < last_size, &mut lingered);
            }
        }
        self.counters.busy_us.fetch_add(busy.elapsed_us().saturating_sub(micros(lingered)), Relaxed);
        let fsync = Stopwatch::start();
        if outcome.is_ok() {
            outcome = self.connection.execute_batch("COMMIT").map_err(StoreError::from);
        }
        if outcome.is_err() && !self.connection.is_autocommit() {
            // Fails only where SQLite has ended the transaction itself, which is what is wanted.
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        self.counters.commit_us.fetch_add(fsync.elapsed_us(), Relaxed);
        self.counters.groups.fetch_add(1, Relaxed);
        self.counters.requests.fetch_add(group.len() as u64, Relaxed);
        let size = group.len();
        self.tell(write, group, &outcome);
        size
    }

    fn context(&self) -> Write<'_> {
        Write {
            connection: &self.connection,
            ports: &self.ports,
            epoch: self.epoch,
            now_ms: 0,
            moved: BTreeMap::new(),
            jobs_due: false,
            scans_due: false,
        }
    }

    /// Runs one request in its savepoint. An error here is that of the whole group.
    fn run_one(&self, request: &mut dyn Request, write: &mut Write<'_>) -> Result<(), StoreError> {
        write.now_ms = self.ports.clock.now_ms();
        self.execute("SAVEPOINT request")?;
        let kept = request.run(write);
        if self.connection.is_autocommit() {
            return Err(kept.err().unwrap_or(StoreError::Bug));
        }
        if kept.is_err() {
            self.execute("ROLLBACK TO request")?;
        }
        self.execute("RELEASE request")
    }

    fn execute(&self, statement: &str) -> Result<(), StoreError> {
        self.connection.prepare_cached(statement)?.execute([])?;
        Ok(())
    }

    /// The next waiting request; waits a little for it where the group is still smaller than the last one.
    fn take_next(
        &self,
        requests: &Receiver<Box<dyn Request>>,
        smaller: bool,
        lingered: &mut Duration,
    ) -> Option<Box<dyn Request>> {
        match requests.try_recv() {
            Ok(request) => return Some(request),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        let left = LINGER.saturating_sub(*lingered);
        if !smaller || left.is_zero() {
            return None;
        }
        let waited = Stopwatch::start();
        let next = requests.recv_timeout(left);
        *lingered += waited.elapsed();
        next.ok()
    }

    fn tell(&self, write: Write<'_>, group: Vec<Box<dyn Request>>, outcome: &Result<(), StoreError>) {
        if let Err(fault) = outcome {
            tracing::error!(%fault, requests = group.len(), "a whole group was rolled back");
        }
        for request in group {
            request.answer(outcome.clone());
        }
        if outcome.is_ok() {
            self.wakes.wake(write.moved);
            if write.jobs_due {
                self.wakes.jobs.notify_one();
            }
            if write.scans_due {
                self.wakes.scans.notify_one();
            }
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::future::join_all;
    use rusqlite::params;

    use super::*;
    use crate::store::Store;
    use crate::testing::World;

    /// Holds the writer in a request of its own, so that what is queued meanwhile becomes one group.
    async fn in_one_group<T>(store: &Store, requests: impl Future<Output = T>) -> T {
        let (release, held) = mpsc::channel::<()>();
        let holding = store.write(move |_| {
            let _: Result<(), mpsc::RecvError> = held.recv();
            Ok(())
        });
        let queued = async {
            let requests = async {
                let mut requests = Box::pin(requests);
                let first = futures_util::future::poll_fn(|context| {
                    std::task::Poll::Ready(requests.as_mut().poll(context))
                });
                assert!(first.await.is_pending(), "every request is queued, none answered");
                drop(release);
                requests.await
            };
            requests.await
        };
        tokio::join!(holding, queued).1
    }

    async fn firms(store: &Store) -> i64 {
        store.read(|tx| tx.query_row("SELECT count(*) FROM firms", [], |row| row.get(0))).await.unwrap()
    }

    fn add(write: &Write<'_>, id: u8) -> rusqlite::Result<()> {
        let add = "INSERT INTO firms (firm_id, name, created_at_ms) VALUES (?1, 'x', 0)";
        write.connection.execute(add, params![[id; 16]]).map(|_| ())
    }

    #[tokio::test]
    async fn failing_member_does_not_fail_its_group() {
        let world = World::new().await;
        let store = world.app.store();
        let before = store.group_stats().groups;
        let work = |id: u8| {
            store.write(move |write| {
                add(write, id)?;
                assert!(id != 3, "a bug in one request");
                if id == 2 { Err(rusqlite::Error::InvalidQuery) } else { Ok(id) }
            })
        };

        let answers = in_one_group(store, join_all([1, 2, 3, 4].map(work))).await;

        assert!(matches!(answers[..], [Ok(1), Err(StoreError::Sqlite(_)), Err(StoreError::Bug), Ok(4)]));
        assert_eq!(firms(store).await, 3);
        assert_eq!(store.group_stats().groups, before + 1);
    }

    #[tokio::test]
    async fn full_queue_is_busy_at_once() {
        let world = World::new().await;
        let store = world.app.store();
        let work = |_| store.write(|_| Ok(()));

        let answers = in_one_group(store, join_all((0..QUEUE_MAX + 5).map(work))).await;

        let busy = answers.iter().filter(|answer| **answer == Err(StoreError::Busy)).count();
        // The held request may or may not have left the queue when the others came.
        assert!((5..=6).contains(&busy), "{busy}");
        assert!(answers.iter().all(|answer| matches!(answer, Ok(()) | Err(StoreError::Busy))));
    }

    // R51: a full disk tells so, keeps nothing by halves, and goes on when there is room again.
    #[tokio::test]
    async fn full_disk_stores_nothing_and_recovers() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let store = world.app.store();
        let limit = |pages: i64| {
            store.write(move |write| {
                let pragma = format!("PRAGMA max_page_count = {pages}");
                write.connection.query_row(&pragma, [], |row| row.get::<_, i64>(0))
            })
        };
        let pages = limit(1).await.unwrap();
        limit(pages + 2).await.unwrap();
        let (key, message) = (amina.key(), amina.message(&world, claim, &"x".repeat(60_000)));
        let before = store.read_log(claim).await.unwrap();

        let full = amina.offer(key, &message).await;

        assert_eq!((full.status.as_u16(), full.code().as_str()), (507, "disk_full"));
        assert_eq!(store.read_log(claim).await.unwrap(), before);
        limit(1_000_000).await.unwrap();
        let accepted: portico_wire::message::Accepted = amina.offer(key, &message).await.json();
        assert_eq!(accepted.entry.seq, before.len() as u64 + 1);
        assert_eq!(store.verify().await.unwrap().faults, []);
    }
}
