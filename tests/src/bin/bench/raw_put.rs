//! The least that an upload can be: one request whose body goes into a file, one `fdatasync`, one answer.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::routing::patch;
use http::{HeaderName, StatusCode};
use http_body_util::BodyExt as _;
use portico_wire::upload::OFFSET_HEADER;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::Failed;

/// How the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Writes {
    /// On the thread that reads the body.
    Straight,
    /// By `tokio::fs`, as most servers do.
    TokioFs,
}

/// A server that writes each body to `path`, in a process of its own: says where it listens, and serves until its
/// standard input ends, so that it outlives nobody who started it.
pub(crate) async fn serve(path: PathBuf, writes: Writes) -> Result<(), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let router = axum::Router::new().route("/v1/uploads", patch(take)).with_state(Arc::new((path, writes)));
    let ended = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    tokio::select! {
        served = axum::serve(listener, router).into_future() => Ok(served?),
        ended = ended => Ok(ended?.map(|_| ())?),
    }
}

async fn take(
    State(how): State<Arc<(PathBuf, Writes)>>,
    body: Body,
) -> Result<(StatusCode, [(HeaderName, String); 1]), StatusCode> {
    let taken = match how.1 {
        Writes::Straight => straight(&how.0, body).await,
        Writes::TokioFs => by_tokio_fs(&how.0, body).await,
    };
    let length = taken.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok((StatusCode::NO_CONTENT, [(HeaderName::from_static(OFFSET_HEADER), length.to_string())]))
}

async fn straight(path: &std::path::Path, mut body: Body) -> Result<u64, Failed> {
    let mut file = std::fs::File::create(path)?;
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            file.write_all(&data)?;
            length += data.len() as u64;
        }
    }
    tokio::task::spawn_blocking(move || file.sync_data()).await??;
    Ok(length)
}

async fn by_tokio_fs(path: &std::path::Path, mut body: Body) -> Result<u64, Failed> {
    let mut file = tokio::fs::File::create(path).await?;
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            file.write_all(&data).await?;
            length += data.len() as u64;
        }
    }
    file.flush().await?;
    file.sync_data().await?;
    Ok(length)
}
