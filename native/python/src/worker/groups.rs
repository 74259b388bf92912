//! The loop over the groups of a batch: where it is, how long calls take, which groups are given up, and what becomes
//! of a group that fails. It is compiled for each convention.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_data::ArrayData;
use beringia_core::ErrorCode;
use beringia_core::definition::{OnError, RowCount, Shape};
use beringia_core::placement;
use beringia_core::protocol::{ArrayDescriptor, BatchStats, Call, MAX_TRACED_CALLS};
use beringia_core::segment::{Control, Lease, nanos};

use super::batch::Run;
use super::{asks, forks};
use crate::convention::{Batch, Calls, Finished};
use crate::failure::{Failure, Result};

/// What the loop has to know beside the batch.
pub struct Groups<'a> {
    pub control: &'a Control,
    pub run: &'a Run,
}

/// The result of a batch.
pub struct Done {
    pub result: ArrayDescriptor,
    pub leases: Vec<Arc<Lease>>,
    pub aside: Vec<u8>,
    pub stats: BatchStats,
}

/// A failure comes with the row of its group, if it is a group's.
pub type Outcome<T> = std::result::Result<T, (Option<u64>, Failure)>;

/// Maps all groups of `batch`.
pub fn map<'py>(batch: &Batch<'_, 'py>, mut calls: impl Calls<'py>, groups: &Groups<'_>) -> Outcome<Done> {
    let definition = batch.definition;
    let kept = kept_lengths(&definition.shape, batch.rows);
    let mut stats = BatchStats::default();
    for group in 0..batch.rows.len() {
        if groups.control.is_cancelled(groups.run.ticket) {
            return Err((None, Failure::new(ErrorCode::Cancelled, "the batch was cancelled")));
        }
        let before = calls.rows();
        let mut outcome = one(batch, &mut calls, groups, group, &mut stats);
        if let (Ok(()), Some(kept)) = (&outcome, &kept) {
            outcome = check_kept(&definition.program.name, calls.rows() - before, kept[group]);
        }
        groups.control.leave();
        let Err(failure) = outcome else { continue };
        let here = |failure: Failure| (Some(group as u64), failure);
        if definition.policy.on_error == OnError::Raise || !failure.is_of_group() {
            return Err(here(failure));
        }
        calls.truncate(before).map_err(here)?;
        // A group that is carried through keeps its rows.
        for _ in 0..kept.as_ref().map_or(1, |kept| kept[group]) {
            calls.append_failed(group, &failure.summary).map_err(here)?;
        }
    }
    let Finished { result, arena, copied, aside } = calls.finish().map_err(|failure| (None, failure))?;
    stats.result_bytes = placement::bytes(&result);
    stats.copied = copied + stats.result_bytes;
    stats.moved = arena.moved();
    Ok(Done { result, leases: arena.into_leases(), aside, stats })
}

#[inline]
fn one<'py>(
    batch: &Batch<'_, 'py>,
    calls: &mut impl Calls<'py>,
    groups: &Groups<'_>,
    group: usize,
    stats: &mut BatchStats,
) -> Result<()> {
    let Groups { control, run } = groups;
    if let Some((_, why)) = run.condemned.iter().find(|(condemned, _)| *condemned == group as u64) {
        return Err(Failure::new(ErrorCode::WorkerDied, why.clone()));
    }
    calls.prepare(group)?;
    let started = nanos();
    control.enter(run.ticket, group as u64, started);
    let result = calls.call();
    let over = asks::finish(batch.py, result.is_err());
    let returned = nanos();
    forks::end_if_told(batch.py);
    let function_nanos = returned - started;
    count(stats, group as u64, function_nanos);
    let name = &batch.definition.program.name;
    // What it returned may have code of its own, which is the group's too.
    let result = result
        .and_then(|result| over.map(|()| result))
        .map_err(|error| name_function(calls.explain(&error), name))?;
    calls.append(group, &result).map_err(|failure| name_function(failure, name))?;
    let write_nanos = nanos() - returned;
    stats.write_nanos += write_nanos;
    if run.watch.trace && stats.calls.len() < MAX_TRACED_CALLS {
        stats.calls.push(Call { group: group as u64, started, function_nanos, write_nanos });
    }
    Ok(())
}

#[inline]
fn count(stats: &mut BatchStats, group: u64, nanos: u64) {
    stats.function_nanos += nanos;
    stats.durations.add(nanos);
    if stats.slowest.is_none_or(|(_, most)| nanos > most) {
        stats.slowest = Some((group, nanos));
    }
}

/// With kept columns: how many rows each group has.
fn kept_lengths(shape: &Shape, rows: &ArrayData) -> Option<Vec<usize>> {
    let column = rows.child_data().get(*shape.keep.first()?)?;
    if shape.rows == RowCount::One {
        return None;
    }
    let array = arrow_array::make_array(column.clone());
    let lists = array.as_list_opt::<i64>()?;
    Some(lists.value_offsets().windows(2).map(|pair| (pair[1] - pair[0]) as usize).collect())
}

fn check_kept(name: &str, rows: usize, wanted: usize) -> Result<()> {
    if rows == wanted {
        return Ok(());
    }
    Err(Failure::mismatch(format!(
        "'{name}' returned {rows} rows for a group of {wanted}; keep needs one for each"
    )))
}

/// A misfit is the function's: its name begins the sentence.
fn name_function(failure: Failure, name: &str) -> Failure {
    match failure.code {
        ErrorCode::ResultMismatch => Failure {
            summary: format!("'{name}' returned what does not fit: {}", failure.summary),
            ..failure
        },
        _ => failure,
    }
}
