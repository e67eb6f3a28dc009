use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;

/// Watches the attempts of one operation: did one before the last end so that the store may have made the write?
///
/// The SDK sends a write again after a timeout, a broken connection or a 5xx, and reports the last attempt alone.
#[derive(Clone, Debug, Default)]
pub(super) struct AttemptWatch(Arc<Watched>);

#[derive(Debug, Default)]
struct Watched {
    /// An attempt was begun and has not been refused.
    unsettled: AtomicBool,
    ambiguous: AtomicBool,
}

impl AttemptWatch {
    /// Whether an attempt before the last one may have been made.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.0.ambiguous.load(Ordering::SeqCst)
    }
}

impl Intercept for AttemptWatch {
    fn name(&self) -> &'static str {
        "attempt watch"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.0.unsettled.swap(true, Ordering::SeqCst) {
            self.0.ambiguous.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // A 4xx is the store's word that it wrote nothing: throttled, in conflict, or a failed condition.
        let refused = context
            .response()
            .is_some_and(|response| response.status().is_client_error());
        if refused {
            self.0.unsettled.store(false, Ordering::SeqCst);
        }
        Ok(())
    }
}
