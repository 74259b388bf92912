//! What runs in this worker at the moment, for the log: the task, the function and the group.

use std::sync::{Mutex, PoisonError};

use arrow_data::ArrayData;
use arrow_schema::DataType;
use beringia_core::definition::Definition;
use beringia_core::group_key;
use beringia_core::segment::Control;
use pyo3::prelude::*;

/// A task, its function, and the groups that it is at.
pub struct Scope {
    task: String,
    function: String,
    keys: Vec<(String, ArrayData)>,
    control: Option<Control>,
}

static SCOPE: Mutex<Option<Scope>> = Mutex::new(None);

impl Scope {
    /// The function is being loaded.
    pub fn loading(task: String, function: String) -> Scope {
        Scope { task, function, keys: Vec::new(), control: None }
    }

    /// The groups of `batch`; `control` knows which one.
    pub fn of(control: &Control, task: String, definition: &Definition, batch: &ArrayData) -> Scope {
        let columns = match &definition.shape.input {
            DataType::Struct(fields) => fields.iter().zip(batch.child_data()),
            _ => [].iter().zip(&[]),
        };
        let keys =
            columns.take(definition.shape.keys).map(|(field, key)| (field.name().clone(), key.clone()));
        Scope {
            task,
            function: definition.program.name.clone(),
            keys: keys.collect(),
            control: Some(control.clone()),
        }
    }

    fn describe(&self) -> String {
        let group = self.control.as_ref().and_then(Control::position).and_then(|position| position.group);
        let keys = self.keys.iter().map(|(name, key)| (name.as_str(), key.clone()));
        let group = group.and_then(|group| usize::try_from(group).ok());
        let group = group.filter(|_| !self.keys.is_empty()).map(|group| group_key::describe(keys, group));
        let function = format!("'{}'", self.function);
        let parts = [Some(self.task.clone()).filter(|task| !task.is_empty()), Some(function), group];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// From now on it is `scope`. It keeps the memory of the keys until [`leave`].
pub fn enter(scope: Scope) {
    *SCOPE.lock().unwrap_or_else(PoisonError::into_inner) = Some(scope);
}

/// Nothing runs any more.
pub fn leave() {
    *SCOPE.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// What runs, as text; None between batches.
#[pyfunction]
pub fn scope() -> Option<String> {
    SCOPE.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Scope::describe)
}
