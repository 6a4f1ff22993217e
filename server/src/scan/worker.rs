//! Gives each file that nobody has judged to the scanner, one after the other: two at a time would only share its time.

use futures_util::future::{Either, select};
use tokio::task::spawn_blocking;

use super::program::{Program, ScanFault};
use crate::blobs::SealedFile;
use crate::state::App;
use crate::store::{Content, StoreError, Verdict};

/// What one file may take: `clamd` itself gives up after two minutes (`MaxScanTime`), and 100 MB have to be read first.
const SCAN_MS_MAX: u64 = 300_000;
/// Past the time limit, so that a file is never with two scanners.
const LEASE_MS: i64 = 360_000;

/// Scans what is due until nothing is; how many files got a verdict. Without a scanner nothing is due.
pub(crate) async fn scan_due(app: &App) -> Result<u64, StoreError> {
    let Some(command) = &app.config().scan_command else { return Ok(0) };
    let mut judged = 0;
    while let Some(row) = app.store().claim_scan(LEASE_MS).await? {
        let content = row.content_id;
        let outcome = match scan(app, command, row).await {
            Ok(verdict) => {
                app.store().scan_done(content, verdict).await?;
                judged += 1;
                match verdict {
                    Verdict::Clean => "clean",
                    Verdict::Refused => {
                        tracing::warn!(%content, "the scan refuses a file");
                        "refused"
                    }
                }
            }
            Err(fault) => {
                tracing::warn!(%content, %fault, "a file could not be scanned");
                app.store().scan_failed(content).await?;
                "fault"
            }
        };
        metrics::counter!("portico_scans_total", "outcome" => outcome).increment(1);
    }
    Ok(judged)
}

async fn scan(app: &App, command: &[String], row: Content) -> Result<Verdict, ScanFault> {
    let (segments, size) = (app.uploads().segments().clone(), row.size_bytes);
    let opened = spawn_blocking(move || SealedFile::open(&segments, &row)).await;
    let file = opened.map_err(std::io::Error::other).flatten().map_err(ScanFault::File)?;
    let mut program = Program::start(command)?;
    let judged = Box::pin(program.judge(file.stream(0, size)));
    if let Either::Left((judged, _)) = select(judged, app.ports().clock.sleep_ms(SCAN_MS_MAX)).await {
        return judged;
    }
    program.end().await;
    Err(ScanFault::Hung)
}
