//! The words of our statements: verbs, activity types and extensions.
//!
//! Known identifiers are used wherever a published profile has one; the comment names it. What no profile has is
//! minted under the organisation's IRI ([`Iri::Own`]) and carries the broader known term.

/// An identifier: one that is known everywhere, or one of ours under the organisation's IRI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Iri {
    /// A published identifier.
    Known(&'static str),
    /// The path of an identifier of our own profile.
    Own(&'static str),
}

/// A verb with its English display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verb {
    /// Which verb it is.
    pub iri: Iri,
    /// How it reads between actor and object.
    pub display: &'static str,
    /// For a verb of our own: the published verb that is the nearest wider one.
    pub broader: Option<&'static str>,
}

/// The type of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivityType(pub Iri);

const fn known(iri: &'static str, display: &'static str) -> Verb {
    Verb { iri: Iri::Known(iri), display, broader: None }
}

const fn own(path: &'static str, display: &'static str, broader: &'static str) -> Verb {
    Verb { iri: Iri::Own(path), display, broader: Some(broader) }
}

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident = $make:ident($($arg:expr),*);)*) => {
        $($(#[$doc])* pub const $name: Verb = $make($($arg),*);)*
        /// All verbs that we use.
        pub const VERBS: &[Verb] = &[$($name),*];
    };
}

macro_rules! activity_types {
    ($($(#[$doc:meta])* $name:ident = $iri:expr;)*) => {
        $($(#[$doc])* pub const $name: ActivityType = ActivityType(Iri::Known($iri));)*
        /// All activity types that we use.
        pub const ACTIVITY_TYPES: &[ActivityType] = &[$($name),*];
    };
}

verbs! {
    /// ADL.
    EXPERIENCED = known("http://adlnet.gov/expapi/verbs/experienced", "experienced");
    /// SCORM profile, cmi5.
    COMPLETED = known("http://adlnet.gov/expapi/verbs/completed", "completed");
    /// SCORM profile, cmi5.
    PASSED = known("http://adlnet.gov/expapi/verbs/passed", "passed");
    /// SCORM profile, cmi5.
    FAILED = known("http://adlnet.gov/expapi/verbs/failed", "failed");
    /// SCORM profile, cmi5: started.
    INITIALIZED = known("http://adlnet.gov/expapi/verbs/initialized", "started");
    /// SCORM profile.
    SUSPENDED = known("http://adlnet.gov/expapi/verbs/suspended", "suspended");
    /// SCORM profile.
    RESUMED = known("http://adlnet.gov/expapi/verbs/resumed", "resumed");
    /// SCORM profile, cmi5: ended.
    TERMINATED = known("http://adlnet.gov/expapi/verbs/terminated", "ended");
    /// SCORM profile.
    SCORED = known("http://adlnet.gov/expapi/verbs/scored", "scored");
    /// ADL, cmi5.
    LAUNCHED = known("http://adlnet.gov/expapi/verbs/launched", "launched");
    /// ADL.
    PROGRESSED = known("http://adlnet.gov/expapi/verbs/progressed", "progressed");
    /// ADL.
    ATTEMPTED = known("http://adlnet.gov/expapi/verbs/attempted", "attempted");
    /// ADL.
    MASTERED = known("http://adlnet.gov/expapi/verbs/mastered", "mastered");
    /// ADL.
    IMPORTED = known("http://adlnet.gov/expapi/verbs/imported", "imported");
    /// ADL: a quiz item (the SCORM profile says `responded`).
    ANSWERED = known("http://adlnet.gov/expapi/verbs/answered", "answered");
    /// ADL.
    ASKED = known("http://adlnet.gov/expapi/verbs/asked", "asked");
    /// ADL.
    COMMENTED = known("http://adlnet.gov/expapi/verbs/commented", "commented on");
    /// ADL.
    SHARED = known("http://adlnet.gov/expapi/verbs/shared", "shared");
    /// `TinCan`.
    REPLIED = known("http://id.tincanapi.com/verb/replied", "replied to");
    /// `TinCan`.
    MENTIONED = known("http://id.tincanapi.com/verb/mentioned", "mentioned");
    /// `TinCan`.
    VOTED_UP = known("http://id.tincanapi.com/verb/voted-up", "voted up");
    /// `TinCan`.
    VOTED_DOWN = known("http://id.tincanapi.com/verb/voted-down", "voted down");
    /// `TinCan`.
    RATED = known("http://id.tincanapi.com/verb/rated", "rated");
    /// `TinCan`.
    APPLAUDED = known("http://id.tincanapi.com/verb/applauded", "applauded");
    /// ADL: a discussion, as a group.
    INTERACTED = known("http://adlnet.gov/expapi/verbs/interacted", "interacted with");
    /// `TinCan`: a discussion.
    DISCUSSED = known("http://id.tincanapi.com/verb/discussed", "discussed");
    /// `AcrossX`.
    LIKED = known("https://w3id.org/xapi/acrossx/verbs/liked", "liked");
    /// `AcrossX`.
    DISLIKED = known("https://w3id.org/xapi/acrossx/verbs/disliked", "disliked");
    /// `AcrossX`.
    POSTED = known("https://w3id.org/xapi/acrossx/verbs/posted", "posted");
    /// `AcrossX`.
    EDITED = known("https://w3id.org/xapi/acrossx/verbs/edited", "edited");
    /// `AcrossX`.
    SEARCHED = known("https://w3id.org/xapi/acrossx/verbs/searched", "searched");
    /// `AcrossX`.
    ANNOTATED = known("https://w3id.org/xapi/acrossx/verbs/annotated", "annotated");
    /// `AcrossX`.
    WATCHED = known("https://w3id.org/xapi/acrossx/verbs/watched", "watched");
    /// ADB.
    READ = known("https://w3id.org/xapi/adb/verbs/read", "read");
    /// `TinCan`.
    BOOKMARKED = known("http://id.tincanapi.com/verb/bookmarked", "bookmarked");
    /// ADL: enrolled.
    REGISTERED = known("http://adlnet.gov/expapi/verbs/registered", "enrolled in");
    /// `TinCan`: withdrawn.
    UNREGISTERED = known("http://id.tincanapi.com/verb/unregistered", "withdrew from");
    /// `AcrossX`: the learner is the actor.
    WAS_ASSIGNED = known("https://w3id.org/xapi/acrossx/verbs/was-assigned", "was assigned");
    /// MOM: the assigner is the actor.
    DIRECTED = known("https://w3id.org/xapi/tla/verbs/directed", "directed");
    /// MOM.
    PLANNED = known("https://w3id.org/xapi/tla/verbs/planned", "planned");
    /// MOM.
    SCHEDULED = known("https://w3id.org/xapi/tla/verbs/scheduled", "scheduled");
    /// ADB.
    REQUESTED = known("https://w3id.org/xapi/adb/verbs/requested", "requested");
    /// MOM.
    APPROVED = known("https://w3id.org/xapi/tla/verbs/approved", "approved");
    /// Activity Streams: declined.
    DENIED = known("http://activitystrea.ms/deny", "denied");
    /// MOM.
    RECOMMENDED = known("https://w3id.org/xapi/tla/verbs/recommended", "recommended");
    /// cmi5.
    SATISFIED = known("https://w3id.org/xapi/adl/verbs/satisfied", "satisfied");
    /// cmi5.
    WAIVED = known("https://w3id.org/xapi/adl/verbs/waived", "waived");
    /// cmi5.
    ABANDONED = known("https://w3id.org/xapi/adl/verbs/abandoned", "abandoned");
    /// MOM.
    CERTIFIED = known("https://w3id.org/xapi/tla/verbs/certified", "certified");
    /// MOM: a badge.
    CONFERRED = known("https://w3id.org/xapi/tla/verbs/conferred", "conferred");
    /// MOM.
    QUALIFIED = known("https://w3id.org/xapi/tla/verbs/qualified", "qualified");
    /// MOM.
    VERIFIED = known("https://w3id.org/xapi/tla/verbs/verified", "verified");
    /// MOM.
    ASSERTED = known("https://w3id.org/xapi/tla/verbs/asserted", "asserted");
    /// Competency: learner competency profile.
    EXPIRED = known("https://w3id.org/xapi/tla/verbs/expired", "expired");
    /// Competency: learner competency profile.
    REVOKED = known("https://w3id.org/xapi/tla/verbs/revoked", "revoked");
    /// Competency: learner competency profile.
    ACHIEVED = known("https://w3id.org/xapi/tla/verbs/achieved", "achieved");
    /// Competency: learner competency profile.
    FORFEITED = known("https://w3id.org/xapi/tla/verbs/forfeited", "forfeited");
    /// `TinCan`, Open Badges.
    EARNED = known("http://id.tincanapi.com/verb/earned", "earned");
    /// `TinCan`: a certificate.
    LAPSED = known("http://id.tincanapi.com/verb/expired", "let expire");
    /// Activity Streams.
    AGREED = known("http://activitystrea.ms/agree", "agreed to");
    /// Activity Streams: a policy.
    ACKNOWLEDGED = known("http://activitystrea.ms/acknowledge", "acknowledged");
    /// `TinCan`.
    REVIEWED = known("http://id.tincanapi.com/verb/reviewed", "reviewed");
    /// Activity Streams.
    ARCHIVED = known("http://activitystrea.ms/archive", "archived");
    /// `TinCan`.
    SKIPPED = known("http://id.tincanapi.com/verb/skipped", "skipped");
    /// `TinCan`.
    PAUSED = known("http://id.tincanapi.com/verb/paused", "paused");
    /// `TinCan`.
    MENTORED = known("http://id.tincanapi.com/verb/mentored", "mentored");
    /// `DoD` ISD.
    NOTIFIED = known("https://w3id.org/xapi/dod-isd/verbs/notified", "was notified of");
    /// Reserved by xAPI; use [`super::Emitter::void`].
    VOIDED = known(super::validate::VOIDED, "voided");
    /// Ours.
    REMINDED = own("reminded", "was reminded of", "https://w3id.org/xapi/dod-isd/verbs/notified");
    /// Ours.
    ESCALATED = own("escalated", "escalated", "https://w3id.org/xapi/dod-isd/verbs/notified");
    /// Ours.
    ATTESTED = own("attested", "attested to", "http://activitystrea.ms/agree");
    /// Ours.
    WITHDREW_CONSENT = own("withdrew-consent", "withdrew consent to", "http://id.tincanapi.com/verb/unregistered");
    /// Ours.
    DEPRECATED = own("deprecated", "deprecated", "http://activitystrea.ms/archive");
    /// Ours.
    VERIFIED_CONTENT = own("verified-content", "verified the content of", "http://id.tincanapi.com/verb/reviewed");
}

activity_types! {
    /// A message in a chat.
    CHAT_MESSAGE = "http://id.tincanapi.com/activitytype/chat-message";
    /// A channel.
    CHAT_CHANNEL = "http://id.tincanapi.com/activitytype/chat-channel";
    /// A discussion.
    DISCUSSION = "http://id.tincanapi.com/activitytype/discussion";
    /// A topic.
    FORUM_TOPIC = "http://id.tincanapi.com/activitytype/forum-topic";
    /// A reply.
    FORUM_REPLY = "http://id.tincanapi.com/activitytype/forum-reply";
    /// A playlist.
    PLAYLIST = "http://id.tincanapi.com/activitytype/playlist";
    /// A checklist.
    CHECKLIST = "http://id.tincanapi.com/activitytype/checklist";
    /// A document.
    DOCUMENT = "http://id.tincanapi.com/activitytype/document";
    /// A resource of any kind.
    RESOURCE = "http://id.tincanapi.com/activitytype/resource";
    /// A scenario.
    SCENARIO = "http://id.tincanapi.com/activitytype/scenario";
    /// A goal.
    GOAL = "http://id.tincanapi.com/activitytype/goal";
    /// Somebody's profile.
    USER_PROFILE = "http://id.tincanapi.com/activitytype/user-profile";
    /// A tip of a colleague.
    TIP = "http://id.tincanapi.com/activitytype/tip";
    /// A course.
    COURSE = "http://adlnet.gov/expapi/activities/course";
    /// A lesson.
    LESSON = "http://adlnet.gov/expapi/activities/lesson";
    /// A module.
    MODULE = "http://adlnet.gov/expapi/activities/module";
    /// A quiz or other assessment.
    ASSESSMENT = "http://adlnet.gov/expapi/activities/assessment";
    /// A question that a person asks.
    QUESTION = "http://adlnet.gov/expapi/activities/question";
    /// A quiz item with an interaction type.
    INTERACTION = "http://adlnet.gov/expapi/activities/cmi.interaction";
    /// A link.
    LINK = "http://adlnet.gov/expapi/activities/link";
    /// A video or audio piece.
    MEDIA = "http://adlnet.gov/expapi/activities/media";
    /// A file.
    FILE = "http://adlnet.gov/expapi/activities/file";
    /// A profile of xAPI; used as a category.
    PROFILE = "http://adlnet.gov/expapi/activities/profile";
    /// A message on a board.
    MESSAGE = "https://w3id.org/xapi/acrossx/activities/message";
    /// An online discussion.
    ONLINE_DISCUSSION = "https://w3id.org/xapi/acrossx/activities/online-discussion";
    /// A web page.
    WEBPAGE = "https://w3id.org/xapi/acrossx/activities/webpage";
    /// A flashcard.
    FLASHCARD = "https://w3id.org/xapi/flashcards/activity-types/flashcard";
    /// A deck of flashcards.
    FLASHCARD_DECK = "https://w3id.org/xapi/flashcards/activity-types/flashcard-deck";
    /// A competency.
    COMPETENCY = "https://w3id.org/xapi/tla/activity-types/competency";
    /// A badge.
    BADGE = "https://w3id.org/xapi/tla/activity-types/badge";
    /// A credential.
    CREDENTIAL = "https://w3id.org/xapi/tla/activity-types/credential";
}

/// Extension keys, of results and contexts.
pub mod extension {
    use super::Iri;

    /// Due date (RFC 3339), context.
    pub const DUE_DATE: Iri = Iri::Known("https://w3id.org/xapi/tla/extensions/due_date");
    /// Expiration (RFC 3339), context or result.
    pub const EXPIRATION: Iri = Iri::Known("https://w3id.org/xapi/tla/extensions/expiration");
    /// Confidence from 0 to 1, result.
    pub const CONFIDENCE: Iri = Iri::Known("https://w3id.org/xapi/tla/extensions/confidence");
    /// Evidence, result.
    pub const EVIDENCE: Iri = Iri::Known("https://w3id.org/xapi/tla/extensions/evidence");
    /// Tags, context.
    pub const TAGS: Iri = Iri::Known("http://id.tincanapi.com/extension/tags");
    /// Topic, context.
    pub const TOPIC: Iri = Iri::Known("http://id.tincanapi.com/extension/topic");
    /// Feedback, result.
    pub const FEEDBACK: Iri = Iri::Known("http://id.tincanapi.com/extension/feedback");
    /// Planned duration (ISO 8601), context.
    pub const PLANNED_DURATION: Iri = Iri::Known("http://id.tincanapi.com/extension/planned-duration");
    /// Quality rating, result.
    pub const QUALITY_RATING: Iri = Iri::Known("http://id.tincanapi.com/extension/quality-rating");
    /// cmi5 moveOn, context.
    pub const MOVE_ON: Iri = Iri::Known("https://w3id.org/xapi/cmi5/context/extensions/moveon");
    /// cmi5 mastery score, context.
    pub const MASTERY_SCORE: Iri = Iri::Known("https://w3id.org/xapi/cmi5/context/extensions/masteryscore");
    /// cmi5 session id, context.
    pub const SESSION_ID: Iri = Iri::Known("https://w3id.org/xapi/cmi5/context/extensions/sessionid");
    /// Ours: the number of an attempt at a quiz, from 1, context.
    pub const ATTEMPT: Iri = Iri::Own("attempt");
    /// Progress in percent, result.
    pub const PROGRESS: Iri = Iri::Known("https://w3id.org/xapi/cmi5/result/extensions/progress");
    /// Reason in one sentence, result.
    pub const REASON: Iri = Iri::Known("https://w3id.org/xapi/cmi5/result/extensions/reason");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identifier_is_an_iri_and_used_once() {
        let verbs = VERBS.iter().map(|v| v.iri);
        let mut seen = std::collections::HashSet::new();
        for iri in verbs.chain(ACTIVITY_TYPES.iter().map(|t| t.0)) {
            match iri {
                Iri::Known(text) => {
                    assert!(super::super::iri(text).is_ok(), "{text}");
                    assert!(seen.insert(text), "{text} appears twice");
                }
                Iri::Own(path) => assert!(path.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{path}"),
            }
        }
    }
}
