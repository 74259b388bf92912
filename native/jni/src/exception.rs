//! Errors and panics as `org.beringia.BeringiaException`.

use std::any::Any;

use beringia_core::{Error, ErrorCode};
use jni::errors::ErrorPolicy;
use jni::objects::{JObject, JThrowable, JValue};
use jni::{Env, jni_sig, jni_str};

/// What becomes an exception.
pub enum Thrown {
    /// An error of the core.
    Core(Error),
    /// A JNI call failed; a Java exception may be pending already.
    Jni(jni::errors::Error),
}

impl From<Error> for Thrown {
    fn from(error: Error) -> Self {
        Thrown::Core(error)
    }
}

impl From<jni::errors::Error> for Thrown {
    fn from(error: jni::errors::Error) -> Self {
        Thrown::Jni(error)
    }
}

/// Throws, and returns a default that Java never sees.
pub struct Throw;

impl<T: Default> ErrorPolicy<T, Thrown> for Throw {
    type Captures<'unowned_env_local: 'native_method, 'native_method> = ();

    fn on_error<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _captures: &mut (),
        failure: Thrown,
    ) -> jni::errors::Result<T> {
        match failure {
            Thrown::Core(error) => throw(env, &error)?,
            Thrown::Jni(jni::errors::Error::JavaException) => {}
            Thrown::Jni(error) => throw(env, &Error::internal(format!("a JNI call failed: {error}")))?,
        }
        Ok(T::default())
    }

    fn on_panic<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _captures: &mut (),
        payload: Box<dyn Any + Send + 'static>,
    ) -> jni::errors::Result<T> {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "an unknown panic".to_owned());
        throw(env, &Error::new(ErrorCode::Internal, format!("the native library panicked: {text}")))?;
        Ok(T::default())
    }
}

fn throw(env: &mut Env<'_>, error: &Error) -> jni::errors::Result<()> {
    let message = env.new_string(error.to_string())?;
    let group = optional(env, error.group.as_deref())?;
    let traceback = optional(env, error.traceback.as_deref())?;
    let function = optional(env, error.function.as_deref())?;
    let class = env.find_class(jni_str!("org/beringia/BeringiaException"))?;
    let exception = env.new_object(
        class,
        jni_sig!("(ILjava/lang/String;Ljava/lang/String;Ljava/lang/String;Ljava/lang/String;)V"),
        &[
            JValue::Int(error.code.number()),
            JValue::Object(&message),
            JValue::Object(&group),
            JValue::Object(&traceback),
            JValue::Object(&function),
        ],
    )?;
    let exception = env.cast_local::<JThrowable>(exception)?;
    env.throw(exception)
}

fn optional<'local>(env: &mut Env<'local>, text: Option<&str>) -> jni::errors::Result<JObject<'local>> {
    match text {
        Some(text) => Ok(env.new_string(text)?.into()),
        None => Ok(JObject::null()),
    }
}
