//! The pages, their actions and texts: Leptos, rendered on the server alone.
//!
//! [`router`] makes one axum router of it all. Pages read through `simone-store` and change things through the port
//! [`simone_sync::ports::Choices`]; forms and links do everything, and no script is needed.

mod actions;
mod appointments;
mod components;
mod desk;
mod device;
mod export;
mod fields;
pub mod flash;
pub mod format;
mod forms;
pub mod guard;
pub mod limit;
mod login;
mod page;
mod pages;
mod picture;
mod platform;
mod reasons;
mod remedy;
mod render;
mod router;
pub mod session;
mod state;
pub mod texts;
mod typed;
pub mod visitor;
pub mod week;

pub use actions::settled;
pub use flash::Flash;
pub use login::ClientAddress;
pub use platform::{Face, Permissions, face, platform_name};
pub use render::{LIVE_PATH, STYLE_PATH};
pub use router::{not_found, router};
pub use session::Session;
pub use state::{AppState, Connector, Demo, DemoOperator, Parts};
