//! Which cryptography TLS uses.

use rustls::crypto::{CryptoProvider, ring};

/// Makes *ring* the process's provider of cryptography for TLS, unless one is installed already. reqwest is built
/// without one, so this comes before its first client.
pub fn install() {
    if CryptoProvider::get_default().is_none() {
        // Fails only when another thread was faster, and then there is one.
        let _ = ring::default_provider().install_default();
    }
}
