//! Stand-ins for the calendar platforms, on this machine.
//!
//! It behaves as Google's OAuth and Calendar API v3 and Microsoft's identity platform and Graph calendars do on the
//! wire, the unpleasant parts included, towards any client. It depends on none of the product's crates, so that a mistake in the product
//! cannot hide in it. See the README for how to point a client at it and for its controls.

mod clock;
mod connection;
mod control;
mod demo;
mod faults;
mod google;
mod html;
mod microsoft;
mod page;
mod push;
mod requests;
mod simulator;
mod state_file;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, header};
use axum::routing::post;
use axum::{Extension, Router, middleware};
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;

use crate::connection::{Connection, Listener};
use crate::simulator::Simulator;

/// The OAuth client that exists from the start and accepts any loopback redirect address.
pub const DEMO_CLIENT_ID: &str = "simone-demo.apps.googleusercontent.test";
pub const DEMO_CLIENT_SECRET: &str = "demo-secret";

/// The same for Microsoft.
pub const DEMO_OUTLOOK_CLIENT_ID: &str = "5e1a0d0c-7c1b-4f0e-9a52-3d1f6c0b8e47";
pub const DEMO_OUTLOOK_CLIENT_SECRET: &str = "demo-outlook-secret";

/// How a simulator starts. `POST /_control/reset` returns to this state.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port on 127.0.0.1; 0 lets the system choose.
    pub port: u16,
    /// Everything random (ids, tokens) follows from it.
    pub seed: u64,
    /// Load the demo accounts.
    pub demo: bool,
    /// The instant at which the simulator's clock stands, frozen until the controls say otherwise.
    /// `None`: follow the machine's clock.
    pub now: Option<DateTime<Utc>>,
    /// A file in which the accounts, calendars, events and grants outlive the process.
    pub state_file: Option<PathBuf>,
}

/// A simulator that is serving. Dropping it stops it too, without waiting for requests in hand.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// How long `stop` waits for requests in hand; a request delayed by a fault may take longer than anyone wants.
const GRACE: Duration = Duration::from_secs(1);

/// Binds 127.0.0.1 and serves until stopped.
pub async fn start(options: Options) -> io::Result<Running> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    let address = listener.local_addr()?;
    let simulator = Arc::new(Simulator::new(options)?);
    let service = router(simulator).into_make_service_with_connect_info::<Connection>();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let served = axum::serve(Listener(listener), service).with_graceful_shutdown(async {
            // A dropped sender means the same as a sent stop.
            let _ = stopped.await;
        });
        if let Err(error) = served.await {
            tracing::error!(%error, "the simulator stopped serving");
        }
    });
    tracing::info!(%address, "simulator listening");
    Ok(Running { address, stop: Some(stop), task })
}

impl Running {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For example `http://127.0.0.1:4010`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops accepting, waits a moment for requests in hand, then ends.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One router for all platforms. Faults and the log of requests apply to the platforms, not to the controls
/// and the page.
fn router(simulator: Arc<Simulator>) -> Router {
    let faulty = middleware::from_fn_with_state(simulator.clone(), faults::apply);
    let packed = middleware::map_request(google::front::unpacked_for_others);
    let platforms = google::router()
        .merge(microsoft::router())
        .layer(RequestDecompressionLayer::new())
        .layer(CompressionLayer::new())
        .layer(packed.clone())
        .layer(faulty.clone());
    // What stands in a batch is a request like any other.
    let identified = middleware::from_fn_with_state(simulator.clone(), microsoft::front::identify);
    let platforms = platforms.layer(identified.clone());
    let inner = overridable(&simulator, platforms.clone().with_state(simulator.clone()));
    let batches = Router::new()
        .route("/batch/calendar/v3", post(google::batch::batch))
        .route("/v1.0/$batch", post(microsoft::batch::batch))
        .layer(Extension(google::batch::Inner(inner.clone())))
        .layer(Extension(microsoft::batch::Inner(inner)))
        .layer(RequestDecompressionLayer::new())
        .layer(CompressionLayer::new())
        .layer(packed)
        .layer(faulty)
        .layer(identified);
    let platforms = platforms.merge(batches).layer(middleware::from_fn(google::front::across_origins));
    let all = Router::new()
        .merge(platforms)
        .merge(control::router())
        .merge(page::router())
        .layer(middleware::from_fn_with_state(simulator.clone(), push::tell))
        .layer(middleware::from_fn_with_state(simulator.clone(), state_file::keep))
        .with_state(simulator.clone());
    overridable(&simulator, all)
}

/// Lets a client that can only post name the method it means, and brings what is asked of Graph into one form. This
/// comes before the routes are looked at.
fn overridable(simulator: &Arc<Simulator>, router: Router) -> Router {
    let tidy = middleware::map_request_with_state(simulator.clone(), microsoft::front::tidy);
    Router::new().fallback_service(router).layer(tidy).layer(middleware::map_request(overridden))
}

async fn overridden(request: Request) -> Request {
    let name = request.headers().get("x-http-method-override").filter(|_| request.method() == Method::POST);
    let Some(Ok(method)) = name.map(|name| Method::from_bytes(name.as_bytes())) else { return request };
    let (mut parts, mut body) = request.into_parts();
    parts.method = method;
    let kind =
        parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if parts.method == Method::GET && kind.starts_with("application/x-www-form-urlencoded") {
        // A query that was too long for an address comes as a form. One that cannot be read counts as empty.
        let form = to_bytes(body, faults::LARGEST).await.unwrap_or_default();
        body = Body::empty();
        let before = parts.uri.query().map_or_else(String::new, |query| format!("{query}&"));
        let target = format!("{}?{before}{}", parts.uri.path(), String::from_utf8_lossy(&form));
        if let Ok(uri) = target.parse() {
            parts.uri = uri;
        }
    }
    Request::from_parts(parts, body)
}
