//! Who reads along in a place, as far as its platform tells.

use stoa_ground::Result;

use super::{Place, looked_up};
use crate::Flow;

/// Who reads what is said in a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Whether every colleague may read there. Where that is not known it is not so: what is said there stays there.
    pub open: bool,
    /// Whether people from outside the organisation are known to read along.
    pub outsiders: bool,
}

impl Flow {
    /// Who reads in a place, asked anew. A platform that will never say it leaves the place closed.
    ///
    /// # Errors
    /// When the platform may say it later.
    pub async fn audience(&self, place: &Place) -> Result<Audience> {
        let platform = self.platform(&place.platform).filter(|_| !place.direct);
        let Some(platform) = platform else { return Ok(Audience::default()) };
        Ok(looked_up(platform.audience(place).await)?.unwrap_or_default())
    }
}
