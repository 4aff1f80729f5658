//! The adapters of the calendar platforms: they translate between a platform's API and the port
//! [`simone_sync::platform::CalendarPlatform`]. One method makes one request; when to ask, how often to repeat and
//! when to stop is the engine's affair.

mod call;
mod fields;
pub mod google;
mod grants;
mod http;
pub mod microsoft;
pub mod tls;

pub use google::{Google, GoogleConfig};
pub use http::BuildError;
pub use microsoft::{Microsoft, MicrosoftConfig};
