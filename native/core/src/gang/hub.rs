//! Where ranks meet: who has come for what, who still runs, and what waits for whom. Nothing here waits or sends.
//!
//! Whatever could wait for ever is an error that names the ranks: one that ended while others wait for it, two that came
//! for different purposes, ranks that all wait. After the first the run has failed, and every question gets that error.

use std::collections::VecDeque;

use crate::error::ErrorCode;
use crate::protocol::asks::{Group, Question, Told};
use crate::worker::{Asked, Data};

/// The most messages that wait for one rank.
const MOST_MESSAGES: usize = 1024;

/// An answer: to which rank, to which of its questions, and what.
pub type Answer = (usize, u64, Told<Data>);

struct Message {
    group: String,
    from: u32,
    tag: i64,
    part: Data,
}

/// What a rank does.
enum Rank {
    Runs,
    Meets {
        number: u64,
        group: Group,
        purpose: String,
        parts: Vec<(Vec<u32>, Data)>,
    },
    Receives {
        number: u64,
        group: Group,
        from: Option<u32>,
        tag: Option<i64>,
    },
    /// How.
    Ended(String),
}

/// All ranks of a run.
pub struct Hub {
    ranks: Vec<Rank>,
    messages: Vec<VecDeque<Message>>,
    /// Why, and the rank that it began with.
    failed: Option<(String, usize)>,
}

impl Hub {
    /// Those of a run that begins.
    pub fn new(size: usize) -> Hub {
        let ranks = (0..size).map(|_| Rank::Runs).collect();
        Hub { ranks, messages: (0..size).map(|_| VecDeque::new()).collect(), failed: None }
    }

    /// Why the run has failed, and the rank that it began with.
    pub fn failed(&self) -> Option<&(String, usize)> {
        self.failed.as_ref()
    }

    /// What follows from what a rank asks.
    pub fn ask(&mut self, rank: usize, asked: Asked) -> Vec<Answer> {
        let Asked { number, question } = asked;
        let mut answers = Vec::new();
        match question {
            Question::Fail(how) => {
                self.fail(rank, format!("rank {rank} {how}"), &mut answers);
                answers.push((rank, number, Told::Parts(Vec::new())));
            }
            Question::Rank => {
                answers.push((rank, number, Told::Rank(rank as u32, self.ranks.len() as u32)));
            }
            _ if self.failed.is_some() => answers.push((rank, number, self.refusal())),
            Question::Meet { group, purpose, parts } if self.has(rank, &group) => {
                self.ranks[rank] = Rank::Meets { number, group, purpose, parts };
                self.meet(rank, &mut answers);
            }
            Question::Send { group, to, tag, part } if self.has(rank, &group) => {
                answers.extend(self.send(rank, number, &group, to, tag, part));
            }
            Question::Receive { group, from, tag } if self.has(rank, &group) => {
                self.ranks[rank] = Rank::Receives { number, group, from, tag };
                answers.extend(self.receive(rank));
            }
            _ => {
                let what = "no such group of ranks".to_owned();
                answers.push((rank, number, Told::Refused(ErrorCode::Argument, what)));
            }
        }
        self.look(&mut answers);
        answers
    }

    /// What follows from the end of a rank.
    pub fn end(&mut self, rank: usize, how: String, fails: bool) -> Vec<Answer> {
        let mut answers = Vec::new();
        if fails {
            self.fail(rank, format!("rank {rank} {how}"), &mut answers);
        }
        self.ranks[rank] = Rank::Ended(how);
        self.look(&mut answers);
        answers
    }

    /// Where every rank is, in words.
    pub fn describe(&self) -> String {
        let each: Vec<String> =
            (0..self.ranks.len()).map(|rank| format!("rank {rank} {}", self.describe_rank(rank))).collect();
        each.join(", ")
    }

    fn describe_rank(&self, rank: usize) -> String {
        match &self.ranks[rank] {
            Rank::Runs => "runs".to_owned(),
            Rank::Meets { purpose, group, .. } => format!("is at {purpose}{}", of(group, self.ranks.len())),
            Rank::Receives { group, from, tag, .. } => {
                let from = match from {
                    Some(from) => format!("rank {from}"),
                    None => "any rank".to_owned(),
                };
                let tag = tag.map_or(String::new(), |tag| format!(" with tag {tag}"));
                format!("is at recv from {from}{tag}{}", of(group, self.ranks.len()))
            }
            Rank::Ended(how) => how.clone(),
        }
    }

    /// Whether the group is one of ranks of this run, the asking one among them.
    fn has(&self, rank: usize, group: &Group) -> bool {
        let known = |member: &u32| (*member as usize) < self.ranks.len();
        group.members.contains(&(rank as u32)) && group.members.iter().all(known)
    }

    fn refusal(&self) -> Told<Data> {
        let why = self.failed.as_ref().map_or(String::new(), |(why, _)| why.clone());
        Told::Refused(ErrorCode::Cancelled, why)
    }

    /// The run has failed: who waits is told so.
    fn fail(&mut self, rank: usize, why: String, answers: &mut Vec<Answer>) {
        self.failed.get_or_insert((why, rank));
        for rank in 0..self.ranks.len() {
            if let Rank::Meets { number, .. } | Rank::Receives { number, .. } = self.ranks[rank] {
                answers.push((rank, number, self.refusal()));
                self.ranks[rank] = Rank::Runs;
            }
        }
        self.messages.iter_mut().for_each(VecDeque::clear);
    }

    /// Lets the group of `rank` go on if all have come.
    fn meet(&mut self, rank: usize, answers: &mut Vec<Answer>) {
        let Rank::Meets { group, purpose, .. } = &self.ranks[rank] else { return };
        let (group, purpose) = (group.clone(), purpose.clone());
        let mut missing = false;
        for other in &group.members {
            match &self.ranks[*other as usize] {
                Rank::Meets { group: theirs, purpose: other_purpose, .. } if *theirs == group => {
                    if *other_purpose != purpose {
                        let why = format!("the ranks do not meet: {}", self.describe());
                        return self.fail(rank, why, answers);
                    }
                }
                _ => missing = true,
            }
        }
        if missing {
            return;
        }
        let mut numbers = Vec::with_capacity(group.members.len());
        let mut told: Vec<Vec<(u32, Data)>> = group.members.iter().map(|_| Vec::new()).collect();
        for (from, member) in group.members.iter().enumerate() {
            let came = std::mem::replace(&mut self.ranks[*member as usize], Rank::Runs);
            let Rank::Meets { number, parts, .. } = came else { continue };
            numbers.push((*member as usize, number));
            for (targets, data) in parts {
                for to in targets {
                    if let Some(told) = told.get_mut(to as usize) {
                        told.push((from as u32, data.clone()));
                    }
                }
            }
        }
        let told = numbers.into_iter().zip(told);
        answers.extend(told.map(|((rank, number), parts)| (rank, number, Told::Parts(parts))));
    }

    fn send(
        &mut self,
        rank: usize,
        number: u64,
        group: &Group,
        to: u32,
        tag: i64,
        part: Data,
    ) -> Vec<Answer> {
        let refuse = |code, why| vec![(rank, number, Told::Refused(code, why))];
        let Some(receiver) = group.members.get(to as usize).map(|member| *member as usize) else {
            let size = group.members.len();
            return refuse(ErrorCode::Argument, format!("there is no rank {to} among {size}"));
        };
        if let Rank::Ended(how) = &self.ranks[receiver] {
            return refuse(ErrorCode::Cancelled, format!("rank {to} does not receive any more: it {how}"));
        }
        if self.messages[receiver].len() >= MOST_MESSAGES {
            let why = format!(
                "{MOST_MESSAGES} messages wait for rank {to}, which has not received them: as many as may be. Let it call \
                 recv more often, or send fewer"
            );
            return refuse(ErrorCode::Resource, why);
        }
        let from = group.members.iter().position(|member| *member as usize == rank).unwrap_or(0) as u32;
        self.messages[receiver].push_back(Message { group: group.name.clone(), from, tag, part });
        let mut answers = vec![(rank, number, Told::Parts(Vec::new()))];
        answers.extend(self.receive(receiver));
        answers
    }

    /// The message that `rank` waits for, if it is there.
    fn receive(&mut self, rank: usize) -> Option<Answer> {
        let Rank::Receives { number, group, from, tag } = &self.ranks[rank] else { return None };
        let wanted = |message: &Message| {
            message.group == group.name
                && from.is_none_or(|from| from == message.from)
                && tag.is_none_or(|tag| tag == message.tag)
        };
        let number = *number;
        let index = self.messages[rank].iter().position(wanted)?;
        let Message { from, part, .. } = self.messages[rank].remove(index)?;
        self.ranks[rank] = Rank::Runs;
        Some((rank, number, Told::Parts(vec![(from, part)])))
    }

    /// Fails if a rank waits for what will not come.
    fn look(&mut self, answers: &mut Vec<Answer>) {
        if self.failed.is_some() {
            return;
        }
        let waits = |rank: &Rank| matches!(rank, Rank::Meets { .. } | Rank::Receives { .. });
        let ended = |rank: u32| matches!(self.ranks[rank as usize], Rank::Ended(_));
        let in_vain = |rank: &Rank| match rank {
            Rank::Meets { group, .. } => group.members.iter().copied().find(|member| ended(*member)),
            Rank::Receives { group, from: Some(from), .. } => {
                let sender = group.members.get(*from as usize).copied();
                sender.filter(|sender| ended(*sender))
            }
            _ => None,
        };
        let lost = self.ranks.iter().position(|rank| in_vain(rank).is_some());
        let all = !self.ranks.iter().any(|rank| matches!(rank, Rank::Runs));
        let stuck = self.ranks.iter().position(waits).filter(|_| all);
        if let Some(rank) = lost {
            let why = format!("rank {rank} waits in vain: {}", self.describe());
            self.fail(rank, why, answers);
        } else if let Some(rank) = stuck {
            let why = format!("all ranks wait, and none can go on: {}", self.describe());
            self.fail(rank, why, answers);
        }
    }
}

fn of(group: &Group, size: usize) -> String {
    if group.members.len() == size { String::new() } else { format!(" of ranks {:?}", group.members) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(members: &[u32]) -> Group {
        Group { name: format!("{members:?}"), members: members.to_vec() }
    }

    fn data(body: &str) -> Data {
        Data::new(body.as_bytes().to_vec(), Vec::new(), Vec::new())
    }

    fn meet(members: &[u32], purpose: &str, parts: Vec<(Vec<u32>, &str)>) -> Asked {
        let parts = parts.into_iter().map(|(to, body)| (to, data(body))).collect();
        let question = Question::Meet { group: group(members), purpose: purpose.to_owned(), parts };
        Asked { number: 1, question }
    }

    fn told(answers: Vec<Answer>) -> Vec<(usize, Vec<(u32, String)>)> {
        let text = |data: Data| String::from_utf8(data.body).unwrap();
        let parts = |told| match told {
            Told::Parts(parts) => parts.into_iter().map(|(from, part)| (from, text(part))).collect(),
            Told::Refused(_, why) => vec![(u32::MAX, why)],
            _ => panic!("another answer"),
        };
        answers.into_iter().map(|(rank, _, answer)| (rank, parts(answer))).collect()
    }

    #[test]
    fn ranks_get_what_others_have_for_them_when_all_have_come() {
        let mut hub = Hub::new(3);
        assert!(hub.ask(2, meet(&[0, 1, 2], "x", vec![(vec![0], "c")])).is_empty());
        assert!(hub.ask(0, meet(&[0, 1, 2], "x", vec![(vec![0, 1], "a")])).is_empty());
        let answers = told(hub.ask(1, meet(&[0, 1, 2], "x", vec![])));
        let (a, c) = ((0, "a".to_owned()), (2, "c".to_owned()));
        assert_eq!(answers, [(0, vec![a.clone(), c]), (1, vec![a]), (2, vec![])]);
    }

    #[test]
    fn groups_meet_apart_and_number_their_own_ranks() {
        let mut hub = Hub::new(4);
        hub.ask(0, meet(&[0, 1], "x", vec![]));
        assert!(hub.ask(3, meet(&[3, 2], "y", vec![(vec![1], "d")])).is_empty());
        let answers = told(hub.ask(2, meet(&[3, 2], "y", vec![])));
        assert_eq!(answers, [(3, vec![]), (2, vec![(0, "d".to_owned())])]);
        assert!(hub.failed().is_none());
    }

    #[test]
    fn what_would_wait_for_ever_fails_and_names_the_ranks() {
        let mut hub = Hub::new(3);
        hub.ask(0, meet(&[0, 1, 2], "bcast", vec![]));
        let answers = told(hub.ask(1, meet(&[0, 1, 2], "reduce", vec![])));
        assert_eq!(answers.len(), 2);
        assert!(answers[0].1[0].1.contains("rank 0 is at bcast, rank 1 is at reduce, rank 2 runs"));
        assert_eq!(told(hub.ask(2, meet(&[0, 1, 2], "bcast", vec![]))).len(), 1, "it has failed for all");

        let mut hub = Hub::new(2);
        hub.ask(0, meet(&[0, 1], "barrier", vec![]));
        let answers = told(hub.end(1, "returned".to_owned(), false));
        assert!(answers[0].1[0].1.contains("rank 0 is at barrier, rank 1 returned"), "{answers:?}");

        let mut hub = Hub::new(2);
        let receive = |from| Question::Receive { group: group(&[0, 1]), from, tag: Some(7) };
        hub.ask(0, Asked { number: 1, question: receive(Some(1)) });
        let answers = told(hub.ask(1, Asked { number: 1, question: receive(None) }));
        assert!(answers[1].1[0].1.contains("rank 0 is at recv from rank 1 with tag 7"), "{answers:?}");
    }

    #[test]
    fn messages_wait_for_their_receiver_by_sender_and_tag_and_are_bounded() {
        let mut hub = Hub::new(2);
        let send = |tag, body: &str| Asked {
            number: 1,
            question: Question::Send { group: group(&[0, 1]), to: 1, tag, part: data(body) },
        };
        for (tag, body) in [(1, "a"), (2, "b"), (1, "c")] {
            assert_eq!(told(hub.ask(0, send(tag, body))), [(0, vec![])]);
        }
        for (tag, body) in [(Some(2), "b"), (Some(1), "a"), (None, "c")] {
            let question = Question::Receive { group: group(&[0, 1]), from: None, tag };
            assert_eq!(told(hub.ask(1, Asked { number: 2, question })), [(1, vec![(0, body.to_owned())])]);
        }
        for _ in 0..MOST_MESSAGES {
            hub.ask(0, send(1, "x"));
        }
        let answers = told(hub.ask(0, send(1, "y")));
        assert!(answers[0].1[0].1.contains("1024 messages wait for rank 1"), "{answers:?}");
    }
}
