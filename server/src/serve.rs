//! The listener: bounded in connections, in the time that a client takes to ask, and in the time that it takes to listen.
//!
//! `axum::serve` would do but for the bounds: with it, a client that sends a byte now and then, or that never reads what
//! it asked for, holds its connection for good.

use crate::config::LimitsConfig;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures::future::BoxFuture;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use simone_booking::Clock;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// The most that a request's line and headers may take.
const HEAD: usize = 64 * 1024;
/// How long a stop waits for the answers under way.
const GRACE: Duration = Duration::from_secs(8);
/// The wait after an accept that failed for lack of resources.
const BREATH: Duration = Duration::from_millis(500);

/// What a connection beyond the bound is told, and how many are told at once; the rest are closed without a word.
const FULL: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n\
    content-type: text/plain; charset=utf-8\r\n\r\n\
    Simone est débordée : réessayez dans quelques secondes.\n\
    Simone is overwhelmed: please try again in a few seconds.\n";
const MOST_REFUSALS: usize = 32;
const REFUSAL: Duration = Duration::from_secs(1);

/// Serves until `stop`, then lets what is under way end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: LimitsConfig,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(limits.connections.max(1)));
    let patience = limits.patience();
    let refusals = Arc::new(Semaphore::new(MOST_REFUSALS));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // The client went away again.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) =>
            {
                continue;
            }
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                clock.sleep(BREATH).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            if let Ok(refusal) = refusals.clone().try_acquire_owned() {
                let clock = clock.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = refuse(stream) => {}
                        () = clock.sleep(REFUSAL) => {}
                    }
                    drop(refusal);
                });
            }
            continue;
        };
        // A page is sent in one piece, and an event at once.
        let _ = stream.set_nodelay(true);
        let (router, clock, stop) = (router.clone(), clock.clone(), stop.clone());
        connections.spawn(async move {
            let steady = Steady { stream, clock, patience: patience * 2, stalled: None };
            connection(steady, patience, peer, router, stop).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    tokio::select! {
        () = connections.wait() => {}
        () = clock.sleep(GRACE) => tracing::warn!(connections = connections.len(), "answers were cut short"),
    }
}

/// `patience`: in which a request's headers have to arrive. A connection that asks nothing is closed after it, too.
async fn connection(
    io: Steady,
    patience: Duration,
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let mut serving = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .max_buf_size(HEAD)
            .serve_connection(TokioIo::new(io), service)
    );
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended badly");
    }
}

/// Reads on until the client hangs up: a connection that is closed with something unread is reset, and what was written
/// is lost.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(FULL.as_bytes()).await?;
    stream.shutdown().await?;
    let mut waste = [0; 1024];
    while stream.read(&mut waste).await? > 0 {}
    Ok(())
}

/// A stream that fails when the other end takes nothing of what is written for too long.
struct Steady {
    stream: TcpStream,
    clock: Arc<dyn Clock>,
    patience: Duration,
    stalled: Option<BoxFuture<'static, ()>>,
}

impl Steady {
    /// Follows a write: each that gets on starts the time anew.
    fn follow<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let (clock, patience) = (&self.clock, self.patience);
        let stalled = self.stalled.get_or_insert_with(|| {
            let clock = clock.clone();
            Box::pin(async move { clock.sleep(patience).await })
        });
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Steady {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Steady {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.follow(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.follow(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.follow(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.follow(context, shut)
    }
}
