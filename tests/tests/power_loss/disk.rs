//! A disk that loses power: a SQLite VFS over the real one that remembers what was not synced yet.
//!
//! Everything is written to the real file at once, so the database works as ever; beside it stands the list of changes
//! since the file's last sync. At a drawn write the power goes: from then on nothing under the folder can be changed.
//! [`Disk::settle`] then leaves what a disk would hold: all that was synced, and of each later change all of it,
//! nothing, or its first sectors, as the dice say.

use std::collections::BTreeMap;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError};

use portico_core::testing::SeededDice;
/// What a disk writes in one piece.
const SECTOR: usize = 512;

/// A change of one file that was not synced yet.
enum Change {
    Write { offset: u64, new: Vec<u8> },
    Truncate { len: u64 },
}

/// A file with changes that were not synced.
struct Unsynced {
    /// As it was at the last sync.
    synced: Vec<u8>,
    changes: Vec<Change>,
}

/// When the power of a folder goes.
struct Fuse {
    writes_left: u64,
}

#[derive(Default)]
struct Room {
    /// By path.
    files: BTreeMap<PathBuf, Unsynced>,
    /// By folder.
    fuses: BTreeMap<PathBuf, Fuse>,
}

impl Room {
    /// Whether the file may still be changed; a change burns the fuse of its folder.
    fn may_change(&mut self, path: &Path) -> bool {
        for (folder, fuse) in &mut self.fuses {
            if path.starts_with(folder) {
                if fuse.writes_left == 0 {
                    return false;
                }
                fuse.writes_left -= 1;
            }
        }
        true
    }

    fn note(&mut self, path: &Path, change: Change) {
        let file = self.files.entry(path.to_owned()).or_insert_with(|| Unsynced {
            synced: std::fs::read(path).unwrap_or_default(),
            changes: Vec::new(),
        });
        file.changes.push(change);
    }
}

fn room() -> MutexGuard<'static, Room> {
    static ROOM: OnceLock<Mutex<Room>> = OnceLock::new();
    ROOM.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// The disk under one folder.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// From here on every database of this process lies on such disks.
    pub(crate) fn under(folder: &Path) -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(shim::register);
        Self(folder.to_owned())
    }

    /// The power goes before the change after the next `writes`.
    pub(crate) fn cut_after(&self, writes: u64) {
        room().fuses.insert(self.0.clone(), Fuse { writes_left: writes });
    }

    pub(crate) fn is_cut(&self) -> bool {
        room().fuses.get(&self.0).is_some_and(|fuse| fuse.writes_left == 0)
    }

    /// Leaves what the disk holds after the cut, and gives the power back. Nothing may have the files open. How many
    /// changes that were not synced are lost, wholly or in part.
    pub(crate) fn settle(&self, dice: &SeededDice) -> std::io::Result<usize> {
        let mut room = room();
        room.fuses.remove(&self.0);
        let under: Vec<PathBuf> =
            room.files.keys().filter(|path| path.starts_with(&self.0)).cloned().collect();
        let mut lost = 0;
        for path in under {
            let Some(unsynced) = room.files.remove(&path) else { continue };
            let mut file = std::fs::File::create(&path)?;
            file.write_all(&unsynced.synced)?;
            for change in unsynced.changes {
                lost += usize::from(!keep(&mut file, change, dice)?);
            }
            // The index of the log is shared memory, which no power cut leaves behind.
            if let Some(database) = path.to_str().and_then(|path| path.strip_suffix("-wal")) {
                drop(std::fs::remove_file(format!("{database}-shm")));
            }
        }
        Ok(lost)
    }
}

/// Lets all, a part or nothing of a change reach the disk. Whether it was all.
fn keep(file: &mut std::fs::File, change: Change, dice: &SeededDice) -> std::io::Result<bool> {
    let whole = dice.chance(50);
    match change {
        Change::Write { offset, new } => {
            let sectors = dice.below(1 + new.len().div_ceil(SECTOR) as u64);
            let end =
                if whole { new.len() } else { new.len().min(usize::try_from(sectors).unwrap_or(0) * SECTOR) };
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(new.get(..end).unwrap_or_default())?;
            Ok(end == new.len())
        }
        Change::Truncate { len } => {
            if whole {
                file.set_len(len)?;
            }
            Ok(whole)
        }
    }
}

/// The functions SQLite calls. Each passes on to the real file, which lies in memory right behind ours.
mod shim {
    #![expect(
        unsafe_code,
        reason = "SQLite asks for C functions; pointers are SQLite's own, valid for the call"
    )]

    use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::PathBuf;
    use std::sync::OnceLock;

    use rusqlite::ffi;

    use super::{Change, room};

    #[repr(C)]
    struct File {
        base: ffi::sqlite3_file,
        /// A boxed path; null for a temporary file.
        path: *mut PathBuf,
    }

    /// The VFS that was the default before.
    struct Real(*mut ffi::sqlite3_vfs);
    // SAFETY: SQLite calls a VFS from any thread; it is never changed after it was registered.
    unsafe impl Send for Real {}
    // SAFETY: as above.
    unsafe impl Sync for Real {}

    static REAL: OnceLock<Real> = OnceLock::new();

    pub(super) fn register() {
        // SAFETY: the default VFS is static; ours is leaked and so lives as long.
        unsafe {
            let real = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(!real.is_null(), "SQLite has a VFS");
            let mut vfs = *real;
            vfs.szOsFile += c_int::try_from(size_of::<File>()).expect("a small struct");
            vfs.zName = c"unsynced".as_ptr();
            vfs.pNext = std::ptr::null_mut();
            vfs.xOpen = Some(open);
            vfs.xDelete = Some(delete);
            assert!(REAL.set(Real(real)).is_ok(), "registered once");
            assert_eq!(ffi::sqlite3_vfs_register(Box::into_raw(Box::new(vfs)), 1), ffi::SQLITE_OK);
        }
    }

    fn real_vfs() -> *mut ffi::sqlite3_vfs {
        REAL.get().expect("registered before any file is opened").0
    }

    unsafe fn path_of(name: *const c_char) -> PathBuf {
        // SAFETY: SQLite's names end with a zero byte.
        PathBuf::from(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()))
    }

    unsafe extern "C" fn open(
        _vfs: *mut ffi::sqlite3_vfs,
        name: *const c_char,
        file: *mut ffi::sqlite3_file,
        flags: c_int,
        out_flags: *mut c_int,
    ) -> c_int {
        // SAFETY: SQLite gave `szOsFile` bytes: ours, then the real file's.
        unsafe {
            let ours = file.cast::<File>();
            let real = real_of(file);
            let open = (*real_vfs()).xOpen.expect("a VFS opens files");
            let code = open(real_vfs(), name, real, flags, out_flags);
            (*ours).base.pMethods = std::ptr::null();
            if !(*real).pMethods.is_null() {
                (*ours).path = if name.is_null() {
                    std::ptr::null_mut()
                } else {
                    Box::into_raw(Box::new(path_of(name)))
                };
                (*ours).base.pMethods = &raw const METHODS;
            }
            code
        }
    }

    unsafe extern "C" fn delete(_vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
        // SAFETY: as given by SQLite.
        unsafe {
            let path = path_of(name);
            let mut room = room();
            if !room.may_change(&path) {
                return ffi::SQLITE_IOERR_DELETE;
            }
            // SQLite deletes a journal or a log only once what it protects is synced.
            room.files.remove(&path);
            drop(room);
            (*real_vfs()).xDelete.expect("a VFS deletes files")(real_vfs(), name, sync)
        }
    }

    unsafe fn real_of(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
        // SAFETY: the real file lies behind ours in one allocation.
        unsafe { file.cast::<u8>().add(size_of::<File>()).cast() }
    }

    unsafe fn path<'a>(file: *mut ffi::sqlite3_file) -> Option<&'a PathBuf> {
        // SAFETY: null, or the box made by `open` and dropped by `close`.
        unsafe { (*file.cast::<File>()).path.as_ref() }
    }

    /// Calls the real file's method of that name.
    macro_rules! pass {
        ($file:expr, $method:ident $(, $argument:expr)*) => {{
            let real = real_of($file);
            (*(*real).pMethods).$method.expect("the real file has every method")(real $(, $argument)*)
        }};
    }

    /// Defines methods that only pass on.
    macro_rules! passing {
        ($($name:ident => $method:ident ($($argument:ident: $kind:ty),*) -> $out:ty;)*) => {$(
            unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file $(, $argument: $kind)*) -> $out {
                // SAFETY: passed on as it came.
                unsafe { pass!(file, $method $(, $argument)*) }
            }
        )*};
    }

    passing! {
        read => xRead(out: *mut c_void, len: c_int, offset: ffi::sqlite3_int64) -> c_int;
        size => xFileSize(out: *mut ffi::sqlite3_int64) -> c_int;
        lock => xLock(level: c_int) -> c_int;
        unlock => xUnlock(level: c_int) -> c_int;
        check_reserved => xCheckReservedLock(out: *mut c_int) -> c_int;
        control => xFileControl(code: c_int, argument: *mut c_void) -> c_int;
        sector => xSectorSize() -> c_int;
        characteristics => xDeviceCharacteristics() -> c_int;
        shm_map => xShmMap(page: c_int, len: c_int, extend: c_int, out: *mut *mut c_void) -> c_int;
        shm_lock => xShmLock(offset: c_int, count: c_int, flags: c_int) -> c_int;
        shm_barrier => xShmBarrier() -> ();
        shm_unmap => xShmUnmap(delete: c_int) -> c_int;
    }

    unsafe extern "C" fn write(
        file: *mut ffi::sqlite3_file,
        data: *const c_void,
        len: c_int,
        offset: ffi::sqlite3_int64,
    ) -> c_int {
        // SAFETY: SQLite gives `len` bytes.
        unsafe {
            // Held until the bytes are written: a sync in between would miss them.
            let mut room = room();
            if let Some(path) = path(file) {
                if !room.may_change(path) {
                    return ffi::SQLITE_IOERR_WRITE;
                }
                let count = usize::try_from(len).expect("a length");
                let new = std::slice::from_raw_parts(data.cast::<u8>(), count).to_vec();
                room.note(path, Change::Write { offset: offset.unsigned_abs(), new });
            }
            pass!(file, xWrite, data, len, offset)
        }
    }

    unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, len: ffi::sqlite3_int64) -> c_int {
        // SAFETY: passed on as it came.
        unsafe {
            let mut room = room();
            if let Some(path) = path(file) {
                if !room.may_change(path) {
                    return ffi::SQLITE_IOERR_TRUNCATE;
                }
                room.note(path, Change::Truncate { len: len.unsigned_abs() });
            }
            pass!(file, xTruncate, len)
        }
    }

    unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
        // SAFETY: passed on as it came.
        unsafe {
            let mut room = room();
            if let Some(path) = path(file) {
                if !room.may_change(path) {
                    return ffi::SQLITE_IOERR_FSYNC;
                }
                room.files.remove(path);
            }
            pass!(file, xSync, flags)
        }
    }

    unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
        // SAFETY: the box was made by `open`; SQLite uses the file no more.
        unsafe {
            let code = pass!(file, xClose);
            let ours = file.cast::<File>();
            if !(*ours).path.is_null() {
                drop(Box::from_raw((*ours).path));
                (*ours).path = std::ptr::null_mut();
            }
            code
        }
    }

    /// Version 2: with shared memory for the log, without mapped reading.
    static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
        iVersion: 2,
        xClose: Some(close),
        xRead: Some(read),
        xWrite: Some(write),
        xTruncate: Some(truncate),
        xSync: Some(sync),
        xFileSize: Some(size),
        xLock: Some(lock),
        xUnlock: Some(unlock),
        xCheckReservedLock: Some(check_reserved),
        xFileControl: Some(control),
        xSectorSize: Some(sector),
        xDeviceCharacteristics: Some(characteristics),
        xShmMap: Some(shm_map),
        xShmLock: Some(shm_lock),
        xShmBarrier: Some(shm_barrier),
        xShmUnmap: Some(shm_unmap),
        xFetch: None,
        xUnfetch: None,
    };
}
