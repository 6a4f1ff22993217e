//! One HTTP/1.1 connection, as thin as one can be: what is measured is the server.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use portico_wire::encoding::Base64;
use portico_wire::{WIRE_HEADER, WIRE_VERSION};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Failed;

/// An open connection, under an access token or none.
pub(crate) struct Line {
    requests: SendRequest<Full<Bytes>>,
    authorization: Option<String>,
    host: String,
    /// Ends with this value.
    _carrying: JoinSet<()>,
}

impl Line {
    /// Connects to `server`.
    pub(crate) async fn open(server: SocketAddr, token: Option<&Base64>) -> Result<Self, Failed> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let (requests, connection) = handshake(TokioIo::new(stream)).await?;
        let mut carrying = JoinSet::new();
        // Its fault is that of the request it carried.
        carrying.spawn(async move { drop(connection.await) });
        let authorization = token.map(|token| format!("Bearer {token}"));
        Ok(Self { requests, authorization, host: server.to_string(), _carrying: carrying })
    }

    /// Sends one request and reads its whole answer.
    pub(crate) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), Failed> {
        let (head, body) = self.exchange(method, path, body).await?.into_parts();
        Ok((head.status, body))
    }

    /// The same with the head of the answer.
    pub(crate) async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Response<Bytes>, Failed> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(WIRE_HEADER, WIRE_VERSION);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        self.requests.ready().await?;
        let answer = self.requests.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        let (head, body) = answer.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }
}
