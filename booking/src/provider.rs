//! Who offers services, and who looks after the installation. A person may be both, under one e-mail address.

use crate::{OperatorId, ProviderId};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// The languages that the product speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    #[default]
    Fr,
    En,
}

impl Locale {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Fr => "fr",
            Self::En => "en",
        }
    }
}

impl std::str::FromStr for Locale {
    type Err = UnknownLocale;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "fr" => Ok(Self::Fr),
            "en" => Ok(Self::En),
            _ => Err(UnknownLocale),
        }
    }
}

/// Not one of the languages that the product speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown language: expected `fr` or `en`")]
pub struct UnknownLocale;

/// The professional who offers services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    pub id: ProviderId,
    pub name: String,
    pub email: String,
    /// The zone in which their days begin and end.
    pub zone: Tz,
    pub locale: Locale,
}

/// Someone who looks after the installation: its providers, its tokens, its log of who did what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    pub id: OperatorId,
    pub name: String,
    pub email: String,
    /// In which they are shown times.
    pub zone: Tz,
    pub locale: Locale,
}
