//! The natives of `org.beringia.bridge.Natives`, in the order of that class.

use std::sync::Arc;
use std::time::Duration;

use beringia_core::job::{Job, JobSpec};
use beringia_core::metrics::Stats;
use beringia_core::runtime::Runtime;
use beringia_core::{Error, ErrorCode, log};
use jni::objects::{JByteArray, JClass, JIntArray, JObjectArray, JString};
use jni::sys::{jboolean, jint, jlong};
use jni::{Env, EnvUnowned};

use crate::arrow;
use crate::exception::{Throw, Thrown};
use crate::handles::{self, Handle};
use crate::order;

type Result<T> = std::result::Result<T, Thrown>;

/// Runs the body of a native: errors and panics are thrown.
fn native<'local, T: Default>(
    mut env: EnvUnowned<'local>,
    body: impl FnOnce(&mut Env<'local>) -> Result<T>,
) -> T {
    env.with_env(body).resolve::<Throw>()
}

fn millis(timeout: jlong) -> Duration {
    Duration::from_millis(timeout.max(0).cast_unsigned())
}

#[unsafe(no_mangle)]
extern "system" fn Java_org_beringia_bridge_Natives_open<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    conf: JString<'local>,
) -> jlong {
    native(env, |env| {
        log::install();
        let runtime = Runtime::from_json(&conf.try_to_string(env)?)?;
        Ok(handles::insert(Handle::Runtime(runtime)))
    })
}

#[unsafe(no_mangle)]
extern "system" fn Java_org_beringia_bridge_Natives_expect<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    runtime: jlong,
    spec: JString<'local>,
) {
    native(env, |env| {
        let spec = JobSpec::from_json(&spec.try_to_string(env)?)?;
        handles::runtime(runtime)?.pool().expect(&spec.interpreter());
        Ok(())
    });
}

#[unsafe(no_mangle)]
extern "system" fn Java_org_beringia_bridge_Natives_openJob<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    runtime: jlong,
    spec: JString<'local>,
    function: JByteArray<'local>,
    input_schema: jlong,
    output_schema: jlong,
) -> jlong {
    native(env, |env| {
        let runtime = handles::runtime(runtime)?;
        let spec = JobSpec::from_json(&spec.try_to_string(env)?)?;
        let function = env.convert_byte_array(function)?;
        // SAFETY: the caller passes the addresses of two complete `ArrowSchema` structs (docs/jvm-boundary.md).
        let (input, output) =
            unsafe { (arrow::import_type(input_schema)?, arrow::import_type(output_schema)?) };
        let job = Job::new(runtime, spec, &function, input, &output)?;
        Ok(handles::insert(Handle::Job(Arc::new(job))))
    })
}

#[unsafe(no_mangle)]
extern "system" fn Java_org_beringia_bridge_Natives_close<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    native(env, |_| {
        match handles::remove(handle) {
            Some(Handle::Runtime(runtime)) => runtime.shutdown(),
            Some(Handle::Job(job)) => job.close(),
            None => {}
        }
        Ok(())
    });
}

#[unsafe(no_mangle)]
extern "system" fn Java_org_beringia_bridge_Natives_allocate<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    job: jlong,
    bytes: jlong,
) -> jlong {
    native(env, |_| {
        let bytes = usize::try_from(bytes)
            .map_err(|_| Error::new(ErrorCode::Argument, format!("a segment of {bytes} bytes")))?;
        // The job keeps the segment until its batch is answered.
        let lease = handles::job(job)?.allocate(bytes)?;
        Ok(lease.segment().address() as jlong)
    })
}

#[unsafe(no_mangle)]
extern "system" fn Java_org_beringia_bridge_Natives_submit<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    job: jlong,
    array: jlong,
) {
    native(env, |_| {
        let job = handles::job(job)?;
        // SAFETY: the caller passes the address of a complete `ArrowArray` of the job's input type whose buffers
        // lie in segments of the job (docs/jvm-boundary.md); the view is dropped before this call returns.
        let batch = unsafe { arrow::import_array(array, job.input())? };
        Ok(job.submit(&batch)?)
    });
}

#[unsafe(no_mangle)]
extern "system" fn Java_org_beringia_bridge_Natives_hasRoom<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    job: jlong,
) -> jboolean {
    native(env, |_| Ok(handles::job(job)?.has_room()?))
}

#[unsafe(no_mangle)]
extern "system" fn Java_org_beringia_bridge_Natives_next<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    job: jlong,
    timeout: jlong,
    array: jlong,
    stats: jlong,
    aside: JObjectArray<'local, JByteArray<'local>>,
) -> jint {
    native(env, |env| {
        let Some(output) = handles::job(job)?.next(millis(timeout))? else { return Ok(0) };
        if stats == 0 {
            return Err(Error::protocol("no memory for the statistics").into());
        }
        if !output.aside.is_empty() {
            let bytes = env.byte_array_from_slice(&output.aside)?;
            aside.set_element(env, 0, &bytes)?;
        }
        // SAFETY: the caller passes the addresses of an empty `ArrowArray` and of `STATS` longs.
        unsafe {
            std::ptr::write_unaligned(stats as usize as *mut [u64; STATS], longs(&output.stats));
            arrow::export_array(&output.array, array)?;
        }
        Ok(1)
    })
}

/// Numbers of a result batch, in the order of `JobResult`.
const STATS: usize = 10;

fn longs(stats: &Stats) -> [u64; STATS] {
    [
        stats.groups,
        stats.rows,
        stats.bytes_in,
        stats.bytes_out,
        stats.copied,
        stats.moved,
        stats.worker_nanos,
        stats.function_nanos,
        stats.write_nanos,
        stats.slowest_nanos,
    ]
}

#[unsafe(no_mangle)]
extern "system" fn Java_org_beringia_bridge_Natives_release<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    array: jlong,
) {
    native(env, |_| {
        // SAFETY: the caller passes the address of an `ArrowArray` that `next` filled, or of one that is released.
        unsafe { arrow::release_array(array) }?;
        Ok(())
    });
}

#[unsafe(no_mangle)]
extern "system" fn Java_org_beringia_bridge_Natives_order<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    schema: jlong,
    array: jlong,
    directions: JByteArray<'local>,
) -> JIntArray<'local> {
    native(env, |env| {
        let directions = env.convert_byte_array(directions)?;
        // SAFETY: the caller passes the addresses of a complete `ArrowSchema` and of a complete `ArrowArray` of that type
        // whose buffers nobody changes during the call; the view is dropped before it returns.
        let columns = unsafe { arrow::import_array(array, &arrow::import_type(schema)?)? };
        let Some(order) = order::of(&columns, &directions)? else { return Ok(JIntArray::null()) };
        let found = env.new_int_array(order.len())?;
        found.set_region(env, 0, &order)?;
        Ok(found)
    })
}

#[unsafe(no_mangle)]
extern "system" fn Java_org_beringia_bridge_Natives_metrics<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    runtime: jlong,
) -> JString<'local> {
    native(env, |env| Ok(env.new_string(handles::runtime(runtime)?.metrics()?)?))
}

#[unsafe(no_mangle)]
extern "system" fn Java_org_beringia_bridge_Natives_drain<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    timeout: jlong,
    log_level: jint,
) -> JObjectArray<'local, JString<'local>> {
    native(env, |env| {
        log::set_level(u8::try_from(log_level).unwrap_or(u8::MAX));
        let lines = log::drain(millis(timeout));
        let count = lines.len() * 3;
        let array = env.new_object_type_array::<JString>(count, JString::null())?;
        for (index, line) in lines.into_iter().enumerate() {
            for (part, text) in [line.level, &line.logger, &line.message].into_iter().enumerate() {
                // Freed at once: a burst of events must not exhaust the local references.
                env.with_local_frame(4, |env| -> Result<()> {
                    let text = env.new_string(text)?;
                    Ok(array.set_element(env, index * 3 + part, &text)?)
                })?;
            }
        }
        Ok(array)
    })
}
