//! The hooks of the generated client, which sends through an [`Attempt`].

use progenitor_client::{ClientHooks, OperationInfo};

use crate::{generated, transport::Attempt};

impl ClientHooks<Attempt> for generated::Client {
    /// Makes one attempt and returns the response it read.
    async fn exec(
        &self,
        request: reqwest::Request,
        _: &OperationInfo,
    ) -> reqwest::Result<reqwest::Response> {
        Ok(self.inner.run(&self.client, request).await)
    }
}
