//! Real connections to the server under test, opened before they are used, so that many requests leave at once.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, header};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use portico_wire::encoding::Base64;
use portico_wire::{WIRE_HEADER, WIRE_VERSION};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::{Reply, World};

/// The server under test on a loopback socket, for as long as this value lives.
pub(crate) struct Listening {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Listening {
    pub(crate) async fn of(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, app) = (listener.local_addr().unwrap(), world.app.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move { app.serve(listener, std::future::pending()).await.unwrap() });
        Self { address, _serving: serving }
    }

    /// Posts `body` over `count` connections at once: each is open, and none sends before all are.
    pub(crate) async fn post_at_once(
        &self,
        count: usize,
        path: &'static str,
        token: &Base64,
        body: &impl Serialize,
    ) -> Vec<Reply> {
        let (body, ready) = (serde_json::to_vec(body).unwrap(), Arc::new(Barrier::new(count)));
        let mut posting = JoinSet::new();
        for _ in 0..count {
            let (mut requests, connection) =
                handshake(TokioIo::new(TcpStream::connect(self.address).await.unwrap())).await.unwrap();
            let request = Request::post(path)
                .header(header::HOST, self.address.to_string())
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .header(WIRE_HEADER, WIRE_VERSION)
                .body(Body::from(body.clone()))
                .unwrap();
            let ready = Arc::clone(&ready);
            posting.spawn(async move {
                // Its fault is that of the request it carried.
                let carrying = tokio::spawn(async move { drop(connection.await) });
                requests.ready().await.unwrap();
                ready.wait().await;
                let reply = post(requests, request).await;
                carrying.abort();
                reply
            });
        }
        posting.join_all().await
    }
}

async fn post(mut requests: SendRequest<Body>, request: Request<Body>) -> Reply {
    let (parts, body) = requests.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Reply { status: parts.status, headers: parts.headers, body }
}
