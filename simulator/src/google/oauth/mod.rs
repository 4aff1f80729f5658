//! Google's OAuth 2.0 and OpenID Connect (2).

pub(crate) mod authorize;
pub(crate) mod model;
mod scopes;
pub(crate) mod token;
pub(crate) mod userinfo;
