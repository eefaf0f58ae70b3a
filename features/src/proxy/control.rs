//! Tells the proxy over HTTP what to do: `POST /links/NAME` with what happens, `DELETE /links/NAME`, `GET /links`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;

use super::{Link, Toxic};

type Links = Arc<Vec<Arc<Link>>>;

/// Where a proxy is that was started.
#[derive(Debug, Clone, Serialize)]
pub struct Started {
    /// Where it is told what to do.
    pub control: String,
    /// Where to connect to, by the link's name.
    pub links: BTreeMap<String, SocketAddr>,
}

/// Starts links, each a name and the server behind it, and who tells them what to do. They live as long as the runtime.
pub async fn start(links: &[(String, String)]) -> std::io::Result<Started> {
    let mut known = Vec::new();
    for (name, server) in links {
        let (link, listener) = Link::new(name, server).await?;
        let link = Arc::new(link);
        known.push(Arc::clone(&link));
        tokio::spawn(async move { link.serve(listener).await });
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let started = Started {
        control: format!("http://{}", listener.local_addr()?),
        links: known.iter().map(|link| (link.name.clone(), link.address)).collect(),
    };
    let router = Router::new()
        .route("/links", get(list))
        .route("/links/{name}", post(set).delete(clear))
        .with_state(Arc::new(known));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(started)
}

async fn list(State(links): State<Links>) -> String {
    let one = |link: &Arc<Link>| json!({"name": link.name, "toxic": link.toxic(), "connections": link.connections()});
    json!(links.iter().map(one).collect::<Vec<_>>()).to_string()
}

async fn set(
    State(links): State<Links>,
    Path(name): Path<String>,
    body: Bytes,
) -> (StatusCode, String) {
    match serde_json::from_slice::<Toxic>(&body) {
        Ok(toxic) => change(&links, &name, Some(toxic)),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
    }
}

async fn clear(State(links): State<Links>, Path(name): Path<String>) -> (StatusCode, String) {
    change(&links, &name, None)
}

fn change(links: &Links, name: &str, toxic: Option<Toxic>) -> (StatusCode, String) {
    match links.iter().find(|link| link.name == name) {
        Some(link) => {
            link.set(toxic);
            (StatusCode::OK, json!({"name": name, "toxic": toxic}).to_string())
        }
        None => (StatusCode::NOT_FOUND, format!("there is no link `{name}`")),
    }
}
