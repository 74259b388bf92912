//! Constants in shared memory, for as long as calls use them, and a while longer.

use beringia_core::Error;
use beringia_core::blocks::Block;
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use super::{Pool, content, raise};

/// Constants of a call: whoever has it can name them.
#[pyclass(frozen, module = "beringia._native")]
pub struct Constants {
    /// What they were, and where.
    #[pyo3(get)]
    name: String,
    _block: Block,
}

#[pymethods]
impl Constants {
    /// `size` bytes of shared memory with each of `arrays` at its offset. `place` says where the arrays lie: what lies
    /// there again, and has the same hash, is not copied again.
    #[new]
    fn new(
        py: Python<'_>,
        pool: &Bound<'_, Pool>,
        place: &str,
        arrays: Vec<(usize, PyReadonlyArray1<'_, u8>)>,
        size: usize,
    ) -> PyResult<Constants> {
        let parts = arrays.iter().map(|(offset, array)| Ok((*offset, array.as_slice()?)));
        let parts = parts.collect::<PyResult<Vec<(usize, &[u8])>>>()?;
        let pool = pool.get();
        let held = py.detach(|| {
            let hashes = content::hash(pool.workers, parts.iter().map(|(_, bytes)| *bytes));
            let name = format!("{place} {hashes:x?}");
            let blocks = pool.runtime.blocks();
            let block = blocks.get(&name, size, &parts)?;
            blocks.keep(&block);
            Ok(Constants { name, _block: block })
        });
        held.map_err(|error: Error| raise(py, error))
    }
}
