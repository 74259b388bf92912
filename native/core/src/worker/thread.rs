//! A worker that is a thread of this process, for tests: the whole protocol without Python.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use arrow_data::ArrayData;

use super::{Asker, Limits, Peer};
use crate::channel::{Channel, Received};
use crate::error::ErrorCode;
use crate::placement;
use crate::protocol::asks::{Ended, Part, Question, Told};
use crate::protocol::{BatchStats, FromWorker, ToWorker, VERSION};
use crate::segment::{
    Access, Announcement, Arena, Backend, Cache, Control, Incoming, Lease, Outgoing, nanos,
};

pub(crate) const LIMITS: Limits = Limits {
    start_timeout: Duration::from_secs(5),
    idle_bytes: 1 << 20,
    retained_bytes: 1 << 20,
    result_bytes: None,
};

/// What the fake does with a batch.
pub(crate) enum Act {
    /// Sends this struct back.
    Reply(ArrayData),
    /// Sends this struct back and says that it has no mapping of the batch any more.
    Drop(ArrayData),
    /// Says that this group failed.
    Fail(u64, ErrorCode, &'static str),
    /// Ends without a word, in this group.
    Die(u64),
    /// Sends this, whatever it is.
    Say(FromWorker),
    /// Sends these fields of a reply, whatever they are.
    Forge(Box<dyn FnOnce(&mut crate::protocol::ArrayDescriptor) + Send>, ArrayData),
}

pub(crate) struct Fake {
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
    killed: Arc<AtomicBool>,
}

impl Peer for Fake {
    fn id(&self) -> u32 {
        0
    }
    fn describe(&self) -> String {
        "fake worker".to_owned()
    }
    fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.lock().unwrap().take() {
            thread.join().unwrap();
        }
    }
    fn exit(&self, grace: Duration) -> Option<String> {
        let deadline = Instant::now() + grace;
        loop {
            let ended = self.thread.lock().unwrap().as_ref().is_none_or(JoinHandle::is_finished);
            if ended {
                return Some("ended".to_owned());
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
    fn last_words(&self) -> String {
        "last words".to_owned()
    }
}

/// Starts a worker that answers each batch as `act` says.
pub(crate) fn spawn(
    backend: Backend,
    act: impl FnMut(ArrayData) -> Act + Send + 'static,
) -> (Channel, Box<dyn Peer>) {
    let (ours, theirs) = Channel::pair().unwrap();
    let killed = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&killed);
    let thread = thread::spawn(move || serve(&theirs, backend, act, &stop));
    (ours, Box::new(Fake { thread: std::sync::Mutex::new(Some(thread)), killed }))
}

fn failed(ticket: u64, code: ErrorCode, summary: &str) -> FromWorker {
    let (group, traceback, dropped) = (None, None, Vec::new());
    FromWorker::Failed { ticket, group, code, summary: summary.to_owned(), traceback, dropped }
}

fn serve(channel: &Channel, backend: Backend, mut act: impl FnMut(ArrayData) -> Act, killed: &AtomicBool) {
    let cache = Cache::new(backend, 1 << 20);
    let (mut incoming, mut outgoing) = (Incoming::from_parent(backend), Outgoing::default());
    let mut lent: Vec<Arc<Lease>> = Vec::new();
    let mut input = None;
    let (mut page, mut asker) = (None, None);
    while !killed.load(Ordering::Relaxed) {
        let received = channel.receive::<ToWorker>(Some(Duration::from_millis(10))).unwrap();
        let (message, descriptors): (ToWorker, Vec<OwnedFd>) = match received {
            Received::Message(message, descriptors) => (message, descriptors),
            Received::Timeout => continue,
            Received::Closed => return,
        };
        let mut descriptors = descriptors.into_iter();
        match message {
            ToWorker::Start { control, .. } => {
                let segment = control.attach(&mut descriptors, Access::Shared).unwrap();
                page = Some(Control::attach(segment).unwrap());
                asker = descriptors.next().map(|descriptor| Asker::new(descriptor, backend, 1 << 20));
                let hello =
                    FromWorker::Hello { version: VERSION, python: "3.11.7".into(), libraries: String::new() };
                channel.send(&hello, &[]).unwrap();
            }
            ToWorker::Register(_, definition, _) => input = Some(definition.shape.input),
            ToWorker::Unregister(_) => {}
            ToWorker::Shutdown => return,
            ToWorker::Call { ticket, body, .. } => {
                let begun = page.as_ref().unwrap().begin(ticket);
                let answer = match (begun, body.as_slice()) {
                    (false, _) => failed(ticket, ErrorCode::Cancelled, "revoked"),
                    (true, b"die") => return,
                    (true, b"fail") => failed(ticket, ErrorCode::Resource, "no memory"),
                    (true, b"break") => failed(ticket, ErrorCode::FunctionRaised, "not loaded"),
                    (true, body) => {
                        page.as_ref().unwrap().enter(ticket, 0, nanos());
                        if body == b"slow" {
                            thread::sleep(Duration::from_millis(100));
                        }
                        if body == b"ask" {
                            ask_on(asker.as_ref().unwrap(), killed);
                        }
                        let nested = body.strip_prefix(b"nest ");
                        let body = nested.map_or(body.to_vec(), |call| nest(asker.as_ref().unwrap(), call));
                        page.as_ref().unwrap().leave();
                        let segments = Announcement::default();
                        FromWorker::Returned { ticket, segments, body, buffers: Vec::new(), nanos: 1_000 }
                    }
                };
                // Nobody may be there to hear it.
                let _ = channel.send(&answer, &[]);
            }
            ToWorker::Run { ticket, segments, batch, recycle, .. } => {
                lent.retain(|lease| !recycle.contains(&lease.segment().id()));
                incoming.follow(&segments, &mut descriptors).unwrap();
                let mut names = Vec::new();
                placement::segments(&batch, &mut |id| names.push(id));
                let find = |id| incoming.get(id).cloned();
                let array = placement::resolve(&batch, input.as_ref().unwrap(), &find).unwrap();
                let act = act(array);
                let mut done = |array: ArrayData, dropped, forge: Box<dyn FnOnce(&mut _) + Send>| {
                    let mut arena = Arena::new(Arc::clone(&cache), 0);
                    let (mut result, copied) = placement::place(&array, &[], &mut arena).unwrap();
                    forge(&mut result);
                    let leases = arena.into_leases();
                    let (segments, fresh) = outgoing.announce(leases.iter().map(|lease| lease.segment()));
                    let fds: Vec<_> = fresh.iter().filter_map(|segment| segment.descriptor()).collect();
                    let stats = Box::new(BatchStats { copied, ..BatchStats::default() });
                    let aside = Vec::new();
                    let done = FromWorker::Done { ticket, segments, result, dropped, aside, stats };
                    channel.send(&done, &fds).unwrap();
                    lent.extend(leases);
                };
                match act {
                    Act::Reply(array) => done(array, Vec::new(), Box::new(|_| ())),
                    Act::Drop(array) => {
                        names.iter().for_each(|id| incoming.remove(*id));
                        done(array, names, Box::new(|_| ()));
                    }
                    Act::Forge(forge, array) => done(array, Vec::new(), forge),
                    Act::Say(message) => channel.send(&message, &[]).unwrap(),
                    Act::Die(group) => {
                        page.as_ref().unwrap().enter(ticket, group, 0);
                        return;
                    }
                    Act::Fail(group, code, summary) => {
                        let mut answer = failed(ticket, code, summary);
                        if let FromWorker::Failed { group: at, .. } = &mut answer {
                            *at = Some(group);
                        }
                        channel.send(&answer, &[]).unwrap();
                    }
                }
            }
        }
    }
}

/// Asks and asks, for two seconds.
fn ask_on(asker: &Asker, killed: &AtomicBool) {
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until && !killed.load(Ordering::Relaxed) {
        let question = asker.ask(Question::Claim(0), Vec::new(), Vec::new()).unwrap();
        let _ = asker.wait(question, Some(Duration::from_millis(10)));
    }
}

/// Submits a call and waits for it: what it returned, or `mine` when no other worker has begun it.
fn nest(asker: &Asker, call: &[u8]) -> Vec<u8> {
    let call = Part { body: call.to_vec(), buffers: Vec::new() };
    let number = asker.ask(
        Question::Submit { call, timeout: None, retries: 0, program: None },
        Vec::new(),
        Vec::new(),
    );
    thread::sleep(Duration::from_millis(30));
    let claim = asker.ask(Question::Claim(number.unwrap()), Vec::new(), Vec::new()).unwrap();
    if matches!(asker.wait(claim, None), Ok(Some(Told::Claimed(true)))) {
        return b"mine".to_vec();
    }
    let outcomes = asker.ask(Question::Outcomes, Vec::new(), Vec::new()).unwrap();
    match asker.wait(outcomes, None) {
        Ok(Some(Told::Outcomes(mut over))) => match over.pop() {
            Some((_, Ended::Returned(part))) => part.body,
            Some((_, Ended::Failed { code, .. })) => code.name().as_bytes().to_vec(),
            None => b"nothing".to_vec(),
        },
        _ => b"no answer".to_vec(),
    }
}
