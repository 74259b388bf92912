//! Where ranks meet whose questions an engine brings, for `beringia.spark.spmd`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use beringia_core::Error;
use beringia_core::gang;
use beringia_core::protocol::asks::{Group, Question, Told};
use beringia_core::worker::{Asked, Data};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::raise;

/// To which rank; what others have for it, or why there is nothing.
type Answer<'py> = (usize, Option<Vec<(u32, Bound<'py, PyBytes>)>>, Option<Bound<'py, PyAny>>);

/// The ranks of a run.
#[pyclass(frozen, module = "beringia._native")]
pub struct Hub {
    hub: Mutex<gang::Hub>,
}

#[pymethods]
impl Hub {
    /// A run of `size` ranks.
    #[new]
    fn new(size: usize) -> Hub {
        Hub { hub: Mutex::new(gang::Hub::new(size)) }
    }

    /// What follows when `rank` comes to meet the others of a group.
    fn meet<'py>(
        &self,
        py: Python<'py>,
        rank: usize,
        group: String,
        members: Vec<u32>,
        purpose: String,
        parts: Vec<(Vec<u32>, Vec<u8>)>,
    ) -> PyResult<Vec<Answer<'py>>> {
        let parts = parts.into_iter().map(|(to, body)| (to, data(body))).collect();
        self.ask(py, rank, Question::Meet { group: Group { name: group, members }, purpose, parts })
    }

    /// What follows when `rank` leaves a message for a rank of a group.
    #[allow(clippy::too_many_arguments, reason = "arguments of one caller")]
    fn send<'py>(
        &self,
        py: Python<'py>,
        rank: usize,
        group: String,
        members: Vec<u32>,
        to: u32,
        tag: i64,
        body: Vec<u8>,
    ) -> PyResult<Vec<Answer<'py>>> {
        let group = Group { name: group, members };
        self.ask(py, rank, Question::Send { group, to, tag, part: data(body) })
    }

    /// What follows when `rank` waits for a message from a rank of a group, or any, with a tag, or any.
    fn receive<'py>(
        &self,
        py: Python<'py>,
        rank: usize,
        group: String,
        members: Vec<u32>,
        from: Option<u32>,
        tag: Option<i64>,
    ) -> PyResult<Vec<Answer<'py>>> {
        self.ask(py, rank, Question::Receive { group: Group { name: group, members }, from, tag })
    }

    /// What follows when `rank` says that it has failed.
    fn fail<'py>(&self, py: Python<'py>, rank: usize, how: String) -> PyResult<Vec<Answer<'py>>> {
        self.ask(py, rank, Question::Fail(how))
    }

    /// What follows from the end of `rank`; whether it fails the run.
    fn end<'py>(&self, py: Python<'py>, rank: usize, how: String, fails: bool) -> PyResult<Vec<Answer<'py>>> {
        answers(py, self.hub().end(rank, how, fails))
    }

    /// The rank that failed first, and what happened there.
    fn failed(&self) -> Option<(usize, String)> {
        self.hub().failed().map(|(why, rank)| (*rank, why.clone()))
    }

    /// Where every rank is, in words.
    fn describe(&self) -> String {
        self.hub().describe()
    }
}

impl Hub {
    fn hub(&self) -> MutexGuard<'_, gang::Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<'py>(&self, py: Python<'py>, rank: usize, question: Question<Data>) -> PyResult<Vec<Answer<'py>>> {
        // A rank has one question at a time: its number says nothing.
        answers(py, self.hub().ask(rank, Asked { number: 0, question }))
    }
}

fn data(body: Vec<u8>) -> Data {
    Data::new(body, Vec::new(), Vec::new())
}

fn answers<'py>(py: Python<'py>, answers: Vec<gang::Answer>) -> PyResult<Vec<Answer<'py>>> {
    let answer = |(rank, _, told)| match told {
        Told::Parts(parts) => {
            let shown =
                parts.into_iter().map(|(from, part): (u32, Data)| (from, PyBytes::new(py, &part.body)));
            Ok((rank, Some(shown.collect()), None))
        }
        Told::Refused(code, why) => {
            let error = raise(py, Error::new(code, why)).into_value(py).into_bound(py).into_any();
            Ok((rank, None, Some(error)))
        }
        _ => Err(raise(py, Error::internal("ranks were answered as calls are"))),
    };
    answers.into_iter().map(answer).collect()
}
