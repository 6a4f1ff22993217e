//! One HTTP/1.1 connection, as thin as one can be: what is measured is the server.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use portico_wire::encoding::Base64;
use portico_wire::{WIRE_HEADER, WIRE_VERSION};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Failed;

/// An open connection under one access token.
pub(crate) struct Line {
    requests: SendRequest<Full<Bytes>>,
    authorization: String,
    host: String,
    /// Ends with this value.
    _carrying: JoinSet<()>,
}

impl Line {
    /// Connects to `server`.
    pub(crate) async fn open(server: SocketAddr, token: &Base64) -> Result<Self, Failed> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let (requests, connection) = handshake(TokioIo::new(stream)).await?;
        let mut carrying = JoinSet::new();
        // Its fault is that of the request it carried.
        carrying.spawn(async move { drop(connection.await) });
        let authorization = format!("Bearer {token}");
        Ok(Self { requests, authorization, host: server.to_string(), _carrying: carrying })
    }

    /// Sends one request and reads its whole answer.
    pub(crate) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), Failed> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .header(WIRE_HEADER, WIRE_VERSION)
            .body(Full::new(Bytes::from(body)))?;
        let answer = self.requests.send_request(request).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }
}
