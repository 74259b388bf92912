//! What a call asks of its parent while it runs, on a channel of its own, and what it is told.
//!
//! Most questions have one answer, and whoever asks waits for it: so what the parent has to send never exceeds what a
//! channel has room for, and the parent never waits for a worker that is busy. Data lie in shared memory, written once by
//! whoever has them: they are passed on as they are. `P` is how they are named, which is a [`Part`] in a message.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::definition::Program;
use crate::error::{Error, ErrorCode, Result};
use crate::segment::{Announcement, BufferRef, SegmentId};

/// What a convention has to say, and where its data lie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// For the convention.
    pub body: Vec<u8>,
    /// Data.
    pub buffers: Vec<BufferRef>,
}

/// From a worker.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ask {
    /// Names it in the answer; counts up.
    pub number: u64,
    /// Answers whose memory nobody looks at any more.
    pub released: Vec<u64>,
    /// Segments to attach and to forget.
    pub segments: Announcement,
    /// What is asked.
    pub question: Question<Part>,
}

/// What a worker may ask.
#[derive(Debug, Serialize, Deserialize)]
pub enum Question<P> {
    /// To have a call made by any worker, as the asking call was; the ask's number names it. Has no answer of its own.
    Submit {
        /// The call.
        call: P,
        /// The longest that it may take.
        timeout: Option<Duration>,
        /// How often it may begin again after a worker died in it.
        retries: u32,
        /// What makes such calls, for who has made none for this call before.
        program: Option<Box<Program>>,
    },
    /// To have the call back that this ask submitted, if it has not begun: [`Told::Claimed`].
    Claim(u64),
    /// What came of calls that were submitted, as soon as one is over: [`Told::Outcomes`], none where all are.
    Outcomes,
    /// Who it is among those that run together: [`Told::Rank`].
    Rank,
    /// To meet the others of its group, each of which comes for the same purpose: [`Told::Parts`], what they have for it.
    Meet {
        /// Whom.
        group: Group,
        /// What for, in words.
        purpose: String,
        /// What it has, and for which ranks of the group.
        parts: Vec<(Vec<u32>, P)>,
    },
    /// To have this kept for a rank of the group until that receives it: [`Told::Parts`], none.
    Send {
        /// Whose ranks.
        group: Group,
        /// The receiver.
        to: u32,
        /// What the receiver may ask for.
        tag: i64,
        /// The message.
        part: P,
    },
    /// The first message from a rank, or from any, with this tag, or any: [`Told::Parts`], one.
    Receive {
        /// Whose ranks.
        group: Group,
        /// The sender.
        from: Option<u32>,
        /// The tag.
        tag: Option<i64>,
    },
    /// Nothing: it failed, in this way, and those who wait for it are to know. [`Told::Parts`], none.
    Fail(String),
}

/// Ranks that meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Names it; equal for all of them.
    pub name: String,
    /// Their ranks among all that run together; one's position is its rank in the group.
    pub members: Vec<u32>,
}

/// From the parent.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The ask.
    pub number: u64,
    /// Segments of earlier asks that nobody reads any more.
    pub recycle: Vec<SegmentId>,
    /// Segments to attach and to forget.
    pub segments: Announcement,
    /// What is told.
    pub told: Told<Part>,
}

/// What a worker is told.
#[derive(Debug, Serialize, Deserialize)]
pub enum Told<P> {
    /// Whether the call is the asker's again.
    Claimed(bool),
    /// Calls that are over.
    Outcomes(Vec<(u64, Ended<P>)>),
    /// Its rank, and how many there are.
    Rank(u32, u32),
    /// What ranks of the group have for it, in their order.
    Parts(Vec<(u32, P)>),
    /// There is no answer.
    Refused(ErrorCode, String),
}

/// What became of a call.
#[derive(Debug, Serialize, Deserialize)]
pub enum Ended<P> {
    /// It is over, as its convention says.
    Returned(P),
    /// It could not be made or answered, or its worker was lost.
    Failed {
        /// The kind of failure.
        code: ErrorCode,
        /// What happened.
        summary: String,
        /// The traceback, where there is one.
        traceback: Option<String>,
    },
}

impl<P> Question<P> {
    /// The same question of data that are named otherwise.
    ///
    /// # Errors
    /// The first of `name`.
    pub fn try_map<Q>(self, mut name: impl FnMut(P) -> Result<Q>) -> Result<Question<Q>> {
        Ok(match self {
            Question::Submit { call, timeout, retries, program } => {
                Question::Submit { call: name(call)?, timeout, retries, program }
            }
            Question::Claim(number) => Question::Claim(number),
            Question::Outcomes => Question::Outcomes,
            Question::Rank => Question::Rank,
            Question::Meet { group, purpose, parts } => {
                let parts = parts.into_iter().map(|(to, part)| Ok((to, name(part)?)));
                Question::Meet { group, purpose, parts: parts.collect::<Result<_>>()? }
            }
            Question::Send { group, to, tag, part } => Question::Send { group, to, tag, part: name(part)? },
            Question::Receive { group, from, tag } => Question::Receive { group, from, tag },
            Question::Fail(how) => Question::Fail(how),
        })
    }
}

impl<P> Told<P> {
    /// The same answer with data that are named otherwise.
    pub fn map<Q>(self, mut name: impl FnMut(P) -> Q) -> Told<Q> {
        match self {
            Told::Claimed(claimed) => Told::Claimed(claimed),
            Told::Outcomes(outcomes) => Told::Outcomes(
                outcomes.into_iter().map(|(number, ended)| (number, ended.map(&mut name))).collect(),
            ),
            Told::Rank(rank, size) => Told::Rank(rank, size),
            Told::Parts(parts) => {
                Told::Parts(parts.into_iter().map(|(from, part)| (from, name(part))).collect())
            }
            Told::Refused(code, summary) => Told::Refused(code, summary),
        }
    }
}

impl<P> Ended<P> {
    fn map<Q>(self, name: impl FnOnce(P) -> Q) -> Ended<Q> {
        match self {
            Ended::Returned(part) => Ended::Returned(name(part)),
            Ended::Failed { code, summary, traceback } => Ended::Failed { code, summary, traceback },
        }
    }
}

impl<P> From<Error> for Ended<P> {
    fn from(error: Error) -> Self {
        let Error { code, summary, traceback, .. } = error;
        Ended::Failed { code, summary, traceback }
    }
}
