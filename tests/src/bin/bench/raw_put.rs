//! The least that an upload can be: one request whose body goes into a file, one `fdatasync`, one answer.

use std::io::Write as _;
use std::net::SocketAddr;
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
use tokio::task::JoinSet;

use crate::Failed;

/// How the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// On the thread that reads the body.
    Straight,
    /// By `tokio::fs`, as most servers do.
    TokioFs,
}

/// Serves until it is dropped.
pub(crate) struct RawPut {
    pub(crate) address: SocketAddr,
    _serving: JoinSet<()>,
}

impl RawPut {
    /// A server that writes each body to `path`.
    pub(crate) async fn open(path: PathBuf, writes: Writes) -> Result<Self, Failed> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router =
            axum::Router::new().route("/v1/uploads", patch(take)).with_state(Arc::new((path, writes)));
        let mut serving = JoinSet::new();
        serving.spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { address, _serving: serving })
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
