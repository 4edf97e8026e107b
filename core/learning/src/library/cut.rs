//! Cutting sections into passages.

use super::Section;

/// Cuts sections into passages.
pub(super) fn cut(sections: Vec<Section>) -> Vec<Section> {
    sections.into_iter().filter(|s| !s.text.is_empty()).collect()
}
