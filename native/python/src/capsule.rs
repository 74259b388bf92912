//! Tables in and out of Python by the Arrow PyCapsule interface
//! (<https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>).

use std::ffi::CStr;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::ffi::FFI_ArrowSchema;
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::{ArrowError, Field, Schema};
use arrow_select::concat::concat_batches;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

const STREAM: &CStr = c"arrow_array_stream";
const SCHEMA: &CStr = c"arrow_schema";

fn failed(error: ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// All rows of an object with `__arrow_c_stream__`, in one batch.
pub fn import_table(data: &Bound<'_, PyAny>) -> PyResult<RecordBatch> {
    let (schema, batches) = import_batches(data)?;
    match batches.as_slice() {
        [batch] => Ok(batch.clone()),
        _ => concat_batches(&schema, &batches).map_err(failed),
    }
}

/// The batches of an object with `__arrow_c_stream__`.
pub fn import_batches(data: &Bound<'_, PyAny>) -> PyResult<(Arc<Schema>, Vec<RecordBatch>)> {
    let capsule = data.call_method0("__arrow_c_stream__")?;
    let capsule = capsule.cast::<PyCapsule>().map_err(|_| PyTypeError::new_err("no Arrow stream"))?;
    let pointer = capsule.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: a capsule of this name holds a stream, which is moved out of it, as the interface wants it.
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr()) };
    let reader = RecordBatchStreamReader::try_new(stream).map_err(failed)?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<RecordBatch>, ArrowError>>().map_err(failed)?;
    Ok((schema, batches))
}

/// The schema of an object with `__arrow_c_schema__`.
pub fn import_schema(schema: &Bound<'_, PyAny>) -> PyResult<Schema> {
    let capsule = schema.call_method0("__arrow_c_schema__")?;
    let capsule = capsule.cast::<PyCapsule>().map_err(|_| PyTypeError::new_err("no Arrow schema"))?;
    let pointer = capsule.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
    // SAFETY: a capsule of this name holds a schema, which lives as long as the capsule and is only read.
    Schema::try_from(unsafe { pointer.as_ref() }).map_err(failed)
}

/// A result, for one reader.
#[pyclass(frozen, module = "beringia._native")]
pub struct Stream {
    schema: Arc<Schema>,
    batches: Mutex<Vec<RecordBatch>>,
}

impl Stream {
    /// Batches of the given fields.
    pub fn new(fields: Vec<Field>, batches: Vec<RecordBatch>) -> Stream {
        Stream { schema: Arc::new(Schema::new(fields)), batches: Mutex::new(batches) }
    }
}

#[pymethods]
impl Stream {
    /// Hands the batches over. They are gone after that.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A schema may be asked for, and need not be obeyed.
        drop(requested_schema);
        let batches = std::mem::take(&mut *self.batches.lock().unwrap_or_else(PoisonError::into_inner));
        let reader = RecordBatchIterator::new(batches.into_iter().map(Ok), Arc::clone(&self.schema));
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), STREAM)
    }
}
